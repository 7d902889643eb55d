/** What a cell shows of networks, trainings and their scores. */
import { confusionMatrix as confusionMatrixOf } from '../display/confusion-chart';
import type { ChartOptions, FigureDisplay } from '../display/figure';
import type { Displayable } from '../display/mime';
import { shareDecimals } from '../display/format';
import { table } from '../display/tables';
import type { ClassifierEvaluation } from '../runs/evaluate';

/** The confusion matrix of a classifier; undefined of a training that was stopped. */
export function confusionMatrix(
  evaluation: ClassifierEvaluation | undefined,
  options: Partial<ChartOptions> = {},
): FigureDisplay | undefined {
  if (evaluation === undefined) return undefined;
  const label = `Confusion matrix of ${evaluation.model}, epoch ${evaluation.epoch}, on the ${evaluation.split} images`;
  return confusionMatrixOf(evaluation, { label, ...options });
}

/**
 * Precision, recall, F1 and AUC of each class, and over which classes the AUC is where some are not there; undefined
 * of a training that was stopped.
 */
export function classReport(
  evaluation: ClassifierEvaluation | undefined,
  { caption = `Each class on the ${evaluation?.split ?? 'test'} images` }: { readonly caption?: string } = {},
): Displayable | undefined {
  if (evaluation === undefined) return undefined;
  const note = evaluation.aucNote === undefined ? '' : `. ${evaluation.aucNote}`;
  // A class that was never predicted has no precision, nor one without images a recall; the mean of F1 counts both as 0.
  const { matrix, images } = evaluation;
  const rows = evaluation.report.map((row, index) => ({
    ...row,
    precision: matrix.length > 0 && matrix.every((counts) => counts[index] === 0) ? NaN : row.precision,
    recall: row.support === 0 ? NaN : row.recall,
  }));
  return table(rows, { caption: `${caption}${note}`, digits: shareDecimals(images), worst: { f1: 'lowest' } });
}
