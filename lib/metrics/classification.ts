import { UserError } from '../errors';
import { areaUnderRocPerClass, meanAreaUnderRoc } from './auc';
import {
  checkLabels,
  checkProbabilities,
  checkScored,
  column,
  predictedLabels,
  type FloatArray,
  type Scored,
} from './scores';

/** One class, or one label of a multi-label task. A ratio with denominator 0 counts 0, as in scikit-learn. */
export interface ClassReportRow {
  readonly index: number;
  readonly precision: number;
  /** Sensitivity. */
  readonly recall: number;
  readonly f1: number;
  /** Images of this class. */
  readonly support: number;
  /** One-vs-rest area under the ROC curve; undefined where the class holds none or all of the images. */
  readonly auc: number | undefined;
}

/** What is reported of a classifier on one split; all values are fractions. */
export interface ClassificationMetrics {
  /** As MedMNIST's evaluator counts it. */
  readonly accuracy: number;
  readonly macroF1: number;
  /**
   * As MedMNIST's evaluator defines it; over the classes that are there where some are not, as `aucNote` then says;
   * undefined without any.
   */
  readonly auc: number | undefined;
  readonly aucNote: string | undefined;
  /** Row-major classes × classes, rows truth, columns prediction; undefined for multi-label tasks. */
  readonly confusionMatrix: Int32Array | undefined;
  readonly report: readonly ClassReportRow[];
  /** Mean, in nats. */
  readonly crossEntropy: number;
}

/** The share of equal labels. */
export function accuracy(truth: ArrayLike<number>, predicted: ArrayLike<number>): number {
  checkPairs(truth, predicted);
  let right = 0;
  for (let index = 0; index < truth.length; index++) if (truth[index] === predicted[index]) right++;
  return right / truth.length;
}

/** Counts of images, row-major classes × classes: row the true class, column the predicted one (as scikit-learn). */
export function confusionMatrix(truth: ArrayLike<number>, predicted: ArrayLike<number>, classes: number): Int32Array {
  checkPairs(truth, predicted);
  checkLabels(truth, classes);
  checkLabels(predicted, classes);
  const matrix = new Int32Array(classes * classes);
  for (let index = 0; index < truth.length; index++) matrix[truth[index] * classes + predicted[index]]++;
  return matrix;
}

/** Precision, recall, F1, support and AUC of each class; predictions as in `predictedLabels`. Both classes of a binary task. */
export function classReport(scored: Scored): ClassReportRow[] {
  const { task, truth, classes } = scored;
  const areas = areaUnderRocPerClass(scored);
  const predicted = predictedLabels(scored);
  const matrix = task === 'multi-label' ? undefined : confusionMatrix(truth, predicted, classes);
  return Array.from({ length: classes }, (_, index) => {
    const counts = matrix
      ? countsOfClass(matrix, classes, index)
      : countsOfClass(confusionMatrix(column(truth, classes, index), column(predicted, classes, index), 2), 2, 1);
    // Mirroring truth and scores leaves the area as it is: both classes of a binary task share one.
    const area = task === 'binary-class' ? areas[0] : areas[index];
    const support = counts.truePositives + counts.falseNegatives;
    return { index, ...scoresOfCounts(counts), support, auc: Number.isNaN(area) ? undefined : area };
  });
}

/** Accuracy of MedMNIST's evaluator (`getACC`, 3.0.2): over images, or over images and labels of a multi-label task. */
export function medmnistAccuracy(scored: Scored): number {
  // Labels have equally many images, so the evaluator's mean of their accuracies is one accuracy over all entries.
  return accuracy(scored.truth, predictedLabels(scored));
}

/**
 * Mean cross-entropy of probabilities in nats: over images, −ln of the true class's probability (scikit-learn's `log_loss`); for
 * multi-label tasks the binary cross-entropy over images and labels. Probabilities are clipped to [ε, 1 − ε] with the machine
 * epsilon of their type (2⁻²³ in float32, 2⁻⁵² in float64), so that one certain mistake leaves the mean finite.
 */
export function crossEntropy(scored: Scored): number {
  const { count, columns } = checkScored(scored);
  const { task, truth, scores } = scored;
  const entries = task === 'multi-label' || columns === 1;
  const epsilon = scores instanceof Float32Array ? 2 ** -23 : 2 ** -52;
  const terms = entries ? truth.length : count;
  let sum = 0;
  for (let term = 0; term < terms; term++) {
    const score = entries ? scores[term] : scores[term * columns + truth[term]];
    const probability = entries && truth[term] === 0 ? 1 - score : score;
    sum -= Math.log(Math.min(Math.max(probability, epsilon), 1 - epsilon));
  }
  return sum / terms;
}

/** Everything that is reported of a classifier on one split, from its probabilities (row-major N × classes, or N for P(y = 1)). */
export function classificationMetrics({
  probabilities,
  ...rest
}: Omit<Scored, 'scores'> & { readonly probabilities: FloatArray }): ClassificationMetrics {
  const scored: Scored = { ...rest, scores: probabilities };
  const { task, truth, classes } = scored;
  checkProbabilities(probabilities);
  const report = classReport(scored);
  return {
    accuracy: medmnistAccuracy(scored),
    macroF1: report.reduce((sum, row) => sum + row.f1, 0) / classes,
    auc: report.every((row) => row.auc === undefined)
      ? undefined
      : meanAreaUnderRoc({ ...scored, absentClass: 'skip' }).auc,
    aucNote: aucNote(report),
    confusionMatrix: task === 'multi-label' ? undefined : confusionMatrix(truth, predictedLabels(scored), classes),
    report,
    crossEntropy: crossEntropy(scored),
  };
}

/** Over which classes the AUC is; undefined where it is over all. By their numbers, where they are not named. */
export function aucNote(report: readonly ClassReportRow[], names?: readonly string[]): string | undefined {
  const absent = report.filter((row) => row.auc === undefined).map((row) => row.index);
  if (absent.length === 0) return undefined;
  const listed = names === undefined ? `class ${absent.join(', ')}` : absent.map((index) => names[index]).join(', ');
  const which = `${listed} holds none or all of the images`;
  if (absent.length === report.length) return `There is no AUC: ${which}.`;
  return `AUC is over ${report.length - absent.length} of ${report.length} classes: ${which}.`;
}

interface Counts {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

function countsOfClass(matrix: Int32Array, classes: number, index: number): Counts {
  let inTruth = 0;
  let inPrediction = 0;
  for (let other = 0; other < classes; other++) {
    inTruth += matrix[index * classes + other];
    inPrediction += matrix[other * classes + index];
  }
  const truePositives = matrix[index * classes + index];
  return { truePositives, falsePositives: inPrediction - truePositives, falseNegatives: inTruth - truePositives };
}

function scoresOfCounts({ truePositives, falsePositives, falseNegatives }: Counts) {
  return {
    precision: ratio(truePositives, truePositives + falsePositives),
    recall: ratio(truePositives, truePositives + falseNegatives),
    f1: ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives),
  };
}

function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}

function checkPairs(truth: ArrayLike<number>, predicted: ArrayLike<number>): void {
  if (truth.length !== predicted.length || truth.length === 0) {
    throw new UserError(`There are ${truth.length} true labels and ${predicted.length} predicted ones.`);
  }
}
