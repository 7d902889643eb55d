/** The predicted masks of runs on the test images, read from their folders, and how far networks agree on them. */
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { formatInterval } from '../../display/format';
import { rankCorrelation } from '../../metrics/correlation';
import { mean } from '../../metrics/intervals';
import { countPixels, scoresOfCounts } from '../../metrics/segmentation';
import { armTitle, fractionTitle, groupRuns, type RunGroup } from './groups';
import type { Dinov3Run } from './results';
import { openPredictedMasks } from '../../runs/predicted-masks';
import { agreementOf, countVotes, majorityMask } from '../../metrics/mask-votes';
import { readPair } from '../../workbench/mask-views';

/** The first seed of each network in each arm at one fraction. */
export function firstRuns(runs: readonly Dinov3Run[], fraction: number): { group: RunGroup; run: Dinov3Run }[] {
  return groupRuns(runs)
    .filter((group) => group.fraction === fraction)
    .map((group) => ({ group, run: group.runs[0] }));
}

/**
 * One row for each arm and fraction with several networks: how far they agree with each other (mean over test images), and how the mask of
 * their majority scores beside the best of them.
 */
export function consensusRows(runs: readonly Dinov3Run[], dataset: SegmentationDataset) {
  const groups = groupRuns(runs);
  const fractions = [...new Set(groups.map(({ fraction }) => fraction))].sort((a, b) => a - b);
  const arms = [...new Set(groups.map(({ arm }) => arm))];
  return arms.flatMap((arm) =>
    fractions.flatMap((fraction) => {
      const chosen = firstRuns(runs, fraction).filter(({ group }) => group.arm === arm);
      if (chosen.length < 2) return [];
      const dices = chosen.map(({ run }) => mean(run.test.scores.map(({ dice }) => dice)));
      const images = readConsensus(
        chosen.map(({ run }) => run),
        dataset,
      );
      return [
        {
          arm: armTitle(arm),
          fraction: fractionTitle(fraction),
          networks: chosen.length,
          agreement: mean(images.map(({ agreement }) => agreement)),
          ...agreementAndDice(images),
          majorityDice: mean(images.map(({ dice }) => dice)),
          bestNetwork: chosen[dices.indexOf(Math.max(...dices))].group.network,
          bestDice: Math.max(...dices),
        },
      ];
    }),
  );
}

/** Whether the majority's mask is better where networks agree: their rank correlation over images. */
function agreementAndDice(images: ReturnType<typeof readConsensus>) {
  const found = rankCorrelation(
    images.map(({ agreement }) => agreement),
    images.map(({ dice }) => dice),
  );
  return { correlation: found.correlation, interval: Number.isNaN(found.low) ? '' : formatInterval(found, 2) };
}

/** Agreement of networks on each test image, and the Dice of their majority's mask. */
export function readConsensus(
  runs: readonly Dinov3Run[],
  dataset: SegmentationDataset,
): { readonly agreement: number; readonly dice: number }[] {
  const opened = openPredictedMasks(runs, dataset);
  try {
    return dataset.splits.test.ids.map((_, index) => {
      const masks = opened.read(index);
      const { truth } = readPair(dataset, dataset.splits.test, index);
      const { dice } = scoresOfCounts(countPixels(truth, majorityMask(masks)));
      return { agreement: agreementOf(countVotes(masks), masks.length), dice };
    });
  } finally {
    opened.close();
  }
}
