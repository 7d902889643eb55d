/** Scores over the number of training images: where two curves cross, and how many images one needs for what another reaches. */
import { intervalOverDraws, type Estimate } from './interval-over-draws';
import { mean, type Interval } from './intervals';

/** A mean score at each number of training images, ascending. */
export interface LearningCurve {
  readonly images: readonly number[];
  readonly scores: readonly number[];
}

/**
 * The number of training images from which the first is no longer ahead of the second, between two sizes by
 * the logarithm of their number. The smallest number where it never was, Infinity where it still is at the largest.
 */
export function crossingPoint({ images, scores }: LearningCurve, second: readonly number[]): number {
  const ahead = scores.map((value, index) => value - second[index]);
  const index = ahead.findIndex((value) => value <= 0);
  if (index < 0) return Infinity;
  if (index === 0) return images[0];
  const share = ahead[index - 1] / (ahead[index - 1] - ahead[index]);
  return images[index - 1] * (images[index] / images[index - 1]) ** share;
}

/**
 * The number of training images at which a curve first reaches a score, between sizes as in `crossingPoint`. Infinity
 * where it never does.
 */
export function imagesToReach({ images, scores }: LearningCurve, wanted: number): number {
  const falling = scores.map((value) => wanted - value);
  return crossingPoint(
    { images, scores: falling },
    images.map(() => 0),
  );
}

/** Where a difference of scores changes its sign. */
export interface SignChange {
  /** Numbers of training images; the smallest where it is negative there already, Infinity where it is positive still at the largest. */
  readonly at: number;
  /** Its 95 % interval, in the same terms. */
  readonly low: number;
  readonly high: number;
  /** Of the difference at the smallest number of images, and at the largest. */
  readonly ends: readonly [first: Interval, last: Interval];
  readonly seeds: number;
}

/**
 * Where a difference, first above and then below 0, changes its sign, with an interval over images and seeds: all
 * numbers of training images at which the interval of the difference has 0 in it, so that it covers as often as that
 * one does (Fieller 1954). Between two sizes, the difference of each image and seed lies on a line over the logarithm
 * of the number of images.
 * @param differences seeds × images at each size
 */
export function signChange(images: readonly number[], differences: readonly (readonly Float64Array[])[]): SignChange {
  const steps = 60;
  const between = (size: number, share: number): Estimate =>
    intervalOverDraws(
      share === 0
        ? differences[size]
        : differences[size].map((row, seed) =>
            row.map((value, image) => value + share * (differences[size + 1][seed][image] - value)),
          ),
    );
  const places = images.flatMap((count, size) => {
    const isLast = size === images.length - 1;
    return Array.from({ length: isLast ? 1 : steps }, (_, step) => ({
      count: isLast ? Infinity : count * (images[size + 1] / count) ** (step / steps),
      difference: between(size, step / steps),
    }));
  });
  const open = places.filter(({ difference: { low, high } }) => low <= 0 && 0 <= high).map(({ count }) => count);
  const means = differences.map((rows) => mean(rows.map(mean)));
  const at = crossingPoint(
    { images, scores: means },
    means.map(() => 0),
  );
  const ends = [places[0].difference, places[places.length - 1].difference] as const;
  const seeds = differences[0].length;
  if (ends[0].high < 0) return { at, low: images[0], high: images[0], ends, seeds };
  // Without a place where it may be 0, it is surely above at all sizes.
  return { at, low: Math.min(...open), high: open.length === 0 ? Infinity : Math.max(...open), ends, seeds };
}
