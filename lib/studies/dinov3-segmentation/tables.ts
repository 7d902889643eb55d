/** What is reported of runs of the fourth study: rows for the display library. */
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { formatEstimate } from '../../display/format';
import { mean } from '../../metrics/intervals';
import { dinov3Encoders } from './encoders';
import { armTitle, fractionTitle, groupRuns, isSameSeries, type RunGroup } from './groups';
import { comparePaired, type PairedComparison } from '../../metrics/paired-comparison';
import { holmAdjust } from '../../metrics/significance';
import {
  compareGroups,
  estimateOf,
  meanOf,
  metricBySeed,
  metricOfGroup,
  type ScoredMasks,
} from '../../runs/mask-scores';
import { noEncoder, type Dinov3Run } from './results';
import { dataOfStudy, networkTitles, publishedDice, publishedMillions, publishedNetworks } from './published';

/** What every table says of a group first. */
function place({ arm, network, fraction, trainImages }: RunGroup) {
  return { network, arm: armTitle(arm), fraction: fractionTitle(fraction), trainImages };
}

/** Whether the data are the study's. @param dataset as it was opened */
export function isDataOfStudy({
  title,
  height,
  splits,
}: Pick<SegmentationDataset, 'title' | 'height' | 'splits'>): boolean {
  const counts = (['train', 'val', 'test'] as const).every((name) => splits[name].count === dataOfStudy[name]);
  return title === dataOfStudy.title && height === dataOfStudy.imageSize && counts;
}

/**
 * Whether runs can be held against the study's numbers: the same data, and its own networks with their published weights. The arm has to be
 * said beside them all the same.
 */
export function areComparable(runs: readonly Dinov3Run[], dataset: Parameters<typeof isDataOfStudy>[0]): boolean {
  const isOfStudy = ({ point: { encoder }, row: { weights, settings } }: Dinov3Run): boolean =>
    encoder === noEncoder ? settings.unetWidth === 32 : Object.hasOwn(dinov3Encoders, encoder) && weights !== 'random';
  return runs.length > 0 && isDataOfStudy(dataset) && runs.every(isOfStudy);
}

/** One row a group: means over test images and seeds, and the interval of Dice. HD95 is in pixels. */
export function scoreRows(runs: readonly Dinov3Run[]) {
  return groupRuns(runs).map((group) => {
    const dice = estimateOf(group, 'dice');
    return {
      ...place(group),
      seeds: group.runs.length,
      dice: dice.mean,
      interval: formatEstimate(dice),
      jaccard: mean(metricOfGroup(group, 'jaccard')),
      sensitivity: mean(metricOfGroup(group, 'sensitivity')),
      hd95: mean(metricOfGroup(group, 'hd95')),
      undefinedHd95: undefinedOf(group, 'scores'),
    };
  });
}

/** Pairs of masks, over images and seeds, without an HD95, since one of them is empty: the image's diagonal is in the mean for each. */
function undefinedOf({ runs }: RunGroup, of: ScoredMasks): number {
  const scores = runs.flatMap(({ test }) => (of === 'scores' ? test.scores : (test.report[of] ?? [])));
  return scores.filter(({ hd95Defined }) => !hd95Defined).length;
}

/** The study's scores in the form of `scoreRows`, as far as it has them. */
export function publishedScoreRows(): ReturnType<typeof scoreRows> {
  return publishedDice.map(({ network, fraction, dice }) => ({
    network: `${networkTitles[network]} (the study)`,
    arm: 'as published',
    fraction: fractionTitle(fraction),
    trainImages: Math.floor(dataOfStudy.train * fraction),
    seeds: 1,
    dice,
    interval: '',
    jaccard: NaN,
    sensitivity: NaN,
    hd95: NaN,
    undefinedHd95: NaN,
  }));
}

/**
 * One row a group: calibration error of the pixels and of those near the border (means over images and seeds), before and after dividing
 * the logits by the temperature.
 */
export function calibrationRows(runs: readonly Dinov3Run[]) {
  return groupRuns(runs).map((group) => ({
    ...place(group),
    error: meanOf(group, ({ before }) => before.error),
    errorAfter: meanOf(group, ({ after }) => after.error),
    borderError: meanOf(group, ({ before }) => before.borderError),
    borderErrorAfter: meanOf(group, ({ after }) => after.borderError),
    temperature: meanOf(group, ({ temperature }) => temperature),
  }));
}

/** What cleaning each mask changes: its largest component alone, with holes filled, as the truth of these data is one region. */
export function cleaningRows(runs: readonly Dinov3Run[]) {
  return groupRuns(runs).map((group) => changeRow(group, 'cleanedScores'));
}

/** What the mean probability over four flips changes; without a row for runs that did not predict them. */
export function flipRows(runs: readonly Dinov3Run[]) {
  return groupRuns(runs.filter(({ test }) => test.report.flippedScores !== undefined)).map((group) =>
    changeRow(group, 'flippedScores'),
  );
}

