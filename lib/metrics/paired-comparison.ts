import { UserError } from '../errors';
import { intervalOverDraws, type DrawsOptions } from './interval-over-draws';
import { mean, type Interval } from './intervals';
import { wilcoxonSignedRank, type TestResult } from './significance';

export interface ComparisonOptions extends DrawsOptions {
  /** False for distances and errors. Default true. */
  readonly higherIsBetter?: boolean;
}

/** Two methods on the same images. */
export interface PairedComparison {
  /** Mean of first − second over draws and images, and its interval over both (see `intervalOverDraws`). */
  readonly meanDifference: number;
  readonly interval: Interval;
  /** Draws of the training images, or seeds. */
  readonly draws: number;
  /** Two-sided, over images, of means over draws: it takes these draws for all that there are. */
  readonly wilcoxon: TestResult;
  /** Images on which the first is better, equal and worse, by means over draws. */
  readonly wins: number;
  readonly ties: number;
  readonly losses: number;
  /** Share of images that the first wins, of each tie half. */
  readonly winRate: number;
}

/**
 * Compares two methods by one score of each image: draws × images, draws in the same order (equal training images or
 * seeds make a pair), images too.
 * @throws UserError where their numbers of draws or images differ
 */
export function comparePaired(
  first: readonly ArrayLike<number>[],
  second: readonly ArrayLike<number>[],
  { higherIsBetter = true, ...options }: ComparisonOptions = {},
): PairedComparison {
  if (first.length !== second.length)
    throw new UserError(`Draws are compared in pairs, but there are ${first.length} and ${second.length}.`);
  const [a, b] = [meanOverDraws(first), meanOverDraws(second)];
  const wilcoxon = wilcoxonSignedRank(a, b); // refuses what does not pair
  const { mean: meanDifference, low, high, draws } = intervalOverDraws(pairedDifferences(first, second), options);
  const above = a.filter((value, image) => value > b[image]).length;
  const below = a.filter((value, image) => value < b[image]).length;
  const [wins, losses] = higherIsBetter ? [above, below] : [below, above];
  const ties = a.length - wins - losses;
  return {
    meanDifference,
    interval: { low, high },
    draws,
    wilcoxon,
    wins,
    ties,
    losses,
    winRate: (wins + ties / 2) / a.length,
  };
}

/** First − second, draw by draw and image by image. */
export function pairedDifferences(
  first: readonly ArrayLike<number>[],
  second: readonly ArrayLike<number>[],
): Float64Array[] {
  return first.map((row, draw) => Float64Array.from(row, (value, image) => value - second[draw][image]));
}

/** A score of each image, the mean over draws. */
export function meanOverDraws(values: readonly ArrayLike<number>[]): Float64Array {
  return Float64Array.from(values[0], (_, image) => mean(values.map((row) => row[image])));
}
