/** Dice over the number of training images: where two networks change places, and how many images one needs for what the other reaches. */
import { bootstrapInterval, mean, type Interval } from '../../metrics/intervals';
import { type RunGroup } from './groups';
import { metricOfGroup, type IntervalOptions } from './scores'; // prettier-ignore
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

/** The number of training images at which a curve first reaches a Dice, between sizes as in `crossingPoint`. Infinity where it never does. */
export function imagesToReach({ images, dice }: LearningCurve, wanted: number): number {
  const falling = dice.map((value) => wanted - value);
  return crossingPoint({ images, dice: falling }, images.map(() => 0)); // prettier-ignore
}

/** The groups of one arm at one fraction: the U-Net, and the network that stands for the study's Base. */
export function pairAt(groups: readonly RunGroup[], fraction: number): { unet: RunGroup; dino: RunGroup } | undefined {
  const [unet, dino] = [unetOf(groups), baseOf(groups)].map((series) => series.find((one) => one.fraction === fraction)); // prettier-ignore
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

/** Both networks at every fraction that both were trained at. */
export function curvesOf(groups: readonly RunGroup[]) {
  const pairs = baseOf(groups).flatMap(({ fraction }) => pairAt(groups, fraction) ?? []);
  if (pairs.length < 2) return undefined;
  const scores = pairs.map(({ unet, dino }) => [metricOfGroup(unet, 'dice'), metricOfGroup(dino, 'dice')]);
  const images = pairs.map(({ unet }) => unet.trainImages);
  /** Mean Dice of both at each size, over some of the test images. */
  const over = (indices: ArrayLike<number>): { unet: LearningCurve; dino: LearningCurve } => {
    const meansOf = (which: 0 | 1) => scores.map((pair) => mean(Array.from(indices, (image) => pair[which][image])));
    return { unet: { images, dice: meansOf(0) }, dino: { images, dice: meansOf(1) } };
  };
  const everything = Int32Array.from(scores[0][0], (_, image) => image);
  return { images, pairs, over, everything };
}

/** A statistic of both curves with its interval over test images. What lies beyond the sizes counts as beyond, not as missing. */
export function curveInterval(
  { over, everything }: NonNullable<ReturnType<typeof curvesOf>>,
  statistic: (curves: { unet: LearningCurve; dino: LearningCurve }) => number,
  options: IntervalOptions,
): Interval & { readonly mean: number } {
  // The ends are quantiles: any number above all others stands for what is beyond.
  const beyond = 1e12;
  const finite = (indices: Int32Array): number => Math.min(beyond, statistic(over(indices)));
  const { low, high } = bootstrapInterval({ count: everything.length, statistic: finite, ...options });
  const open = (value: number): number => (value > beyond / 1e3 ? Infinity : value);
  return { mean: statistic(over(everything)), low: open(low), high: open(high) };
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
