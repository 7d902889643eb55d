/** Predictions of groups of segmentation networks on the test images, and how far networks agree on them. */
import type { Mask } from '../data/mask';
import type { SegmentationDataset } from '../data/segmentation-dataset';
import { formatInterval } from '../display/format';
import type { GridImage } from '../display/image-grid';
import { heatPixels } from '../display/map-images';
import { maskOverlay, overlayLegend } from '../display/mask-overlay';
import type { Displayable } from '../display/mime';
import { rankCorrelation } from '../metrics/correlation';
import { mean } from '../metrics/intervals';
import { agreementOf, countVotes, majorityMask } from '../metrics/mask-votes';
import { meanOverDraws } from '../metrics/paired-comparison';
import {
  countPixels,
  metricOfImages,
  scoresOfCounts,
  type SegmentationMetric,
  type SegmentationScores,
} from '../metrics/segmentation';
import { createRandom } from '../random';
import { armTitle } from '../runs/arms';
import { armsTitle, fractionsOf, fractionTitle, seriesNames, type MaskGroup } from '../runs/mask-groups';
import { openPredictedMasks, type RunMasks } from '../runs/predicted-masks';
import { maskGrid, readPair } from './mask-views';

/** Keeps the titles of small grids readable. */
export const smallImage = 132;

export interface PanelOptions {
  /** Of the training images. */
  readonly fraction: number;
  /** Test images that are shown. Default 3: as many fit beside each other on a phone. */
  readonly count?: number;
}

function at(groups: readonly MaskGroup[], wanted: number): MaskGroup[] {
  return groups.filter(({ fraction }) => fraction === wanted);
}

/** Reads the masks of the first seed of each group; they are open until `use` returns. */
function withMasks<T>(groups: readonly MaskGroup[], dataset: SegmentationDataset, use: (masks: RunMasks) => T): T {
  const opened = openPredictedMasks(
    groups.map(({ runs: [first] }) => first),
    dataset,
  );
  try {
    return use(opened);
  } finally {
    opened.close();
  }
}

/** The same random test images under every network that was trained on a fraction: a row a network, the truth blue, the prediction green. */
export function samplePanel(
  groups: readonly MaskGroup[],
  dataset: SegmentationDataset,
  { fraction, count = 3, seed = 42 }: PanelOptions & { readonly seed?: number },
): Promise<Displayable> {
  const { test } = dataset.splits;
  const indices = [...createRandom(seed, 'samples', 'test').permutation(test.count).slice(0, count)];
  return predictions(at(groups, fraction), dataset, { indices, which: 'Random test images' });
}

/** The test images with the lowest mean Dice over all networks that were trained on a fraction. */
export function worstPanel(
  groups: readonly MaskGroup[],
  dataset: SegmentationDataset,
  { fraction, count = 3 }: PanelOptions,
): Promise<Displayable> {
  const which = 'The test images that are hardest for all networks together';
  return predictions(at(groups, fraction), dataset, {
    indices: hardestImages(groups, fraction).slice(0, count),
    which,
  });
}

/** Test images by their mean Dice over the networks of a fraction (first seeds), the lowest first. */
export function hardestImages(groups: readonly MaskGroup[], fraction: number): number[] {
  return rankedImages(
    at(groups, fraction).map(({ runs: [{ test }] }) => test.scores),
    'dice',
  );
}

/** Positions of the test images by the mean of a metric over trainings, the lowest first. @param scores trainings × images */
export function rankedImages(scores: readonly (readonly SegmentationScores[])[], metric: SegmentationMetric): number[] {
  return ranked([...meanOverDraws(scores.map((own) => metricOfImages(own, metric)))]);
}

/** Positions of values, the lowest first, the earlier first among equals. */
function ranked(values: readonly number[]): number[] {
  return values.map((_, index) => index).sort((a, b) => values[a] - values[b] || a - b);
}

function predictions(
  groups: readonly MaskGroup[],
  dataset: SegmentationDataset,
  { indices, which }: { readonly indices: readonly number[]; readonly which: string },
): Promise<Displayable> {
  const nameOf = seriesNames(groups);
  const { test } = dataset.splits;
  return withMasks(groups, dataset, (opened) => {
    const columns = indices.map((index) => ({ ...readPair(dataset, test, index), masks: opened.read(index), index }));
    const images = groups.flatMap((group, row) =>
      columns.map(({ pixels, truth, masks, index }) => {
        const dice = group.runs[0].test.scores[index].dice.toFixed(3);
        const alt = `Test image ${test.ids[index]} with its mask and that of ${nameOf(group)}, Dice ${dice}`;
        return maskOverlay({ pixels, truth, prediction: masks[row], title: `${nameOf(group)}\nDice ${dice}`, alt });
      }),
    );
    const [{ fraction, trainImages }] = groups;
    const trained = `trained on ${fractionTitle(fraction)} of the images (${trainImages}), ${armsTitle(groups)}`;
    const ids = `For each network: ${indices.map((index) => test.ids[index]).join(', ')}.`;
    const caption = `${which}, ${trained}. ${ids} ${overlayLegend}`;
    return maskGrid(dataset, { images, columns: indices.length, caption, size: smallImage });
  });
}

