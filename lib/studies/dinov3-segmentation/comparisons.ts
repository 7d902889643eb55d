/** Networks, and arms, of the fourth study compared on the same test images: rows for the display library. */
import { formatEstimate } from '../../display/format';
import type { PairedComparison } from '../../metrics/paired-comparison';
import { holmAdjust } from '../../metrics/significance';
import { armTitle, fractionTitle, groupRuns, type RunGroup } from './groups';
import type { Dinov3Run } from './results';
import { compareGroups } from './scores';

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
