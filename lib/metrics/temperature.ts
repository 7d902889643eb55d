import { UserError } from '../errors';
import { checkFinite, checkLabels, type FloatArray } from './scores';

/** Logits next to the truth: of the validation split, for the temperature must not see the test split. */
export interface TemperatureData {
  /** Row-major N × `classes`; or, with `classes` 1, N logits of P(y = 1), such as a mask's pixels. */
  readonly logits: FloatArray;
  /** N class indices; 0 and 1 with `classes` 1. */
  readonly truth: ArrayLike<number>;
  readonly classes: number;
}

export interface Temperature {
  /** Logits are to be divided by it: above 1 where the model was too sure. */
  readonly temperature: number;
  /** Mean negative log-likelihood in nats, as it was and with the temperature. */
  readonly before: number;
  readonly after: number;
  /** True where the best temperature is beyond `temperatureBounds`, as for classes that the logits separate without an error. */
  readonly atBound: boolean;
}

export const temperatureBounds = { lowest: 0.001, highest: 1000 } as const;

/**
 * Temperature scaling (Guo et al. 2017, § 4.2): the one number by which to divide all logits so that their negative log-likelihood is
 * least. The likelihood is convex in the inverse temperature, which Newton's method finds, kept within where the slope changes its sign.
 * Neither the top class nor, with a threshold of 0.5, a mask changes with it.
 * @throws UserError for no logits, logits that are not finite, and labels that do not fit
 */
export function fitTemperature(data: TemperatureData): Temperature {
  checkData(data);
  let low = 1 / temperatureBounds.highest;
  let high = 1 / temperatureBounds.lowest;
  const outward = derivatives(data, low).slope >= 0 ? low : derivatives(data, high).slope <= 0 ? high : undefined;
  // Without any slope, as of logits that are all 0, every temperature is as good.
  const flat = derivatives(data, 1).slope === 0;
  let inverse = flat ? 1 : (outward ?? 1);
  for (let step = 0; !flat && outward === undefined && step < 200; step++) {
    const { slope, curvature } = derivatives(data, inverse);
    if (slope > 0) high = inverse;
    else low = inverse;
    const newton = inverse - slope / curvature;
    const next = newton > low && newton < high ? newton : Math.sqrt(low * high);
    const change = Math.abs(next - inverse);
    inverse = next;
    if (change <= 1e-13 * inverse) break;
  }
  return {
    temperature: 1 / inverse,
    before: negativeLogLikelihood(data, 1),
    after: negativeLogLikelihood(data, inverse),
    atBound: !flat && outward !== undefined,
  };
}

/** Logits divided by a temperature, of the same type. */
export function scaleLogits<T extends FloatArray>(logits: T, temperature: number): T {
  if (!(temperature > 0)) throw new UserError(`The temperature is ${temperature}; it must be above 0.`);
  return logits.map((logit) => logit / temperature) as T;
}

/** First and second derivative of the mean negative log-likelihood by the inverse temperature. */
function derivatives({ logits, truth, classes }: TemperatureData, inverse: number) {
  let slope = 0;
  let curvature = 0;
  if (classes === 1) {
    for (let row = 0; row < truth.length; row++) {
      const logit = logits[row];
      const probability = 1 / (1 + Math.exp(-inverse * logit));
      slope += (probability - truth[row]) * logit;
      curvature += probability * (1 - probability) * logit * logit;
    }
    return { slope: slope / truth.length, curvature: curvature / truth.length };
  }
  for (let row = 0; row < truth.length; row++) {
    // Relative to the largest, the logits keep their mean's digits and no exponential overflows.
    const largest = largestOfRow(logits, row, classes);
    let [sum, first, second] = [0, 0, 0];
    for (let index = row * classes; index < (row + 1) * classes; index++) {
      const logit = logits[index] - largest;
      const weight = Math.exp(inverse * logit);
      sum += weight;
      first += weight * logit;
      second += weight * logit * logit;
    }
    const expected = first / sum;
    slope += expected - (logits[row * classes + truth[row]] - largest);
    curvature += Math.max(0, second / sum - expected * expected);
  }
  return { slope: slope / truth.length, curvature: curvature / truth.length };
}

function negativeLogLikelihood({ logits, truth, classes }: TemperatureData, inverse: number): number {
  let total = 0;
  for (let row = 0; row < truth.length; row++) {
    if (classes === 1) {
      // ln(1 + exp(x)) for the x that is against the truth
      const against = inverse * (truth[row] === 1 ? -logits[row] : logits[row]);
      total += Math.max(against, 0) + Math.log1p(Math.exp(-Math.abs(against)));
      continue;
    }
    const largest = largestOfRow(logits, row, classes);
    let sum = 0;
    for (let index = row * classes; index < (row + 1) * classes; index++)
      sum += Math.exp(inverse * (logits[index] - largest));
    total += Math.log(sum) - inverse * (logits[row * classes + truth[row]] - largest);
  }
  return total / truth.length;
}

function largestOfRow(logits: FloatArray, row: number, classes: number): number {
  let largest = -Infinity;
  for (let index = row * classes; index < (row + 1) * classes; index++) largest = Math.max(largest, logits[index]);
  return largest;
}

function checkData({ logits, truth, classes }: TemperatureData): void {
  if (truth.length === 0 || !(classes >= 1) || logits.length !== truth.length * classes)
    throw new UserError(
      `${logits.length} logits and ${truth.length} labels do not fit ${classes} logit(s) for each label, of at least one.`,
    );
  checkFinite(logits, 'Logit');
  checkLabels(truth, Math.max(2, classes));
}
