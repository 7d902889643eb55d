import { UserError } from '../errors';
import { argmaxRows, checkProbabilities, checkScored, type FloatArray, type Scored } from './scores';

/**
 * Probabilities next to the truth, read as the task says. Multi-class and ordinal: is the top class right as often as its
 * probability says. Binary: is y = 1 as often as P(y = 1), the last column, says. Multi-label: the same of all N × labels entries.
 */
export interface Forecast extends Omit<Scored, 'scores'> {
  readonly probabilities: FloatArray;
}

/** Forecasts whose confidence is in [lower, upper); the last bin includes 1. */
export interface ReliabilityBin {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
  /** Mean confidence and share of right ones; NaN in an empty bin, which a figure leaves out. */
  readonly confidence: number;
  readonly accuracy: number;
}

/**
 * The bins of a reliability diagram (equal widths, 15 as in torchmetrics). A confidence on an edge belongs to the bin above, 1 to
 * the last bin. Edges are rounded to the type of the probabilities, so that 0.7 in float32 is on the edge 0.7.
 */
export function reliabilityBins({ bins = 15, ...forecast }: Forecast & { readonly bins?: number }): ReliabilityBin[] {
  if (!(Number.isInteger(bins) && bins >= 1))
    throw new UserError(`The number of bins is ${bins}; it must be 1 or more.`);
  const { confidences, correct } = confidencesOf(forecast);
  const round = forecast.probabilities instanceof Float32Array ? Math.fround : (value: number) => value;
  const edges = Float64Array.from({ length: bins + 1 }, (_, index) => round(index / bins));
  const counts = new Int32Array(bins);
  const confidenceSums = new Float64Array(bins);
  const correctSums = new Float64Array(bins);
  for (let index = 0; index < confidences.length; index++) {
    const confidence = confidences[index];
    // The product may be rounded across an edge, by one bin at most.
    let bin = Math.max(0, Math.min(Math.floor(confidence * bins), bins - 1));
    if (bin > 0 && confidence < edges[bin]) bin--;
    else if (bin < bins - 1 && confidence >= edges[bin + 1]) bin++;
    counts[bin]++;
    confidenceSums[bin] += confidence;
    correctSums[bin] += correct[index];
  }
  return Array.from(counts, (count, bin) => ({
    lower: edges[bin],
    upper: edges[bin + 1],
    count,
    confidence: confidenceSums[bin] / count,
    accuracy: correctSums[bin] / count,
  }));
}

/**
 * Expected calibration error (Guo et al. 2017, eq. 3; the l1 norm of torchmetrics): the mean over images of the distance between
 * accuracy and mean confidence of their bin.
 */
export function expectedCalibrationError(forecast: Forecast & { readonly bins?: number }): number {
  return calibrationErrorOfBins(reliabilityBins(forecast));
}

/**
 * The same of each class by itself, its probability against whether it is the class, in the mean over classes (Kull et al. 2019,
 * classwise-ECE): the errors of rare classes count as much as those of frequent ones.
 */
export function classwiseCalibrationError({ bins, ...forecast }: Forecast & { readonly bins?: number }): number {
  const { task, truth, classes, probabilities } = forecast;
  const count = checkScored({ ...forecast, scores: probabilities }).count;
  if (probabilities.length !== count * classes) return expectedCalibrationError({ ...forecast, bins });
  let sum = 0;
  for (let index = 0; index < classes; index++) {
    const isClass = (_: unknown, row: number): number =>
      task === 'multi-label' ? truth[row * classes + index] : truth[row] === index ? 1 : 0;
    const own = Float64Array.from({ length: count }, (_, row) => probabilities[row * classes + index]);
    sum += expectedCalibrationError({
      task: 'binary-class',
      truth: Int32Array.from({ length: count }, isClass),
      probabilities: own,
      classes: 2,
      bins,
    });
  }
  return sum / classes;
}

/** The calibration error that follows from bins; NaN where all are empty. */
export function calibrationErrorOfBins(bins: readonly ReliabilityBin[]): number {
  let sum = 0;
  let total = 0;
  for (const { count, confidence, accuracy } of bins) {
    if (count > 0) sum += count * Math.abs(accuracy - confidence);
    total += count;
  }
  return sum / total;
}

/** The bins of several forecasts together, from those of each, which must have the same edges. */
export function poolBins(forecasts: readonly (readonly ReliabilityBin[])[]): ReliabilityBin[] {
  if (forecasts.length === 0) throw new UserError('There are no bins that could be pooled.');
  return forecasts[0].map(({ lower, upper }, index) => {
    const parts = forecasts.map((bins) => bins[index]).filter(({ count }) => count > 0);
    const count = parts.reduce((total, part) => total + part.count, 0);
    const meanOf = (key: 'confidence' | 'accuracy'): number =>
      parts.reduce((total, part) => total + part.count * part[key], 0) / count;
    return { lower, upper, count, confidence: meanOf('confidence'), accuracy: meanOf('accuracy') };
  });
}

/**
 * Brier score, the mean over images. Multi-class and ordinal: the squared distance from the one-hot truth, summed over classes, 0 to
 * 2 (Brier 1950). Binary: (P(y = 1) − y)², 0 to 1; multi-label: the mean of that over labels too. As scikit-learn 1.9 scales them.
 */
export function brierScore(forecast: Forecast): number {
  const { task, truth, classes } = forecast;
  const probabilities = checkedProbabilities(forecast);
  let sum = 0;
  if (task === 'binary-class' || task === 'multi-label') {
    const columns = task === 'multi-label' ? 1 : probabilities.length / truth.length;
    for (let index = 0; index < truth.length; index++) {
      sum += (probabilities[(index + 1) * columns - 1] - truth[index]) ** 2;
    }
  } else {
    for (let index = 0; index < probabilities.length; index++) {
      const target = truth[Math.floor(index / classes)] === index % classes ? 1 : 0;
      sum += (probabilities[index] - target) ** 2;
    }
  }
  return sum / truth.length;
}

/** How sure each forecast was, and whether it came true. */
function confidencesOf(forecast: Forecast): { confidences: ArrayLike<number>; correct: ArrayLike<number> } {
  const { task, truth, classes } = forecast;
  const probabilities = checkedProbabilities(forecast);
  if (task === 'multi-label') return { confidences: probabilities, correct: truth };
  if (task === 'binary-class') {
    const columns = probabilities.length / truth.length;
    const last = (_: unknown, index: number) => probabilities[(index + 1) * columns - 1];
    return { confidences: Float64Array.from({ length: truth.length }, last), correct: truth };
  }
  const top = argmaxRows(probabilities, classes);
  return {
    confidences: Float64Array.from(top, (label, row) => probabilities[row * classes + label]),
    correct: Int32Array.from(top, (label, row) => (label === truth[row] ? 1 : 0)),
  };
}

function checkedProbabilities({ probabilities, ...rest }: Forecast): FloatArray {
  checkScored({ ...rest, scores: probabilities });
  checkProbabilities(probabilities);
  return probabilities;
}
