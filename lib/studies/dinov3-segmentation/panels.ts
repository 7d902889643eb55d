/** The fourth study's pictures: predictions on test images, where networks agree, and what a decoder's resolution can draw. */
import type { Mask } from '../../data/mask';
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { imageGrid, type GridImage } from '../../display/image-grid';
import { heatPixels } from '../../display/map-images';
import { maskOverlay, overlayLegend } from '../../display/mask-overlay';
import type { Displayable } from '../../display/mime';
import { mean } from '../../metrics/intervals';
import { createRandom } from '../../random';
import { armsTitle, seriesNames } from './figures';
import { fractionTitle } from './groups';
import { agreementOf, countVotes, majorityMask } from '../../metrics/mask-votes';
import { openPredictedMasks } from '../../runs/predicted-masks';
import { firstRuns, readConsensus } from './masks';
import type { Dinov3Run } from './results';
import { readPair, syntheticNote } from '../../workbench/mask-views';

const imageSize = 132;

export interface PanelOptions {
  /** Of the training images. */
  readonly fraction: number;
  /** Test images that are shown. Default 3: as many fit beside each other on a phone. */
  readonly count?: number;
}

/** The same random test images under every network that was trained on a fraction: a row a network, the truth red, the prediction green. */
export function samplePanel(
  runs: readonly Dinov3Run[],
  dataset: SegmentationDataset,
  { fraction, count = 3, seed = 42 }: PanelOptions & { readonly seed?: number },
): Promise<Displayable> {
  const { test } = dataset.splits;
  const indices = [...createRandom(seed, 'samples', 'test').permutation(test.count).slice(0, count)];
  const which = `Random test images`;
  return predictions(runs, dataset, { fraction, indices, which });
}

/** The test images with the lowest mean Dice over all networks that were trained on a fraction. */
export function worstPanel(
  runs: readonly Dinov3Run[],
  dataset: SegmentationDataset,
  { fraction, count = 3 }: PanelOptions,
): Promise<Displayable> {
  const indices = hardestImages(runs, fraction).slice(0, count);
  return predictions(runs, dataset, {
    fraction,
    indices,
    which: 'The test images that are hardest for all networks together',
  });
}

/** Test images by their mean Dice over the networks of a fraction, the lowest first. */
export function hardestImages(runs: readonly Dinov3Run[], fraction: number): number[] {
  const chosen = firstRuns(runs, fraction).map(({ run }) => run.test.scores);
  const means = chosen[0].map((_, image) => mean(chosen.map((scores) => scores[image].dice)));
  return means.map((_, image) => image).sort((a, b) => means[a] - means[b] || a - b);
}

interface PredictionPanel {
  readonly fraction: number;
  readonly indices: readonly number[];
  readonly which: string;
}

async function predictions(
  runs: readonly Dinov3Run[],
  dataset: SegmentationDataset,
  { fraction, indices, which }: PredictionPanel,
): Promise<Displayable> {
  const chosen = firstRuns(runs, fraction);
  const groups = chosen.map(({ group }) => group);
  const nameOf = seriesNames(groups);
  const { test } = dataset.splits;
  const opened = openPredictedMasks(
    chosen.map(({ run }) => run),
    dataset,
  );
  try {
    const columns = indices.map((index) => ({ ...readPair(dataset, test, index), masks: opened.read(index), index }));
    const images = chosen.flatMap(({ group, run }, row) =>
      columns.map(({ pixels, truth, masks, index }) => {
        const dice = run.test.scores[index].dice.toFixed(3);
        const alt = `Test image ${test.ids[index]} with its mask and that of ${nameOf(group)}, Dice ${dice}`;
        return maskOverlay({ pixels, truth, prediction: masks[row], title: `${nameOf(group)}\nDice ${dice}`, alt });
      }),
    );
    const trained = `trained on ${fractionTitle(fraction)} of the images (${groups[0].trainImages}), ${armsTitle(groups)}`;
    const ids = `For each network: ${indices.map((index) => test.ids[index]).join(', ')}.`;
    return await grid(dataset, {
      images,
      columns: indices.length,
      caption: `${which}, ${trained}. ${ids} ${overlayLegend}`,
    });
  } finally {
    opened.close();
  }
}

/**
 * Where the networks of a fraction agree: the test images on which they do least, in the middle, and most. Below each image, how many of
 * the networks have each pixel in their mask.
 */
export async function consensusPanel(
  runs: readonly Dinov3Run[],
  dataset: SegmentationDataset,
  { fraction }: Pick<PanelOptions, 'fraction'>,
): Promise<Displayable> {
  const chosen = firstRuns(runs, fraction);
  const ofRuns = chosen.map(({ run }) => run);
  const agreements = readConsensus(ofRuns, dataset).map(({ agreement }) => agreement);
  const order = agreements.map((_, image) => image).sort((a, b) => agreements[a] - agreements[b] || a - b);
  const places = [0, Math.floor(order.length / 2), order.length - 1];
  const indices = [...new Set(places)].map((place) => order[place]);
  const opened = openPredictedMasks(ofRuns, dataset);
  try {
    const shown = indices.map((index) => consensusImages(dataset, index, opened.read(index)));
    const caption =
      `Agreement of ${chosen.length} networks trained on ${fractionTitle(fraction)} of the images, from the least to the most. Above: the truth in red, ` +
      `what more than half of the networks have in green. Below: how many have each pixel, from none (dark) to all ${chosen.length} (light). ` +
      'Agreement: of the pixels that any of them has, the share that all have.';
    return await grid(dataset, {
      images: [...shown.map(({ above }) => above), ...shown.map(({ below }) => below)],
      columns: indices.length,
      caption,
    });
  } finally {
    opened.close();
  }
}

function consensusImages(
  dataset: SegmentationDataset,
  index: number,
  masks: readonly Mask[],
): { above: GridImage; below: GridImage } {
  const { test } = dataset.splits;
  const { height, width } = dataset;
  const { pixels, truth } = readPair(dataset, test, index);
  const votes = countVotes(masks);
  const agreement = `agreement ${(100 * agreementOf(votes, masks.length)).toFixed(0)} %`;
  const id = test.ids[index];
  const above = {
    pixels,
    truth,
    prediction: majorityMask(masks),
    title: id,
    alt: `Test image ${id} with its mask and the majority’s`,
  };
  const map = heatPixels(votes, [0, masks.length]);
  return {
    above: maskOverlay(above),
    below: {
      pixels: map,
      height,
      width,
      channels: 3,
      title: `${id}\n${agreement}`,
      alt: `How many networks have each pixel of test image ${id} in their mask, ${agreement}`,
    },
  };
}

/** Small grids keep their titles readable, and every figure says where its images come from. */
export function grid(
  { synthetic }: Pick<SegmentationDataset, 'synthetic'>,
  options: { readonly images: readonly GridImage[]; readonly columns: number; readonly caption: string },
): Promise<Displayable> {
  return imageGrid({ ...options, aligned: true, size: imageSize, note: synthetic ? syntheticNote : undefined });
}
