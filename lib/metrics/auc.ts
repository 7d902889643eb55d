import { UserError } from '../errors';
import { checkScored, column, type Scored } from './scores';

/** What to do about a class that no image, or every image of a split belongs to: stop, or leave it out of the mean and say so. */
export type AbsentClass = 'error' | 'skip';

/** A mean over classes, and the classes that have no value and are not in it. */
export interface MeanAreaUnderRoc {
  readonly auc: number;
  readonly skipped: readonly number[];
}

/**
 * Area under the receiver operating characteristic, equal scores counted half (Mann and Whitney 1947); the same number as scikit-learn's
 * `roc_auc_score`: one against the rest for each class, each label of a multi-label task, or the one area of a binary task (from its last
 * column).
 * NaN where the class holds none or all of the images.
 */
export function areaUnderRocPerClass(scored: Scored): Float64Array {
  const { columns } = checkScored(scored);
  const { task, truth, scores, classes } = scored;
  if (task === 'binary-class') return Float64Array.of(rankArea(truth, column(scores, columns, columns - 1), 1));
  return Float64Array.from({ length: classes }, (_, index) =>
    task === 'multi-label'
      ? rankArea(column(truth, classes, index), column(scores, classes, index), 1)
      : rankArea(truth, column(scores, classes, index), index),
  );
}

/**
 * The unweighted mean over classes (multi-class, ordinal) or labels (multi-label) of `areaUnderRocPerClass`. `absentClass: 'skip'`
 * averages the classes that have a value and lists the others; 'error' (default) throws a UserError that names them.
 */
export function meanAreaUnderRoc(scored: Scored & { readonly absentClass?: AbsentClass }): MeanAreaUnderRoc {
  const areas = areaUnderRocPerClass(scored);
  let sum = 0;
  const skipped: number[] = [];
  areas.forEach((area, index) => {
    if (Number.isNaN(area)) skipped.push(index);
    else sum += area;
  });
  const allSkipped = skipped.length === areas.length;
  if (skipped.length > 0 && (allSkipped || scored.absentClass !== 'skip')) {
    const which = scored.task === 'binary-class' ? '' : ` for class ${skipped.join(', ')}`;
    const way = allSkipped
      ? ''
      : `; absentClass: 'skip' takes the mean over the other ${areas.length - skipped.length}`;
    throw new UserError(`AUC is undefined${which}: it needs images of the class and images that are not${way}.`);
  }
  return { auc: sum / (areas.length - skipped.length), skipped };
}

/**
 * AUC of MedMNIST's evaluator (`medmnist.evaluator.getAUC`, 3.0.2): binary from the last column; multi-class and ordinal the mean
 * one-vs-rest area; multi-label the mean over labels. Throws a UserError where it is undefined: for that, `meanAreaUnderRoc`.
 */
export function medmnistAuc(scored: Scored): number {
  return meanAreaUnderRoc({ ...scored, absentClass: 'error' }).auc;
}

/**
 * The share of pairs of one image with label `positive` and one without in which the first has the higher score; NaN without pairs.
 * Two native sorts and a merge: exact whole numbers up to the division, and no array of index objects.
 */
function rankArea(truth: ArrayLike<number>, scores: ArrayLike<number>, positive: number): number {
  let positiveCount = 0;
  for (let index = 0; index < truth.length; index++) if (truth[index] === positive) positiveCount++;
  const positives = new Float64Array(positiveCount);
  const negatives = new Float64Array(truth.length - positiveCount);
  for (let index = 0, p = 0, n = 0; index < truth.length; index++) {
    if (truth[index] === positive) positives[p++] = scores[index];
    else negatives[n++] = scores[index];
  }
  positives.sort();
  negatives.sort();

  let doubledWins = 0;
  let lower = 0; // negatives below the current positive
  let upper = 0; // negatives below or equal to it
  for (const score of positives) {
    while (lower < negatives.length && negatives[lower] < score) lower++;
    while (upper < negatives.length && negatives[upper] <= score) upper++;
    doubledWins += lower + upper;
  }
  return doubledWins / (2 * positives.length * negatives.length);
}
