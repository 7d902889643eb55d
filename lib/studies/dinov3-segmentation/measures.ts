/** How each claim of the fourth study is measured, on the groups of one arm. */
import { formatDecimal, formatInterval, formatPercent } from '../../display/format';
import { mean, meanInterval, type Interval } from '../../metrics/intervals';
import { crossingPoint, curveInterval, curvesOf, imagesToReach, pairAt, type LearningCurve } from './curves'; // prettier-ignore
import { type RunGroup } from './groups';
import { compareGroups, metricOfGroup, type IntervalOptions } from './scores'; // prettier-ignore
import { dataOfStudy, publishedClaims, type PublishedNetwork } from './published';

export type Outcome = 'holds' | 'fails' | 'undecided' | 'not testable' | 'not run';

/** What was measured of a claim. */
export interface Measured {
  /** What was compared, in words. */
  readonly compared: string;
  readonly value: string;
  /** Its 95 % interval, where it has one. */
  readonly interval?: string;
  /** Ours minus the published number, for claims that have one. */
  readonly difference?: number;
  /** Whether the published number is within the interval. */
  readonly within?: boolean;
  readonly outcome: Outcome;
}

/** A number whose side of a threshold is claimed. */
export interface DirectionalClaim {
  readonly estimate: Interval & { readonly mean: number };
  readonly threshold: number;
  readonly claimed: 'above' | 'below';
}

/** A claim holds where all of the interval is on the claimed side, fails where all of it is on the other, and is undecided between. */
export function outcomeOf({ estimate: { low, high }, threshold, claimed }: DirectionalClaim): Outcome {
  const [above, below] = [low > threshold, high < threshold];
  if (!above && !below) return 'undecided';
  return above === (claimed === 'above') ? 'holds' : 'fails';
}

const notRun: Measured = { compared: '', value: '', outcome: 'not run' };

/** The mean difference of Dice, claimed to have the published number's sign. */
export function differenceClaim(
  groups: { first: RunGroup; second: RunGroup } | undefined,
  published: number,
  options: IntervalOptions,
): Measured {
  const paired = groups && compareGroups(groups.first, groups.second, 'dice', options);
  if (groups === undefined || paired === undefined) return notRun;
  const { interval, meanDifference } = paired;
  const claimed = published > 0 ? 'above' : 'below';
  return {
    compared: comparedNames(groups.first, groups.second),
    value: signed(meanDifference),
    interval: formatInterval(interval),
    difference: meanDifference - published,
    within: isWithin(published, interval),
    outcome: outcomeOf({ estimate: { mean: meanDifference, ...interval }, threshold: 0, claimed }),
  };
}

function comparedNames(first: RunGroup, second: RunGroup): string {
  if (first.network !== second.network) return `${first.network} − ${second.network}`;
  return `${first.network}, ${first.trainImages} − ${second.trainImages} images`;
}

function isWithin(value: number, { low, high }: Interval): boolean {
  return low <= value && value <= high;
}

