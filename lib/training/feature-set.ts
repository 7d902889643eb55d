import { trainingWeights } from '../data/batches';
import type { Dataset, SplitName, Task } from '../data/dataset';
import type { FeatureFile } from './feature-file';

/** One split as features beside its labels. */
export interface FeatureSet {
  /** Images. */
  readonly count: number;
  readonly width: number;
  /** Row-major count × width, in the split's order; undefined where they are too many for memory. */
  readonly rows: Float32Array | undefined;
  /** Copies the rows at `indices` into `target`, one after the other. */
  readRows(indices: ArrayLike<number>, target: Float32Array): void;
  /** Row-major count × labelWidth. */
  readonly labels: Int32Array;
  readonly labelWidth: number;
  /** What each image counts in training, 1 in the mean; undefined where all count alike. */
  readonly weights?: Float32Array;
  readonly task: Task;
  readonly classes: number;
  /** Closes the file of what is not in memory. */
  close(): void;
}

export type FeatureSets = Readonly<Record<SplitName, FeatureSet>>;

/** Features of a split that are at hand: row-major count × width. */
export function featureSet(
  { splits, task, classNames }: Pick<Dataset, 'splits' | 'task' | 'classNames'>,
  split: SplitName,
  width: number,
  rows: Float32Array | FeatureFile,
): FeatureSet {
  const common = commonFacts({ splits, task, classNames }, split, width);
  if (!(rows instanceof Float32Array))
    return { ...common, rows: undefined, readRows: rows.readRows, close: () => rows.close() };
  if (rows.length !== common.count * width)
    throw new Error(`${rows.length} values are not ${common.count} rows of ${width}.`);
  return {
    ...common,
    rows,
    readRows(indices, target) {
      for (let position = 0; position < indices.length; position++) {
        const start = indices[position] * width;
        target.set(rows.subarray(start, start + width), position * width);
      }
    },
    close: () => undefined,
  };
}

/** Stands for features that are computed where they are needed: it knows what they are of, but has no values. */
export function absentFeatures(
  { splits, task, classNames }: Pick<Dataset, 'splits' | 'task' | 'classNames'>,
  split: SplitName,
  width: number,
): FeatureSet {
  const readRows = (): never => {
    throw new Error(`The features of ${split} are not kept.`);
  };
  return {
    ...commonFacts({ splits, task, classNames }, split, width),
    rows: undefined,
    readRows,
    close: () => undefined,
  };
}

function commonFacts(
  { splits, task, classNames }: Pick<Dataset, 'splits' | 'task' | 'classNames'>,
  split: SplitName,
  width: number,
) {
  const { count, labels, labelWidth } = splits[split];
  const weights = trainingWeights(splits[split]);
  return { count, width, labels, labelWidth, ...(weights && { weights }), task, classes: classNames.length };
}
