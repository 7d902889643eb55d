/** What can be claimed of groups of segmentation networks, measured by Dice: who is ahead, where, how often, and with how many images. */
import { formatDecimal } from '../display/format';
import { intervalOverDraws } from '../metrics/interval-over-draws';
import { signChange, type SignChange } from '../metrics/learning-curves';
import { pairedDifferences } from '../metrics/paired-comparison';
import type { MaskGroup } from '../runs/mask-groups';
import { compareGroups, metricBySeed, metricOfGroup, withSharedSeeds } from '../runs/mask-scores';
import { differenceFinding, judge, notTested, shareOf, type Finding } from './claims';

const notRun = notTested('these networks were not run at these fractions');

/** Two groups with the same test images; undefined where one was not run. */
export type GroupsCompared = { readonly first: MaskGroup; readonly second: MaskGroup } | undefined;

/** Two networks at several numbers of training images, by the seeds that all groups have. */
export interface DiceCurves {
  readonly images: readonly number[];
  readonly pairs: readonly NonNullable<GroupsCompared>[];
  /** Seeds × test images. */
  readonly dice: readonly { readonly first: Float64Array[]; readonly second: Float64Array[] }[];
}

/** Pairs at ascending numbers of images; undefined for fewer than two, and without a seed that all have. */
export function curvesOfPairs(found: readonly NonNullable<GroupsCompared>[]): DiceCurves | undefined {
  const shared = withSharedSeeds(found.flatMap(({ first, second }) => [first, second]));
  const pairs = found.map((_, index) => ({ first: shared[2 * index], second: shared[2 * index + 1] }));
  if (pairs.length < 2 || shared[0].runs.length === 0) return undefined;
  const dice = pairs.map(({ first, second }) => {
    return { first: metricBySeed(first, 'dice'), second: metricBySeed(second, 'dice') };
  });
  return { images: pairs.map(({ first }) => first.trainImages), pairs, dice };
}

/** The mean difference of Dice, claimed to have the published number's sign. */
export function differenceOfDice(groups: GroupsCompared, published: number): Finding {
  const paired = groups && compareGroups(groups.first, groups.second, 'dice');
  if (groups === undefined || paired === undefined) return notRun;
  const estimate = { mean: paired.meanDifference, ...paired.interval, draws: paired.draws };
  const claimed = published > 0 ? 'above' : 'below';
  return differenceFinding(comparedNames(groups.first, groups.second), estimate, { published, claimed });
}

function comparedNames(first: MaskGroup, second: MaskGroup): string {
  if (first.network !== second.network) return `${first.network} − ${second.network}`;
  return `${first.network}, ${first.trainImages} − ${second.trainImages} images`;
}

/** By the seeds that both have; undefined where there is none. */
function paired(groups: GroupsCompared): GroupsCompared {
  const [first, second] = groups === undefined ? [] : withSharedSeeds([groups.first, groups.second]);
  return first === undefined || second === undefined || first.runs.length === 0 ? undefined : { first, second };
}

/** On which share of the test images the first is ahead, and whether that is on the published side of one half. */
export function winRate(groups: GroupsCompared, published: number): Finding {
  const pair = paired(groups);
  if (pair === undefined) return notRun;
  const ahead = pairedDifferences(metricBySeed(pair.first, 'dice'), metricBySeed(pair.second, 'dice'));
  const estimate = intervalOverDraws(
    ahead.map((row) => row.map((difference) => (1 + Math.sign(difference)) / 2)),
    { bounds: [0, 1] },
  );
  return {
    ...shareOf(`${pair.first.network} against ${pair.second.network}`, estimate, published),
    ...judge({ estimate, threshold: 0.5, claimed: published > 0.5 ? 'above' : 'below' }),
  };
}

const oneSeed = { outcome: 'undecided', why: 'one seed: an interpolation through one training of each' } as const;

/** Up to how many training images the second is ahead; claimed to be a number between the sizes, so that the curves cross. */
export function crossing(curves: DiceCurves | undefined): Finding {
  if (curves === undefined) return notRun;
  const { images, pairs, dice } = curves;
  const [first, last] = [images[0], images[images.length - 1]];
  const change = signChange(
    images,
    dice.map((both) => pairedDifferences(both.second, both.first)),
  );
  const text = (value: number): string =>
    value <= first ? `≤ ${first}` : value > last ? `> ${last}` : `${Math.round(value)}`;
  return {
    compared: `${pairs[0].second.network} ahead of ${pairs[0].first.network} up to`,
    value: `${text(change.at)} images`,
    ...intervalOfChange(change, text),
    ...(change.seeds === 1 ? oneSeed : judgeCrossing(change)),
  };
}