function changeRow(group: RunGroup, of: ScoredMasks) {
  const [before, after] = [metricBySeed(group, 'dice'), metricBySeed(group, 'dice', of)];
  const change = comparePaired(after, before);
  const hd95 = (masks: ScoredMasks): number => mean(metricBySeed(group, 'hd95', masks).map(mean));
  return {
    ...place(group),
    dice: mean(before.map(mean)),
    diceAfter: mean(after.map(mean)),
    difference: change.meanDifference,
    interval: formatEstimate({ ...change.interval, draws: change.draws }),
    better: change.wins,
    worse: change.losses,
    hd95: hd95('scores'),
    hd95After: hd95(of),
    undefinedHd95: undefinedOf(group, 'scores'),
    undefinedAfter: undefinedOf(group, of),
  };
}

/** What a network costs, at its largest fraction: values, milliseconds per image, seconds of an epoch and of all. */
export function costRows(runs: readonly Dinov3Run[]) {
  const groups = groupRuns(runs);
  const last = groups.filter(
    (group) => !groups.some((one) => isSameSeries(one, group) && one.fraction > group.fraction),
  );
  return last.map((group) => {
    const [{ row }] = group.runs;
    const { parameters, trainableParameters } = row;
    const facts = (fact: (run: Dinov3Run) => number): number => mean(group.runs.map(fact));
    const mapSeconds = ({ row: { featureSeconds } }: Dinov3Run): number => Number(featureSeconds);
    const later = ({ run: { history } }: Dinov3Run) => (history.length === 1 ? history : history.slice(1));
    return {
      ...place(group),
      imageSize: Number(row.settings.imageSize),
      parameters,
      trainableParameters,
      trainedShare: (100 * trainableParameters) / parameters,
      millisecondsPerImage: facts(({ test }) => test.report.millisecondsPerImage),
      featureSeconds: facts(mapSeconds),
      firstEpoch: facts((run) => run.run.history[0].seconds + mapSeconds(run)),
      laterEpochs: facts((run) => mean(later(run).map(({ seconds }) => seconds))),
      epochs: facts(({ run }) => run.history.length),
      seconds: facts((run) => run.row.seconds),
    };
  });
}

/** The study's networks in millions of values: all, trained, and the share of these, as its README has them. */
export function publishedCostRows() {
  return publishedNetworks.map((network) => {
    const { all, trained } = publishedMillions[network];
    return { network: networkTitles[network], parameters: all, trained, trainedShare: (100 * trained) / all };
  });
}

/** Two networks in the same arm at the same fraction. */
export interface GroupPair {
  readonly first: RunGroup;
  readonly second: RunGroup;
  readonly paired: PairedComparison;
}

/** Every network with every later one, within arms and fractions. */
export function comparePairs(runs: readonly Dinov3Run[]): GroupPair[] {
  const groups = groupRuns(runs);
  return groups.flatMap((first, index) =>
    groups.slice(index + 1).flatMap((second) => {
      if (first.arm !== second.arm || first.fraction !== second.fraction) return [];
      const paired = compareGroups(first, second, 'dice');
      return paired === undefined ? [] : [{ first, second, paired }];
    }),
  );
}

/**
 * One row a pair of networks: on which share of the test images the first has the higher Dice (of ties half), the mean difference with its
 * interval, and Wilcoxon's test over images, adjusted by Holm's method for all rows together.
 */
export function winRateRows(runs: readonly Dinov3Run[]) {
  const pairs = comparePairs(runs);
  const adjusted = holmAdjust(pairs.map(({ paired }) => paired.wilcoxon.pValue));
  return pairs
    .map(({ first, second, paired }, index) => ({
      first: first.network,
      second: second.network,
      arm: armTitle(first.arm),
      fraction: first.fraction,
      difference: paired.meanDifference,
      interval: formatEstimate({ ...paired.interval, draws: paired.draws }),
      imagesWon: paired.wins,
      ties: paired.ties,
      imagesLost: paired.losses,
      winRate: paired.winRate,
      pValue: adjusted[index],
    }))
    .sort((a, b) => a.fraction - b.fraction)
    .map((row) => ({ ...row, fraction: fractionTitle(row.fraction) }));
}

/**
 * What correcting changes: one row for each network and fraction that was run in both arms, on the same test images and by the seeds that
 * both have, with Wilcoxon's test adjusted by Holm's method for all rows together.
 */
export function armRows(runs: readonly Dinov3Run[]) {
  const groups = groupRuns(runs);
  const pairs = groups
    .filter(({ arm }) => arm === 'corrected')
    .flatMap((corrected) => {
      const published = groups.find(
        ({ arm, network, fraction }) =>
          arm === 'as-published' && network === corrected.network && fraction === corrected.fraction,
      );
      const paired = published && compareGroups(corrected, published, 'dice');
      return paired === undefined ? [] : [{ corrected, paired }];
    });
  const adjusted = holmAdjust(pairs.map(({ paired }) => paired.wilcoxon.pValue));
  return pairs.map(({ corrected, paired }, index) => ({
    network: corrected.network,
    fraction: fractionTitle(corrected.fraction),
    difference: paired.meanDifference,
    interval: formatEstimate({ ...paired.interval, draws: paired.draws }),
    better: paired.wins,
    worse: paired.losses,
    pValue: adjusted[index],
  }));
}