/**
 * Where the networks of a fraction agree: the test images on which they do least, in the middle, and most. Below each image, how many of
 * the networks have each pixel in their mask.
 */
export function consensusPanel(
  groups: readonly MaskGroup[],
  dataset: SegmentationDataset,
  { fraction }: Pick<PanelOptions, 'fraction'>,
): Promise<Displayable> {
  const chosen = at(groups, fraction);
  return withMasks(chosen, dataset, (opened) => {
    const order = ranked(consensusOf(opened, dataset).map(({ agreement }) => agreement));
    const places = [0, Math.floor(order.length / 2), order.length - 1];
    const indices = [...new Set(places)].map((place) => order[place]);
    const shown = indices.map((index) => consensusImages(dataset, index, opened.read(index)));
    const caption =
      `Agreement of ${chosen.length} networks trained on ${fractionTitle(fraction)} of the images, from the least to the most. Above: the truth in blue, ` +
      `what more than half of the networks have in green. Below: how many have each pixel, from none (dark) to all ${chosen.length} (light). ` +
      'Agreement: of the pixels that any of them has, the share that all have.';
    const images = [...shown.map(({ above }) => above), ...shown.map(({ below }) => below)];
    return maskGrid(dataset, { images, columns: indices.length, caption, size: smallImage });
  });
}

function consensusImages(
  dataset: SegmentationDataset,
  index: number,
  masks: readonly Mask[],
): { above: GridImage; below: GridImage } {
  const { height, width, splits } = dataset;
  const { pixels, truth } = readPair(dataset, splits.test, index);
  const votes = countVotes(masks);
  const agreement = `agreement ${(100 * agreementOf(votes, masks.length)).toFixed(0)} %`;
  const id = splits.test.ids[index];
  const alt = `Test image ${id} with its mask and the majority’s`;
  return {
    above: maskOverlay({ pixels, truth, prediction: majorityMask(masks), title: id, alt }),
    below: {
      ...{ pixels: heatPixels(votes, [0, masks.length]), height, width, channels: 3, title: `${id}\n${agreement}` },
      alt: `How many networks have each pixel of test image ${id} in their mask, ${agreement}`,
    },
  };
}

/**
 * One row for each arm and fraction with several networks: how far they agree with each other (mean over test images), and how the mask of
 * their majority scores beside the best of them.
 */
export function consensusRows(groups: readonly MaskGroup[], dataset: SegmentationDataset) {
  const arms = [...new Set(groups.map(({ arm }) => arm))];
  return arms.flatMap((arm) =>
    fractionsOf(groups).flatMap((fraction) => {
      const chosen = at(groups, fraction).filter((group) => group.arm === arm);
      if (chosen.length < 2) return [];
      const dices = chosen.map(({ runs: [{ test }] }) => mean(test.scores.map(({ dice }) => dice)));
      const best = Math.max(...dices);
      const images = withMasks(chosen, dataset, (opened) => consensusOf(opened, dataset));
      return [
        {
          arm: armTitle(arm),
          fraction: fractionTitle(fraction),
          networks: chosen.length,
          agreement: mean(images.map(({ agreement }) => agreement)),
          ...agreementAndDice(images),
          majorityDice: mean(images.map(({ dice }) => dice)),
          bestNetwork: chosen[dices.indexOf(best)].network,
          bestDice: best,
        },
      ];
    }),
  );
}

/** Whether the majority's mask is better where networks agree: their rank correlation over images. */
function agreementAndDice(images: ReturnType<typeof consensusOf>) {
  const found = rankCorrelation(
    images.map(({ agreement }) => agreement),
    images.map(({ dice }) => dice),
  );
  return { correlation: found.correlation, interval: Number.isNaN(found.low) ? '' : formatInterval(found, 2) };
}

/** Agreement of networks on each test image, and the Dice of their majority's mask. */
function consensusOf(opened: RunMasks, dataset: SegmentationDataset) {
  return dataset.splits.test.ids.map((_, index) => {
    const masks = opened.read(index);
    const { truth } = readPair(dataset, dataset.splits.test, index);
    const { dice } = scoresOfCounts(countPixels(truth, majorityMask(masks)));
    return { agreement: agreementOf(countVotes(masks), masks.length), dice };
  });
}
