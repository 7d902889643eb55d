/** What is reported of groups of segmentation networks: rows for the display library. */
import { formatEstimate } from '../display/format';
import { mean } from '../metrics/intervals';
import { comparePaired, type PairedComparison } from '../metrics/paired-comparison';
import { holmAdjust } from '../metrics/significance';
import { armTitle } from '../runs/arms';
import { fractionTitle, isSameSeries, type MaskGroup, type MaskRun } from '../runs/mask-groups';
import { compareGroups, estimateOf, meanOf, metricBySeed, metricOfGroup, type ScoredMasks } from '../runs/mask-scores';

/** What every table says of a group first. */
function place({ arm, network, fraction, trainImages }: MaskGroup) {
  return { network, arm: armTitle(arm), fraction: fractionTitle(fraction), trainImages };
}

/** One row a group: means over test images and seeds, and the interval of Dice. HD95 is in pixels. */
export function scoreRows(groups: readonly MaskGroup[]) {
  return groups.map((group) => {
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
function undefinedOf({ runs }: MaskGroup, of: ScoredMasks): number {
  const scores = runs.flatMap(({ test }) => (of === 'scores' ? test.scores : (test.report[of] ?? [])));
  return scores.filter(({ hd95Defined }) => !hd95Defined).length;
}

/**
 * One row a group: calibration error of the pixels and of those near the border (means over images and seeds), before and after dividing
 * the logits by the temperature.
 */
export function calibrationRows(groups: readonly MaskGroup[]) {
  return groups.map((group) => ({
    ...place(group),
    error: meanOf(group, ({ before }) => before.error),
    errorAfter: meanOf(group, ({ after }) => after.error),
    borderError: meanOf(group, ({ before }) => before.borderError),
    borderErrorAfter: meanOf(group, ({ after }) => after.borderError),
    temperature: meanOf(group, ({ temperature }) => temperature),
  }));
}

/** What cleaning each mask changes: its largest component alone, with holes filled, as the truth of these data is one region. */
export function cleaningRows(groups: readonly MaskGroup[]) {
  return groups.map((group) => changeRow(group, 'cleanedScores'));
}

/** What the mean probability over four flips changes; without a row for runs that did not predict them. */
export function flipRows(groups: readonly MaskGroup[]) {
  return groups
    .map((group) => ({ ...group, runs: group.runs.filter(({ test }) => test.report.flippedScores !== undefined) }))
    .filter(({ runs }) => runs.length > 0)
    .map((group) => changeRow(group, 'flippedScores'));
}

function changeRow(group: MaskGroup, of: ScoredMasks) {
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
export function costRows(groups: readonly MaskGroup[]) {
  const last = groups.filter(
    (group) => !groups.some((one) => isSameSeries(one, group) && one.fraction > group.fraction),
  );
  return last.map((group) => {
    const [{ row }] = group.runs;
    const { parameters, trainableParameters } = row;
    const facts = (fact: (run: MaskRun) => number): number => mean(group.runs.map(fact));
    const mapSeconds = ({ row: { featureSeconds } }: MaskRun): number => Number(featureSeconds);
    const later = ({ run: { history } }: MaskRun) => (history.length === 1 ? history : history.slice(1));
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

/** Two groups on the same test images. */
export interface GroupPair {
  readonly first: MaskGroup;
  readonly second: MaskGroup;
  readonly paired: PairedComparison;
}

/** What every table says of a pair: the difference with its interval, and Wilcoxon's test over images, adjusted by Holm's method for all. */
export function pairRows<P extends Pick<GroupPair, 'paired'>>(pairs: readonly P[]) {
  const adjusted = holmAdjust(pairs.map(({ paired }) => paired.wilcoxon.pValue));
  return pairs.map((pair, index) => {
    const { meanDifference: difference, interval, draws } = pair.paired;
    return { ...pair, difference, interval: formatEstimate({ ...interval, draws }), pValue: adjusted[index] };
  });
}

/** Every network with every later one, within arms and fractions. */
export function comparePairs(groups: readonly MaskGroup[]): GroupPair[] {
  return groups.flatMap((first, index) =>
    groups.slice(index + 1).flatMap((second) => {
      if (first.arm !== second.arm || first.fraction !== second.fraction) return [];
      const paired = compareGroups(first, second, 'dice');
      return paired === undefined ? [] : [{ first, second, paired }];
    }),
  );
}

/** One row a pair of networks: on which share of the test images the first has the higher Dice (of ties half), and the mean difference. */
export function winRateRows(groups: readonly MaskGroup[]) {
  return pairRows(comparePairs(groups))
    .map(({ first, second, paired, difference, interval, pValue }) => ({
      first: first.network,
      second: second.network,
      arm: armTitle(first.arm),
      fraction: first.fraction,
      difference,
      interval,
      imagesWon: paired.wins,
      ties: paired.ties,
      imagesLost: paired.losses,
      winRate: paired.winRate,
      pValue,
    }))
    .sort((a, b) => a.fraction - b.fraction)
    .map((row) => ({ ...row, fraction: fractionTitle(row.fraction) }));
}

/** What correcting changes: one row for each network and fraction that was run in both arms, by the seeds that both have. */
export function armRows(groups: readonly MaskGroup[]) {
  const pairs = groups
    .filter(({ arm }) => arm === 'corrected')
    .flatMap((first) => {
      const second = groups.find(
        ({ arm, network, fraction }) =>
          arm === 'as-published' && network === first.network && fraction === first.fraction,
      );
      const paired = second && compareGroups(first, second, 'dice');
      return paired === undefined ? [] : [{ first, paired }];
    });
  return pairRows(pairs).map(({ first: { network, fraction }, paired, difference, interval, pValue }) => ({
    network,
    fraction: fractionTitle(fraction),
    difference,
    interval,
    better: paired.wins,
    worse: paired.losses,
    pValue,
  }));
}
