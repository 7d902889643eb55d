/** How each claim of the fourth study is measured, on the groups of one arm. */
import { formatDecimal, formatPercent } from '../../display/format';
import { intervalOverDraws } from '../../metrics/interval-over-draws';
import { pairedDifferences } from '../../metrics/paired-comparison';
import { differenceFinding, isWithin, judge, notTested, type Finding } from '../../workbench/claims';
import { signChange, type SignChange } from '../../metrics/learning-curves';
import { curvesOf, pairAt } from './curves';
import { type RunGroup } from './groups';
import { compareGroups, metricBySeed, metricOfGroup, withSharedSeeds } from '../../runs/mask-scores';
import { dataOfStudy, publishedClaims, type PublishedNetwork } from './published';

const notRun = notTested('these networks were not run at these fractions');

/** The mean difference of Dice, claimed to have the published number's sign. */
export function differenceClaim(groups: { first: RunGroup; second: RunGroup } | undefined, published: number): Finding {
  const paired = groups && compareGroups(groups.first, groups.second, 'dice');
  if (groups === undefined || paired === undefined) return notRun;
  const estimate = { mean: paired.meanDifference, ...paired.interval, draws: paired.draws };
  const claimed = published > 0 ? 'above' : 'below';
  return differenceFinding(comparedNames(groups.first, groups.second), estimate, { published, claimed });
}

function comparedNames(first: RunGroup, second: RunGroup): string {
  if (first.network !== second.network) return `${first.network} − ${second.network}`;
  return `${first.network}, ${first.trainImages} − ${second.trainImages} images`;
}

/** On which share of the test images the U-Net is ahead, and whether that is on the published side of one half. */
export function winRateClaim(groups: readonly RunGroup[], fraction: number, published: number): Finding {
  const pair = pairAt(groups, fraction);
  const [unet, dino] = pair === undefined ? [] : withSharedSeeds([pair.unet, pair.dino]);
  if (unet === undefined || dino === undefined || unet.runs.length === 0) return notRun;
  const ahead = pairedDifferences(metricBySeed(unet, 'dice'), metricBySeed(dino, 'dice'));
  const estimate = intervalOverDraws(
    ahead.map((row) => row.map((difference) => (1 + Math.sign(difference)) / 2)),
    { bounds: [0, 1] },
  );
  const only = estimate.draws === 1 ? ' (images only)' : '';
  return {
    compared: `${unet.network} against ${dino.network}`,
    value: formatPercent(estimate.mean),
    interval: `${formatPercent(estimate.low)} – ${formatPercent(estimate.high)}${only}`,
    difference: estimate.mean - published,
    within: isWithin(published, estimate),
    ...judge({ estimate, threshold: 0.5, claimed: published > 0.5 ? 'above' : 'below' }),
  };
}

const oneSeed = { outcome: 'undecided', why: 'one seed: an interpolation through one training of each' } as const;

/** Up to how many training images DINOv3 is ahead; claimed to be a number between the sizes, so that the curves cross. */
export function crossingClaim(groups: readonly RunGroup[]): Finding {
  const curves = curvesOf(groups);
  if (curves === undefined) return notRun;
  const { images, pairs, dice } = curves;
  const [first, last] = [images[0], images[images.length - 1]];
  const change = signChange(
    images,
    dice.map(({ unet, dino }) => pairedDifferences(dino, unet)),
  );
  const text = (value: number): string =>
    value <= first ? `≤ ${first}` : value > last ? `> ${last}` : `${Math.round(value)}`;
  return {
    compared: `${pairs[0].dino.network} ahead of ${pairs[0].unet.network} up to`,
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

/** How many times the images of the smallest fraction the U-Net needs; claimed to be the published number or more. */
export function efficiencyClaim(groups: readonly RunGroup[]): Finding {
  const curves = curvesOf(groups);
  if (curves === undefined) return notRun;
  const { images, pairs, dice } = curves;
  const largest = images[images.length - 1] / images[0];
  const change = signChange(
    images,
    dice.map(({ unet }) => pairedDifferences(dice[0].dino, unet)),
  );
  const text = (value: number): string =>
    value <= images[0]
      ? '≤ 1'
      : value === Infinity
        ? `> ${formatDecimal(largest, 1)}`
        : formatDecimal(value / images[0], 1);
  return {
    compared: `images that ${pairs[0].unet.network} needs for what ${pairs[0].dino.network} reaches with ${images[0]}`,
    value: `${text(change.at)}×`,
    ...intervalOfChange(change, text),
    ...(change.seeds === 1 ? oneSeed : judgeFactor(change, images[0])),
  };
}

function judgeFactor({ low, high }: SignChange, first: number): Pick<Finding, 'outcome' | 'why'> {
  const { dataEfficiency } = publishedClaims;
  // A factor beyond the largest fraction can neither be seen nor be ruled out where the curves do not meet.
  if (high === Infinity) return { outcome: 'undecided', why: 'the interval goes beyond the sizes that were run' };
  if (low / first > dataEfficiency) return { outcome: 'holds', why: `all of the interval is above ${dataEfficiency}` };
  if (high / first < dataEfficiency) return { outcome: 'fails', why: `all of the interval is below ${dataEfficiency}` };
  return { outcome: 'undecided', why: `${dataEfficiency} is within the interval` };
}

const sizesOfStudy: readonly PublishedNetwork[] = ['small', 'base', 'large'];

/**
 * Small < Base < Large at every fraction would be a hierarchy; one fraction at which a larger one is worse is the end
 * of it. Intervals are as wide as all steps together need (Bonferroni).
 */
export function hierarchyClaim(groups: readonly RunGroup[]): Finding {
  const fractions = [...new Set(groups.map(({ fraction }) => fraction))].sort((a, b) => a - b);
  const steps = fractions.flatMap((fraction) => {
    const sizes = sizesOfStudy.flatMap(
      (size) => groups.find((one) => one.networkOfStudy === size && one.fraction === fraction) ?? [],
    );
    return sizes.slice(1).map((larger, index) => ({ larger, smaller: sizes[index] }));
  });
  const confidence = 1 - 0.05 / steps.length;
  const compared = steps.flatMap(({ larger, smaller }) => compareGroups(larger, smaller, 'dice', { confidence }) ?? []);
  if (compared.length === 0) return notRun;
  const worse = compared.filter(({ interval }) => interval.high < 0);
  const better = compared.filter(({ interval }) => interval.low > 0);
  const finding = {
    compared: [...new Set(steps.map(({ larger, smaller }) => comparedNames(larger, smaller)))].join('; '),
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
export function hardCasesClaim(groups: readonly RunGroup[]): Finding {
  const pair = pairAt(groups, dataOfStudy.fractions[0]);
  const [unet, dino] = pair === undefined ? [] : withSharedSeeds([pair.unet, pair.dino]);
  if (unet === undefined || dino === undefined || unet.runs.length === 0) return notRun;
  const [ofUnet, ofDino] = [metricOfGroup(unet, 'dice'), metricOfGroup(dino, 'dice')];
  const sums = ofUnet.map((value, image) => value + ofDino[image]);
  const order = Array.from(sums, (_, image) => image).sort((a, b) => sums[a] - sums[b] || a - b);
  const hard = order.slice(0, Math.ceil(order.length / 4));
  const differences = pairedDifferences(metricBySeed(dino, 'dice'), metricBySeed(unet, 'dice'));
  const estimate = intervalOverDraws(differences.map((row) => hard.map((image) => row[image])));
  const compared = `${comparedNames(dino, unet)}, hardest ${hard.length} images for both`;
  return differenceFinding(compared, estimate, { claimed: 'above' });
}
