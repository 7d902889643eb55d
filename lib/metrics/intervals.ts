import { UserError } from '../errors';
import { createRandom } from '../random';
import { checkConfidence, normalCritical, studentCritical } from './distributions';
import { checkFinite } from './scores';

/** A confidence interval. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Arithmetic mean. Throws a UserError for no values. */
export function mean(values: ArrayLike<number>): number {
  if (values.length === 0) throw new UserError('There is no mean of no values.');
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index];
  return sum / values.length;
}

/** Standard deviation of a sample, with n − 1 in the denominator; NaN for fewer than two values. */
export function sampleDeviation(values: ArrayLike<number>): number {
  if (values.length < 2) return NaN;
  const center = mean(values);
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += (values[index] - center) ** 2;
  return Math.sqrt(sum / (values.length - 1));
}

/** The value below which a `fraction` of the values lies, interpolated linearly (Hyndman and Fan 1996, type 7; numpy's default). */
export function quantile(values: ArrayLike<number>, fraction: number): number {
  if (values.length === 0) throw new UserError('There is no quantile of no values.');
  const sorted = Float64Array.from(values).sort();
  const position = fraction * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}

/** How often to resample, and with which random numbers. */
export interface ResamplingOptions {
  readonly seed: number;
  /** Default 0.95. */
  readonly confidence?: number;
  /** Default 2000. */
  readonly resamples?: number;
}

/** What to resample. */
export interface BootstrapOptions extends ResamplingOptions {
  /** Number of images (or other units). */
  readonly count: number;
  /** The value of a sample, given as `count` indices drawn with replacement. The array is reused: copy what is to be kept. */
  readonly statistic: (indices: Int32Array) => number;
}

/**
 * Percentile bootstrap interval (Efron and Tibshirani 1993, § 13.3). Reproducible: resample r draws from the stream
 * `createRandom(seed, 'bootstrap', r)`. NaN of one image, which says nothing of others. Throws a UserError where a statistic is not finite,
 * such as an AUC without positives.
 */
export function bootstrapInterval(options: BootstrapOptions): Interval {
  const { count, statistic, seed, confidence = 0.95, resamples = 2000 } = options;
  checkConfidence(confidence);
  if (!(count >= 1 && resamples >= 1)) {
    throw new UserError(`A bootstrap needs images and resamples; there are ${count} and ${resamples}.`);
  }
  if (count === 1) return { low: NaN, high: NaN };
  const indices = new Int32Array(count);
  const values = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    const random = createRandom(seed, 'bootstrap', resample);
    for (let index = 0; index < count; index++) indices[index] = random.integer(count);
    values[resample] = statistic(indices);
  }
  checkFinite(values, 'The statistic of resample');
  const tail = (1 - confidence) / 2;
  return { low: quantile(values, tail), high: quantile(values, 1 - tail) };
}

/** `bootstrapInterval` of the mean of one value an image. */
export function meanInterval(values: ArrayLike<number>, options: ResamplingOptions): Interval {
  const statistic = (indices: Int32Array): number => {
    let sum = 0;
    for (let index = 0; index < indices.length; index++) sum += values[indices[index]];
    return sum / indices.length;
  };
  return bootstrapInterval({ ...options, count: values.length, statistic });
}

/** Wilson score interval of a proportion such as an accuracy (Wilson 1927; `proportion_confint` of statsmodels). */
export function wilsonInterval(successes: number, count: number, confidence = 0.95): Interval {
  if (!(count > 0 && successes >= 0 && successes <= count)) {
    throw new UserError(`${successes} of ${count} is no proportion.`);
  }
  const z = normalCritical(confidence);
  const proportion = successes / count;
  const denominator = 1 + (z * z) / count;
  const center = (proportion + (z * z) / (2 * count)) / denominator;
  const variance = (proportion * (1 - proportion)) / count + (z * z) / (4 * count * count);
  const margin = (z * Math.sqrt(variance)) / denominator;
  return { low: Math.max(0, center - margin), high: Math.min(1, center + margin) };
}

/**
 * Interval of the mean of a score from 0 to 1 over the folds of a cross-validation: Student's t with the variance times 1/k + 1/(k − 1), since the
 * folds share most of their training images (Nadeau and Bengio 2003, eq. 9, with the test images' share of a fold).
 * @throws UserError for fewer than two folds
 */
export function foldInterval(values: ArrayLike<number>, confidence = 0.95): Interval {
  const folds = values.length;
  if (folds < 2) throw new UserError(`An interval over folds needs two or more; there are ${folds}.`);
  const center = mean(values);
  const error = sampleDeviation(values) * Math.sqrt(1 / folds + 1 / (folds - 1));
  const margin = studentCritical(confidence, folds - 1) * error;
  return { low: Math.max(0, center - margin), high: Math.min(1, center + margin) };
}
