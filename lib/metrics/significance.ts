import { UserError } from '../errors';
import { logBeta, normalTwoSided, studentTwoSided } from './distributions';
import { mean, sampleDeviation } from './intervals';
import { checkFinite } from './scores';

/** The outcome of a two-sided test of paired values. */
export interface TestResult {
  readonly statistic: number;
  readonly pValue: number;
  /** What a reader has to know about a degenerate case, for a footnote. */
  readonly note?: string;
}

/**
 * Paired t-test, two-sided, of first − second (`scipy.stats.ttest_rel`). Identical samples have t = 0 and p = 1 (scipy: NaN) and
 * equal differences t = ±Infinity and p = 0, each with a note.
 */
export function pairedTTest(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
): TestResult & { readonly degreesOfFreedom: number; readonly meanDifference: number } {
  const differences = pairedDifferences(first, second, 2);
  const degreesOfFreedom = differences.length - 1;
  const meanDifference = mean(differences);
  const deviation = spread(differences);
  const shared = { degreesOfFreedom, meanDifference };
  if (deviation === 0 && meanDifference === 0) {
    return { statistic: 0, pValue: 1, ...shared, note: 'The samples are identical: there is no difference to test.' };
  }
  const statistic = meanDifference / (deviation / Math.sqrt(differences.length));
  const pValue = studentTwoSided(statistic, degreesOfFreedom);
  if (deviation > roundingOf(first, second)) return { statistic, pValue, ...shared };
  const note = 'All differences are equal up to rounding: without a spread, t and p mean nothing.';
  return { statistic, pValue, ...shared, note };
}

/**
 * Effect size of paired values: the mean of the differences first − second over their standard deviation (Cohen 1988). 0 for
 * identical samples, ±Infinity for equal differences.
 */
export function cohensDz(first: ArrayLike<number>, second: ArrayLike<number>): number {
  const differences = pairedDifferences(first, second, 2);
  const center = mean(differences);
  return center === 0 ? 0 : center / spread(differences);
}

/**
 * Cohen's d_z without the bias of few pairs: times Γ(ν/2) / (√(ν/2) Γ((ν − 1)/2)) with ν = n − 1 (Hedges 1981), which is 0.80 for five
 * pairs. Throws a UserError for two pairs, where the factor is 0.
 */
export function hedgesGz(first: ArrayLike<number>, second: ArrayLike<number>): number {
  const freedom = pairedDifferences(first, second, 3).length - 1;
  // Γ(a + ½) / Γ(a) = √π / B(a, ½)
  const factor = Math.sqrt((2 * Math.PI) / freedom) / Math.exp(logBeta((freedom - 1) / 2, 0.5));
  return cohensDz(first, second) * factor;
}

/**
 * Effect size beside a Wilcoxon signed-rank test: the share of the rank sum that speaks for the first minus the share for the second
 * (Kerby 2014), −1 to 1. Zero differences are dropped as in the test; 0 for identical samples.
 */
export function rankBiserial(first: ArrayLike<number>, second: ArrayLike<number>): number {
  const nonZero = pairedDifferences(first, second).filter((difference) => difference !== 0);
  const { doubledRanks } = midranks(nonZero.map(Math.abs));
  let signed = 0;
  let total = 0;
  doubledRanks.forEach((rank, index) => {
    signed += nonZero[index] > 0 ? rank : -rank;
    total += rank;
  });
  return total === 0 ? 0 : signed / total;
}

/** p-values adjusted for their number by Holm's step-down method (Holm 1979; `multipletests` of statsmodels), in the given order. */
export function holmAdjust(pValues: ArrayLike<number>): Float64Array {
  for (let index = 0; index < pValues.length; index++) {
    if (!(pValues[index] >= 0 && pValues[index] <= 1)) throw new UserError(`p-value ${index} is ${pValues[index]}.`);
  }
  const order = Array.from(pValues, (_, index) => index).sort((a, b) => pValues[a] - pValues[b]);
  const adjusted = new Float64Array(pValues.length);
  let largest = 0;
  order.forEach((index, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * pValues[index]));
    adjusted[index] = largest;
  });
  return adjusted;
}

