/** Dice over the number of training images: where two networks change places, and how many images one needs for what the other reaches. */
import { intervalOverDraws, type Estimate } from '../../metrics/interval-over-draws';
import { mean, type Interval } from '../../metrics/intervals';
import { type RunGroup } from './groups';
import { metricBySeed, withSharedSeeds } from './scores';
import { dataOfStudy, publishedScore, type PublishedNetwork } from './published';

/** Mean Dice of one network at each number of training images, ascending. */
export interface LearningCurve {
  readonly images: readonly number[];
  readonly dice: readonly number[];
}

/**
 * The number of training images from which the first is no longer ahead of the second, between two sizes by the logarithm of their number
 * (the study's fractions double). The smallest number where it never was, Infinity where it still is at the largest.
 */
export function crossingPoint({ images, dice }: LearningCurve, second: readonly number[]): number {
  const ahead = dice.map((value, index) => value - second[index]);
  const index = ahead.findIndex((value) => value <= 0);
  if (index < 0) return Infinity;
  if (index === 0) return images[0];
  const share = ahead[index - 1] / (ahead[index - 1] - ahead[index]);
  return images[index - 1] * (images[index] / images[index - 1]) ** share;
}

/**
 * The number of training images at which a curve first reaches a Dice, between sizes as in `crossingPoint`. Infinity
 * where it never does.
 */
export function imagesToReach({ images, dice }: LearningCurve, wanted: number): number {
  const falling = dice.map((value) => wanted - value);
  return crossingPoint(
    { images, dice: falling },
    images.map(() => 0),
  );
}

/** The groups of one arm at one fraction: the U-Net, and the network that stands for the study's Base. */
export function pairAt(groups: readonly RunGroup[], fraction: number): { unet: RunGroup; dino: RunGroup } | undefined {
  const [unet, dino] = [unetOf(groups), baseOf(groups)].map((series) =>
    series.find((one) => one.fraction === fraction),
  );
  return unet === undefined || dino === undefined ? undefined : { unet, dino };
}

function unetOf(groups: readonly RunGroup[]): readonly RunGroup[] {
  return seriesOf(
    groups,
    groups.find(({ networkOfStudy }) => networkOfStudy === 'unet'),
  );
}

/** Base; where it was not run, the first frozen network there is. */
export function baseOf(groups: readonly RunGroup[]): readonly RunGroup[] {
  const frozen = groups.filter(({ networkOfStudy }) => networkOfStudy !== 'unet');
  return seriesOf(frozen, frozen.find(({ networkOfStudy }) => networkOfStudy === 'base') ?? frozen[0]);
}

function seriesOf(groups: readonly RunGroup[], of: RunGroup | undefined): readonly RunGroup[] {
  return groups.filter(({ network }) => network === of?.network);
}

/** Both networks at every fraction that both were trained at, by the seeds that all have; undefined without two fractions or a seed. */
export function curvesOf(groups: readonly RunGroup[]) {
  const found = baseOf(groups).flatMap(({ fraction }) => pairAt(groups, fraction) ?? []);
  const shared = withSharedSeeds(found.flatMap(({ unet, dino }) => [unet, dino]));
  const pairs = found.map((_, index) => ({ unet: shared[2 * index], dino: shared[2 * index + 1] }));
  if (pairs.length < 2 || shared[0].runs.length === 0) return undefined;
  const dice = pairs.map(({ unet, dino }) => ({ unet: metricBySeed(unet, 'dice'), dino: metricBySeed(dino, 'dice') }));
  return { images: pairs.map(({ unet }) => unet.trainImages), pairs, dice };
}

/** Where a difference of Dice changes its sign. */
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
    { images, dice: means },
    means.map(() => 0),
  );
  const ends = [places[0].difference, places[places.length - 1].difference] as const;
  const seeds = differences[0].length;
  if (ends[0].high < 0) return { at, low: images[0], high: images[0], ends, seeds };
  // Without a place where it may be 0, it is surely above at all sizes.
  return { at, low: Math.min(...open), high: open.length === 0 ? Infinity : Math.max(...open), ends, seeds };
}

function publishedCurve(network: PublishedNetwork): LearningCurve {
  return {
    images: dataOfStudy.fractions.map((fraction) => Math.floor(dataOfStudy.train * fraction)),
    dice: dataOfStudy.fractions.map((fraction) => publishedScore(network, fraction)),
  };
}

/** Of Base and the U-Net, from the study's table. */
export function publishedCrossing(): number {
  return crossingPoint(publishedCurve('base'), publishedCurve('unet').dice);
}

/** How many times the images the U-Net needs for what Base reaches at 25 %, from the study's table. */
export function publishedEfficiency(): number {
  const { images } = publishedCurve('unet');
  return imagesToReach(publishedCurve('unet'), publishedScore('base', 0.25)) / images[0];
}