function judgeCrossing({ ends: [first, last] }: SignChange): Pick<Finding, 'outcome' | 'why'> {
  if (first.low > 0 && last.high < 0)
    return { outcome: 'holds', why: 'surely ahead at the smallest size, surely behind at the largest' };
  if (first.high < 0) return { outcome: 'fails', why: 'surely behind at the smallest size' };
  if (last.low > 0) return { outcome: 'fails', why: 'surely ahead at the largest size still' };
  return { outcome: 'undecided', why: 'who is ahead at the ends is not sure' };
}

/** An interpolation through one seed has none. */
function intervalOfChange(
  { low, high, seeds }: SignChange,
  text: (value: number) => string,
): Pick<Finding, 'interval'> {
  return seeds === 1 ? {} : { interval: `${text(low)} – ${text(high)}` };
}

/**
 * How many times the images of the smallest size the first needs for what the second reaches with these; claimed to be the published number
 * or more.
 */
export function dataEfficiency(curves: DiceCurves | undefined, published: number): Finding {
  if (curves === undefined) return notRun;
  const { images, pairs, dice } = curves;
  const largest = images[images.length - 1] / images[0];
  const change = signChange(
    images,
    dice.map(({ first }) => pairedDifferences(dice[0].second, first)),
  );
  const text = (value: number): string =>
    value <= images[0]
      ? '≤ 1'
      : value === Infinity
        ? `> ${formatDecimal(largest, 1)}`
        : formatDecimal(value / images[0], 1);
  return {
    compared: `images that ${pairs[0].first.network} needs for what ${pairs[0].second.network} reaches with ${images[0]}`,
    value: `${text(change.at)}×`,
    ...intervalOfChange(change, text),
    ...(change.seeds === 1 ? oneSeed : judgeFactor(change, images[0], published)),
  };
}

function judgeFactor({ low, high }: SignChange, first: number, published: number): Pick<Finding, 'outcome' | 'why'> {
  // A factor beyond the largest fraction can neither be seen nor be ruled out where the curves do not meet.
  if (high === Infinity) return { outcome: 'undecided', why: 'the interval goes beyond the sizes that were run' };
  if (low / first > published) return { outcome: 'holds', why: `all of the interval is above ${published}` };
  if (high / first < published) return { outcome: 'fails', why: `all of the interval is below ${published}` };
  return { outcome: 'undecided', why: `${published} is within the interval` };
}

/**
 * Each larger network ahead of the next smaller one would be a hierarchy; one step in which it is worse is the end of it. Intervals are as
 * wide as all steps together need (Bonferroni).
 * @param steps first: the larger one
 */
export function noHierarchy(steps: readonly NonNullable<GroupsCompared>[]): Finding {
  const confidence = 1 - 0.05 / steps.length;
  const compared = steps.flatMap(({ first, second }) => compareGroups(first, second, 'dice', { confidence }) ?? []);
  if (compared.length === 0) return notRun;
  const worse = compared.filter(({ interval }) => interval.high < 0);
  const better = compared.filter(({ interval }) => interval.low > 0);
  const finding = {
    compared: [...new Set(steps.map(({ first, second }) => comparedNames(first, second)))].join('; '),
    value: `${better.length} up, ${worse.length} down`,
  };
  if (compared.some(({ draws }) => draws === 1))
    return { ...finding, outcome: 'undecided', why: 'one seed: another may turn it round' };
  if (worse.length > 0)
    return {
      ...finding,
      outcome: 'holds',
      why: `in ${worse.length} of ${compared.length} steps the larger one is worse`,
    };
  if (better.length === compared.length)
    return { ...finding, outcome: 'fails', why: 'in each step the larger one is better' };
  return {
    ...finding,
    outcome: 'undecided',
    why: `0 is within ${compared.length - better.length} of ${compared.length} intervals`,
  };
}

/** On the quarter of the test images that is hardest for both: choosing by one network's failures would favour the other. */
export function hardCases(groups: GroupsCompared): Finding {
  const pair = paired(groups);
  if (pair === undefined) return notRun;
  const { first, second } = pair;
  const [ofFirst, ofSecond] = [metricOfGroup(first, 'dice'), metricOfGroup(second, 'dice')];
  const sums = ofFirst.map((value, image) => value + ofSecond[image]);
  const order = Array.from(sums, (_, image) => image).sort((a, b) => sums[a] - sums[b] || a - b);
  const hard = order.slice(0, Math.ceil(order.length / 4));
  const differences = pairedDifferences(metricBySeed(first, 'dice'), metricBySeed(second, 'dice'));
  const estimate = intervalOverDraws(differences.map((row) => hard.map((image) => row[image])));
  const compared = `${comparedNames(first, second)}, hardest ${hard.length} images for both`;
  return differenceFinding(compared, estimate, { claimed: 'above' });
}
