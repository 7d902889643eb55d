/** The predicted masks of runs on the test images, read from their folders, and how far networks agree on them. */
import { UserError } from '../../errors';
import type { Mask } from '../../data/mask';
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { formatInterval } from '../../display/format';
import { rankCorrelation } from '../../metrics/correlation';
import { mean } from '../../metrics/intervals';
import { countPixels, scoresOfCounts } from '../../metrics/segmentation';
import { armTitle, fractionTitle, groupRuns, type RunGroup } from './groups';
import { openTestProbabilities, type Dinov3Run } from './results';
import { readPair } from '../../workbench/mask-views';

/** The mask of each run on one test image, in the order of the runs. */
export interface RunMasks {
  read(index: number): Mask[];
  close(): void;
}

/**
 * Opens the test images' probabilities of several runs; masks are where a probability is above one half.
 * @throws UserError where runs were tested on other images than the dataset's
 */
export function openMasks(runs: readonly Dinov3Run[], dataset: SegmentationDataset): RunMasks {
  const { height, width, splits } = dataset;
  const wanted = splits.test.ids.join('\n');
  const other = runs.find(({ test }) => test.ids.join('\n') !== wanted);
  if (other !== undefined)
    throw new UserError(
      `Run ${other.run.id} was tested on other images than those of ${dataset.name}: show it with its own data.`,
    );
  const files = runs.map(openTestProbabilities);
  return {
    read: (index) =>
      files.map((file) => ({
        height,
        width,
        pixels: file.read(index).map((byte) => (byte > 127 ? 1 : 0)),
      })),
    close: () => files.forEach((file) => file.close()),
  };
}

/** The first seed of each network in each arm at one fraction. */
export function firstRuns(runs: readonly Dinov3Run[], fraction: number): { group: RunGroup; run: Dinov3Run }[] {
  return groupRuns(runs)
    .filter((group) => group.fraction === fraction)
    .map((group) => ({ group, run: group.runs[0] }));
}

/** How many of the masks have each pixel. */
export function countVotes(masks: readonly Mask[]): Uint8Array {
  const votes = new Uint8Array(masks[0].pixels.length);
  for (const { pixels } of masks)
    for (let index = 0; index < votes.length; index++) votes[index] += pixels[index] !== 0 ? 1 : 0;
  return votes;
}

/**
 * Share of the pixels that some mask has which all have: the networks' Jaccard index among themselves. 1 where no mask has a pixel.
 */
export function agreementOf(votes: Uint8Array, networks: number): number {
  let [some, every] = [0, 0];
  for (const count of votes) {
    if (count > 0) some++;
    if (count === networks) every++;
  }
  return some === 0 ? 1 : every / some;
}

/** Pixels that more than half of the masks have. */
export function majorityMask(masks: readonly Mask[]): Mask {
  const votes = countVotes(masks);
  return { ...masks[0], pixels: votes.map((count) => (2 * count > masks.length ? 1 : 0)) };
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
  const opened = openMasks(runs, dataset);
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