/** With its sign, so that a gain is not read as a score. */
export function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${formatDecimal(value)}`;
}

/** On which share of the test images the U-Net is ahead, and whether that is on the published side of one half. */
export function winRateClaim(
  groups: readonly RunGroup[],
  fraction: number,
  published: number,
  options: IntervalOptions,
): Measured {
  const pair = pairAt(groups, fraction);
  const paired = pair && compareGroups(pair.unet, pair.dino, 'dice', options);
  if (pair === undefined || paired === undefined) return notRun;
  const [unet, dino] = [metricOfGroup(pair.unet, 'dice'), metricOfGroup(pair.dino, 'dice')];
  const won = unet.map((dice, image) => (dice > dino[image] ? 1 : dice < dino[image] ? 0 : 0.5));
  const interval = meanInterval(won, options);
  const claimed = published > 0.5 ? 'above' : 'below';
  return {
    compared: `${pair.unet.network} against ${pair.dino.network}`,
    value: formatPercent(paired.winRate),
    interval: `${formatPercent(interval.low)} – ${formatPercent(interval.high)}`,
    difference: paired.winRate - published,
    within: isWithin(published, interval),
    outcome: outcomeOf({ estimate: { mean: paired.winRate, ...interval }, threshold: 0.5, claimed }),
  };
}

/** Up to how many training images DINOv3 is ahead; claimed to be a number between the sizes, so that the curves cross. */
export function crossingClaim(groups: readonly RunGroup[], options: IntervalOptions): Measured {
  const curves = curvesOf(groups);
  if (curves === undefined) return notRun;
  const { images, pairs } = curves;
  const [first, last] = [images[0], images[images.length - 1]];
  const estimate = curveInterval(curves, ({ unet, dino }) => crossingPoint(dino, unet.dice), options);
  const text = (value: number): string => (value <= first ? `≤ ${first}` : value > last ? `> ${last}` : `${Math.round(value)}`); // prettier-ignore
  const crosses = estimate.low > first && estimate.high <= last;
  const never = estimate.high <= first || estimate.low > last;
  return {
    compared: `${pairs[0].dino.network} ahead of ${pairs[0].unet.network} up to`,
    value: `${text(estimate.mean)} images`,
    interval: `${text(estimate.low)} – ${text(estimate.high)}`,
    outcome: crosses ? 'holds' : never ? 'fails' : 'undecided',
  };
}

/** How many times the images of the smallest fraction the U-Net needs; claimed to be the published number or more. */
export function efficiencyClaim(groups: readonly RunGroup[], options: IntervalOptions): Measured {
  const curves = curvesOf(groups);
  if (curves === undefined) return notRun;
  const { images, pairs } = curves;
  const largest = images[images.length - 1] / images[0];
  const factor = (curve: { unet: LearningCurve; dino: LearningCurve }): number =>
    imagesToReach(curve.unet, curve.dino.dice[0]) / images[0];
  const estimate = curveInterval(curves, factor, options);
  const text = (value: number): string => (value <= 1 ? '≤ 1' : value > largest ? `> ${formatDecimal(largest, 1)}` : formatDecimal(value, 1)); // prettier-ignore
  return {
    compared: `images that ${pairs[0].unet.network} needs for what ${pairs[0].dino.network} reaches with ${images[0]}`,
    value: `${text(estimate.mean)}×`,
    interval: `${text(estimate.low)} – ${text(estimate.high)}`,
    // A factor beyond the largest fraction can neither be seen nor be ruled out where the curves do not meet.
    outcome: estimate.high <= largest ? outcomeOf({ estimate, threshold: publishedClaims.dataEfficiency, claimed: 'above' }) : 'undecided', // prettier-ignore
  };
}

const sizesOfStudy: readonly PublishedNetwork[] = ['small', 'base', 'large'];

/** Small < Base < Large at every fraction would be a hierarchy; one fraction at which a larger one is worse is the end of it. */
export function hierarchyClaim(groups: readonly RunGroup[], options: IntervalOptions): Measured {
  const fractions = [...new Set(groups.map(({ fraction }) => fraction))].sort((a, b) => a - b);
  const steps = fractions.flatMap((fraction) => {
    const sizes = sizesOfStudy.flatMap((size) => groups.find((one) => one.networkOfStudy === size && one.fraction === fraction) ?? []); // prettier-ignore
    return sizes.slice(1).flatMap((larger, index) => {
      const paired = compareGroups(larger, sizes[index], 'dice', options);
      return paired === undefined ? [] : [{ fraction, larger, smaller: sizes[index], paired }];
    });
  });
  if (steps.length === 0) return notRun;
  const worse = steps.filter(({ paired }) => paired.interval.high < 0);
  const better = steps.filter(({ paired }) => paired.interval.low > 0);
  return {
    compared: [...new Set(steps.map(({ larger, smaller }) => comparedNames(larger, smaller)))].join('; '),
    value: `${better.length} up, ${worse.length} down`,
    outcome: worse.length > 0 ? 'holds' : better.length === steps.length ? 'fails' : 'undecided',
  };
}

/** On the quarter of the test images that is hardest for both: choosing by one network's failures would favour the other. */
export function hardCasesClaim(groups: readonly RunGroup[], options: IntervalOptions): Measured {
  const pair = pairAt(groups, dataOfStudy.fractions[0]);
  if (pair === undefined) return notRun;
  const [unet, dino] = [metricOfGroup(pair.unet, 'dice'), metricOfGroup(pair.dino, 'dice')];
  const order = Array.from(unet, (_, image) => image).sort((a, b) => unet[a] + dino[a] - unet[b] - dino[b] || a - b);
  const hard = order.slice(0, Math.ceil(order.length / 4));
  const differences = hard.map((image) => dino[image] - unet[image]);
  const interval = meanInterval(differences, options);
  const estimate = { mean: mean(differences), ...interval };
  return {
    compared: `${comparedNames(pair.dino, pair.unet)}, hardest ${hard.length} images for both`,
    value: signed(estimate.mean),
    interval: formatInterval(interval),
    outcome: outcomeOf({ estimate, threshold: 0, claimed: 'above' }),
  };
}