/**
 * Wilcoxon signed-rank test, two-sided, of first − second (`scipy.stats.wilcoxon` 1.17 with its defaults). Zero differences are
 * dropped, equal sizes share their mean rank; the statistic is the smaller rank sum. The p-value is exact up to 50 pairs, or up to
 * 13 where there are zeros or ties; beyond that normal with tie and without continuity correction. Identical samples: p = 1.
 */
export function wilcoxonSignedRank(first: ArrayLike<number>, second: ArrayLike<number>): TestResult {
  const differences = pairedDifferences(first, second);
  const nonZero = differences.filter((difference) => difference !== 0);
  if (nonZero.length === 0) {
    return { statistic: 0, pValue: 1, note: 'The samples are identical: there is no difference to test.' };
  }
  const { doubledRanks, tieTerm } = midranks(nonZero.map(Math.abs));
  let doubledPlus = 0;
  let doubledTotal = 0;
  for (let index = 0; index < nonZero.length; index++) {
    if (nonZero[index] > 0) doubledPlus += doubledRanks[index];
    doubledTotal += doubledRanks[index];
  }
  const doubledSmaller = Math.min(doubledPlus, doubledTotal - doubledPlus);
  const regular = tieTerm === 0 && nonZero.length === differences.length;
  const exact = differences.length <= (regular ? 50 : 13);
  const n = nonZero.length;
  const deviation = Math.sqrt((n * (n + 1) * (2 * n + 1) - tieTerm / 2) / 24);
  const pValue = exact
    ? exactSignedRank(doubledRanks, doubledTotal, doubledSmaller)
    : normalTwoSided((doubledSmaller - doubledTotal / 2) / 2 / deviation);
  return { statistic: doubledSmaller / 2, pValue };
}

function pairedDifferences(first: ArrayLike<number>, second: ArrayLike<number>, fewest = 1): Float64Array {
  const counts = `there are ${first.length} and ${second.length}`;
  if (first.length !== second.length) {
    throw new UserError(`Paired values need equally many on both sides; ${counts}.`);
  }
  if (first.length < fewest) {
    throw new UserError(
      `The test needs at least ${fewest === 1 ? 'one pair' : `${fewest} pairs`} of values; ${counts}.`,
    );
  }
  checkFinite(first, 'First value');
  checkFinite(second, 'Second value');
  return Float64Array.from({ length: first.length }, (_, index) => first[index] - second[index]);
}

/** Sample deviation, but exactly 0 for equal values, whose mean may be rounded away from them. */
function spread(differences: Float64Array): number {
  return differences.every((difference) => difference === differences[0]) ? 0 : sampleDeviation(differences);
}

/** The spread that rounding alone can give to differences of these values: a few units in the last place of the largest. */
function roundingOf(first: ArrayLike<number>, second: ArrayLike<number>): number {
  let largest = 0;
  for (let index = 0; index < first.length; index++) {
    largest = Math.max(largest, Math.abs(first[index]), Math.abs(second[index]));
  }
  return largest * 2 ** -50;
}

/** Twice the ascending rank of each value, whole numbers also where equal values share a rank, and Σ (t³ − t) over groups of t equals. */
export function midranks(values: Float64Array): { doubledRanks: Int32Array; tieTerm: number } {
  const order = Array.from(values, (_, index) => index).sort((a, b) => values[a] - values[b]);
  const doubledRanks = new Int32Array(values.length);
  let tieTerm = 0;
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let position = start; position < end; position++) doubledRanks[order[position]] = start + 1 + end;
    tieTerm += (end - start) ** 3 - (end - start);
  }
  return { doubledRanks, tieTerm };
}

/** Two-sided p-value over all 2ⁿ equally likely signs: the number of sign patterns for each rank sum, by dynamic programming. */
function exactSignedRank(doubledRanks: Int32Array, doubledTotal: number, doubledSmaller: number): number {
  const patterns = new Float64Array(doubledTotal + 1);
  patterns[0] = 1;
  for (const rank of doubledRanks) {
    for (let sum = doubledTotal; sum >= rank; sum--) patterns[sum] += patterns[sum - rank];
  }
  let asExtreme = 0;
  for (let sum = 0; sum <= doubledSmaller; sum++) asExtreme += patterns[sum];
  return Math.min(1, (2 * asExtreme) / 2 ** doubledRanks.length);
}
