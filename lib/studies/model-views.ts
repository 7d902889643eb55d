/** What a notebook shows of a model and of its test. */
import { countParameters, sizeOf } from '../models/parameters';
import type { Classifier, TestResult } from '../training/classifier';

/** One row for each top-level part of the network, with its trained values, and one for all. */
export function describeModel({
  table,
}: Pick<Classifier, 'table'>): { part: string; tensors: number; parameters: number }[] {
  const parts = [...new Set(Object.keys(table).map(topLevel))];
  const rows = parts.map((part) => {
    const own = Object.entries(table).filter(([name, { kind }]) => topLevel(name) === part && kind !== 'statistic');
    return { part, tensors: own.length, parameters: own.reduce((total, [, { shape }]) => total + sizeOf(shape), 0) };
  });
  const tensors = rows.reduce((total, row) => total + row.tensors, 0);
  return [...rows, { part: 'all', tensors, parameters: countParameters({ table }) }];
}

function topLevel(name: string): string {
  return name.split('.')[0];
}

/** The confusion matrix as rows, and the per-class report with class names, for `confusionMatrix` and `table`. */
export function describeTest({ confusionMatrix, report }: TestResult, classNames: readonly string[]) {
  const size = classNames.length;
  const counts = confusionMatrix ?? new Int32Array(size * size);
  return {
    matrix: classNames.map((_, row) => [...counts.subarray(row * size, (row + 1) * size)]),
    classNames,
    report: report.map(({ index, precision, recall, f1, support, auc }) => ({
      class: classNames[index],
      precision,
      recall,
      f1,
      auc: auc ?? NaN,
      support,
    })),
  };
}
