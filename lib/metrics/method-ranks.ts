import { UserError } from '../errors';
import { checkConfidence, fTail, normalTwoSided } from './distributions';
import { checkFinite } from './scores';
import { midranks } from './significance';

/** Ranks of methods over datasets (Demšar 2006, JMLR 7), for a rank diagram. */
export interface MethodRanks {
  /** Best mean rank first; 1 is the best rank, equal scores share theirs. */
  readonly methods: readonly { readonly name: string; readonly meanRank: number }[];
  readonly datasets: number;
  /** Friedman's statistic with its correction for ties (`scipy.stats.friedmanchisquare`). */
  readonly chiSquare: number;
  /** Of Iman and Davenport's F, which Demšar recommends in place of the too cautious χ². */
  readonly pValue: number;
  /** Methods whose mean ranks differ by less are not told apart by Nemenyi's test. */
  readonly criticalDifference: number;
  /** The largest groups of neighbours that are not told apart, as names. */
  readonly groups: readonly (readonly string[])[];
  readonly note?: string;
}

/**
 * Ranks methods on each dataset and tests whether their mean ranks differ. `scores`: for each method one value a dataset, all in the same
 * order. Throws a UserError for fewer than two methods or datasets and where a value is missing.
 */
export function rankMethods(
  scores: Readonly<Record<string, ArrayLike<number>>>,
  { higherIsBetter = true, confidence = 0.95 }: { higherIsBetter?: boolean; confidence?: number } = {},
): MethodRanks {
  const names = Object.keys(scores);
  const datasets = names.length === 0 ? 0 : scores[names[0]].length;
  if (names.length < 2 || datasets < 2) {
    throw new UserError(`Ranks need at least two methods and two datasets; there are ${names.length} and ${datasets}.`);
  }
  for (const name of names) {
    if (scores[name].length !== datasets) {
      throw new UserError(
        `${name} has ${scores[name].length} scores, but ${names[0]} has ${datasets}: rank on the datasets that all methods have.`,
      );
    }
    checkFinite(scores[name], `${name}, score`);
  }
  const k = names.length;
  const rankSums = new Float64Array(k);
  let tieTerm = 0;
  for (let dataset = 0; dataset < datasets; dataset++) {
    const values = Float64Array.from(names, (name) => (higherIsBetter ? -1 : 1) * scores[name][dataset]);
    const ranked = midranks(values);
    tieTerm += ranked.tieTerm;
    ranked.doubledRanks.forEach((rank, method) => (rankSums[method] += rank / 2));
  }
  const methods = names
    .map((name, method) => ({ name, meanRank: rankSums[method] / datasets }))
    .sort((a, b) => a.meanRank - b.meanRank);
  const criticalDifference =
    (studentizedRangeCritical(k, confidence) / Math.SQRT2) * Math.sqrt((k * (k + 1)) / (6 * datasets));
  const shared = { methods, datasets, criticalDifference, groups: groupsWithin(methods, criticalDifference) };

  const correction = 1 - tieTerm / (datasets * k * (k * k - 1));
  if (correction === 0) {
    return {
      ...shared,
      chiSquare: 0,
      pValue: 1,
      note: 'All methods are equal on all datasets: there is nothing to test.',
    };
  }
  const squares = rankSums.reduce((sum, rank) => sum + rank * rank, 0);
  const chiSquare = ((12 / (datasets * k * (k + 1))) * squares - 3 * datasets * (k + 1)) / correction;
  const rest = datasets * (k - 1) - chiSquare;
  if (rest <= 1e-9) {
    const note = 'All datasets rank the methods alike: without a disagreement, F and p mean nothing.';
    return { ...shared, chiSquare, pValue: 0, note };
  }
  const f = ((datasets - 1) * Math.max(0, chiSquare)) / rest;
  return { ...shared, chiSquare, pValue: fTail(f, k - 1, (k - 1) * (datasets - 1)) };
}

function groupsWithin(methods: MethodRanks['methods'], difference: number): string[][] {
  const ends = methods.map(({ meanRank }) => methods.filter((other) => other.meanRank <= meanRank + difference).length);
  return methods.flatMap((_, start) => {
    const larger = start > 0 && ends[start - 1] === ends[start]; // part of the group before
    return larger || ends[start] - start < 2 ? [] : [methods.slice(start, ends[start]).map(({ name }) => name)];
  });
}

/**
 * The q that the range of `count` standard normal values exceeds with probability 1 − `confidence`: Tukey's, infinite
 * degrees of freedom.
 */
export function studentizedRangeCritical(count: number, confidence: number): number {
  checkConfidence(confidence);
  let [low, high] = [0, 40];
  while (high - low > 1e-13 * high) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (rangeProbability(middle, count) < confidence) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(range ≤ q) = k ∫ φ(z) [Φ(z) − Φ(z − q)]^(k−1) dz. All derivatives vanish at the ends, so the trapezoidal rule is as good as exact. */
function rangeProbability(q: number, count: number): number {
  const step = 0.05;
  let sum = 0;
  for (let z = -9; z <= 9; z += step) {
    const density = Math.exp((-z * z) / 2);
    sum += density * (normalBelow(z) - normalBelow(z - q)) ** (count - 1);
  }
  return (count * sum * step) / Math.sqrt(2 * Math.PI);
}

function normalBelow(z: number): number {
  const tail = normalTwoSided(z) / 2;
  return z < 0 ? tail : 1 - tail;
}
