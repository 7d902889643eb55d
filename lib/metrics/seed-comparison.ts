/**
 * Two methods over datasets, each trained with several seeds. A dataset's test pairs the seeds: seed i of both methods saw the images in
 * the same order, and nothing else makes them a pair. p-values of all datasets are adjusted together (Holm). Over all datasets a Wilcoxon
 * test compares the datasets' means, since the seeds of one dataset are no independent observations of "datasets".
 */
import { UserError } from '../errors';
import { mean, sampleDeviation } from './intervals';
import { checkFinite } from './scores';
import {
  cohensDz,
  hedgesGz,
  holmAdjust,
  pairedTTest,
  rankBiserial,
  wilcoxonSignedRank,
  type TestResult,
} from './significance';

/** One score a seed. A seed that has not run is not there. */
export type SeedScores = ReadonlyMap<number, number>;

/** Mean and sample standard deviation (n − 1) of the seeds that are there. */
export interface SeedSummary {
  readonly n: number;
  /** NaN for none. */
  readonly mean: number;
  /** NaN for fewer than two. */
  readonly deviation: number;
  /** The expected seeds that are not there. */
  readonly missing: readonly number[];
}

/** First − second over the seeds that both have. */
export interface SeedComparison {
  readonly first: SeedSummary;
  readonly second: SeedSummary;
  /** Seeds that both have, ascending. */
  readonly paired: readonly number[];
  /** Means of the pairs, and their difference; NaN without a pair. */
  readonly pairedMeans: readonly [number, number];
  readonly meanDifference: number;
  /** Two-sided, undefined for fewer than two pairs. */
  readonly tTest: (TestResult & { readonly degreesOfFreedom: number }) | undefined;
  readonly cohensDz: number | undefined;
  /** Undefined for fewer than three pairs. */
  readonly hedgesGz: number | undefined;
  /** What a reader has to know, for footnotes. */
  readonly notes: readonly string[];
}

export interface DatasetComparison extends SeedComparison {
  readonly dataset: string;
  /** Holm's over the datasets that have a test. */
  readonly adjustedPValue: number | undefined;
}

export interface GridComparison {
  readonly datasets: readonly DatasetComparison[];
  /** Over the means of the datasets that have a pair; undefined where there is none. */
  readonly overall:
    | {
        readonly datasets: number;
        readonly meanDifference: number;
        readonly wilcoxon: TestResult;
        readonly rankBiserial: number;
        /** Datasets with a higher mean of the first, equal means, and a higher one of the second. */
        readonly wins: number;
        readonly ties: number;
        readonly losses: number;
      }
    | undefined;
  readonly notes: readonly string[];
}

export interface SeedComparisonOptions {
  /** The seeds that should be there. */
  readonly seeds: readonly number[];
  /** What the two are called in notes. */
  readonly names: readonly [string, string];
}

/** Mean ± standard deviation over seeds. Throws a UserError for a score that is no number and a seed that is not expected. */
export function summarizeSeeds(scores: SeedScores, seeds: readonly number[]): SeedSummary {
  const values = [...scores.values()];
  checkFinite(values);
  const unknown = [...scores.keys()].find((seed) => !seeds.includes(seed));
  if (unknown !== undefined)
    throw new UserError(`There is a score of seed ${unknown}; the seeds are ${seeds.join(', ')}.`);
  return {
    n: values.length,
    mean: values.length === 0 ? NaN : mean(values),
    deviation: sampleDeviation(values),
    missing: seeds.filter((seed) => !scores.has(seed)),
  };
}

/** Paired t-test and effect sizes of two methods on one dataset. */
export function compareSeeds(first: SeedScores, second: SeedScores, options: SeedComparisonOptions): SeedComparison {
  const { seeds, names } = options;
  const sides = [first, second];
  const summaries = sides.map((scores) => summarizeSeeds(scores, seeds));
  const paired = seeds.filter((seed) => first.has(seed) && second.has(seed)).sort((a, b) => a - b);
  const [a, b] = sides.map((scores) => paired.map((seed) => scores.get(seed) as number));
  const pairedMeans = paired.length === 0 ? ([NaN, NaN] as const) : ([mean(a), mean(b)] as const);
  const tested = paired.length >= 2 ? pairedTTest(a, b) : undefined;
  const notes = summaries.flatMap(({ missing }, side) =>
    missing.length === 0 ? [] : [`${names[side]} lacks seed ${missing.join(', ')}.`],
  );
  if (notes.length > 0) notes.push(`${paired.length} of ${seeds.length} pairs are compared.`);
  if (tested === undefined) notes.push('A test needs at least two pairs.');
  if (tested?.note !== undefined) notes.push(tested.note);
  return {
    first: summaries[0],
    second: summaries[1],
    paired,
    pairedMeans,
    meanDifference: tested?.meanDifference ?? pairedMeans[0] - pairedMeans[1],
    tTest: tested,
    cohensDz: tested && cohensDz(a, b),
    hedgesGz: paired.length >= 3 ? hedgesGz(a, b) : undefined,
    notes,
  };
}

/** Two methods on every dataset and over all of them; datasets in the given order. */
export function compareOverDatasets(
  datasets: Readonly<Record<string, { readonly first: SeedScores; readonly second: SeedScores }>>,
  options: SeedComparisonOptions,
): GridComparison {
  const compared = Object.entries(datasets).map(([dataset, { first, second }]) => ({
    dataset,
    ...compareSeeds(first, second, options),
  }));
  const tested = compared.filter(({ tTest }) => tTest !== undefined);
  const adjusted = holmAdjust(tested.map(({ tTest }) => tTest?.pValue ?? 1));
  const adjustedOf = new Map(tested.map(({ dataset }, index) => [dataset, adjusted[index]]));
  const notes =
    tested.length === compared.length
      ? []
      : [`p-values are adjusted for the ${tested.length} of ${compared.length} datasets that have a test.`];
  return {
    datasets: compared.map((row) => ({ ...row, adjustedPValue: adjustedOf.get(row.dataset) })),
    overall: overallOf(compared),
    notes,
  };
}

function overallOf(compared: readonly SeedComparison[]): GridComparison['overall'] {
  const means = compared.filter(({ paired }) => paired.length > 0).map(({ pairedMeans }) => pairedMeans);
  if (means.length === 0) return undefined;
  const [first, second] = [means.map(([a]) => a), means.map(([, b]) => b)];
  const wins = means.filter(([a, b]) => a > b).length;
  const losses = means.filter(([a, b]) => a < b).length;
  return {
    datasets: means.length,
    meanDifference: mean(means.map(([a, b]) => a - b)),
    wilcoxon: wilcoxonSignedRank(first, second),
    rankBiserial: rankBiserial(first, second),
    wins,
    ties: means.length - wins - losses,
    losses,
  };
}
