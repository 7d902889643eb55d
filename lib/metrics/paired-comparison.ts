import { mean, meanInterval, type Interval, type ResamplingOptions } from './intervals';
import { holmAdjust, wilcoxonSignedRank, type TestResult } from './significance';

export interface ComparisonOptions extends ResamplingOptions {
  /** False for distances and errors. Default true. */
  readonly higherIsBetter?: boolean;
}

/** Two methods on the same images. */
export interface PairedComparison {
  /** Mean of first − second over images, and its percentile bootstrap interval. */
  readonly meanDifference: number;
  readonly interval: Interval;
  /** Two-sided, over images. */
  readonly wilcoxon: TestResult;
  /** Images on which the first is better, equal and worse. */
  readonly wins: number;
  readonly ties: number;
  readonly losses: number;
  /** Share of images that the first wins, of each tie half. */
  readonly winRate: number;
}

export interface NamedComparison extends PairedComparison {
  readonly first: string;
  readonly second: string;
  /** The Wilcoxon test's p-value, adjusted for the number of comparisons by Holm's method. */
  readonly adjustedPValue: number;
}

/** Compares two methods by one score of each image, in the same order. Throws a UserError where their numbers of images differ. */
export function comparePaired(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  { higherIsBetter = true, ...bootstrap }: ComparisonOptions,
): PairedComparison {
  const wilcoxon = wilcoxonSignedRank(first, second); // refuses what does not pair
  const differences = Float64Array.from(first, (value, index) => value - second[index]);
  const above = differences.filter((difference) => difference > 0).length;
  const below = differences.filter((difference) => difference < 0).length;
  const [wins, losses] = higherIsBetter ? [above, below] : [below, above];
  const ties = differences.length - wins - losses;
  return {
    meanDifference: mean(differences),
    interval: meanInterval(differences, bootstrap),
    wilcoxon,
    wins,
    ties,
    losses,
    winRate: (wins + ties / 2) / differences.length,
  };
}

/** Every method with every later one, in the given order, with p-values adjusted for all of these comparisons together. */
export function compareAllPairs(
  methods: Readonly<Record<string, ArrayLike<number>>>,
  options: ComparisonOptions,
): NamedComparison[] {
  const names = Object.keys(methods);
  const comparisons = names.flatMap((first, index) =>
    names
      .slice(index + 1)
      .map((second) => ({ first, second, ...comparePaired(methods[first], methods[second], options) })),
  );
  const adjusted = holmAdjust(comparisons.map(({ wilcoxon }) => wilcoxon.pValue));
  return comparisons.map((comparison, index) => ({ ...comparison, adjustedPValue: adjusted[index] }));
}
