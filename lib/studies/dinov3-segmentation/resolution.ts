/** What the fourth study's decoder can draw, as published on the patches' grid and corrected on a pyramid. */
import type { Mask } from '../../data/mask';
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { maskOverlay, overlayLegend } from '../../display/mask-overlay';
import type { Displayable } from '../../display/mime';
import { mean } from '../../metrics/intervals';
import { countPixels, scoresOfCounts } from '../../metrics/segmentation';
import { levelScales } from '../../models/dino-unet';
import { throughPlaces } from '../../models/mask-places';
import { dinoUnetOfWidth } from '../../models/dino-unet';
import type { Vit } from '../../models/encoders';
import { dinoUnetBlocks } from '../../models/feature-maps';
import { patchGrid } from '../../models/vit';
import { arms, armTitle, type Arm } from '../../runs/arms';
import { smallImage } from '../../workbench/mask-panels';
import { maskGrid, readPair } from '../../workbench/mask-views';

type EncoderShape = Pick<Vit, 'config' | 'size'>;

function gridOf({ config, size }: EncoderShape): [rows: number, columns: number] {
  return patchGrid({ height: size, width: size }, config);
}

const levelNames = ['deepest', 'second', 'third', 'finest'] as const;

/** One row a level of the decoder: its channels, and in each arm which block it is made of and on how many places it works. */
export function decoderLevels(
  encoder: EncoderShape,
  { height }: Pick<SegmentationDataset, 'height'>,
  decoderWidth: number,
) {
  const [published, corrected] = arms.map((arm) => ({ arm, blocks: dinoUnetBlocks(encoder.config, arm).blocks }));
  const { widths } = dinoUnetOfWidth(encoder.config.width, decoderWidth, 'corrected');
  const levels = levelNames.map((level, index) => ({
    level,
    channels: widths[index],
    blockAsPublished: String(published.blocks[index]),
    placesAsPublished: placesOf(encoder, 'as-published', index),
    blockCorrected: String(corrected.blocks[widths.length - 1 - index]),
    placesCorrected: placesOf(encoder, 'corrected', index),
  }));
  const last = (arm: Arm): string => `image: × ${height / logitPlaces(encoder, arm)}`;
  const empty = { channels: 1, blockAsPublished: '', blockCorrected: '' };
  return [
    ...levels,
    {
      ...empty,
      level: 'last interpolation',
      placesAsPublished: last('as-published'),
      placesCorrected: last('corrected'),
    },
  ];
}

function placesOf(encoder: EncoderShape, arm: Arm, level: number): string {
  const [rows, columns] = gridOf(encoder);
  const scale = levelScales[arm][level];
  return `${Math.ceil(rows * scale)} × ${Math.ceil(columns * scale)}`;
}

/** The places that an arm's logits have before the last interpolation. */
export function logitPlaces(encoder: EncoderShape, arm: Arm): number {
  return gridOf(encoder)[0] * Math.max(...levelScales[arm]);
}

/** One row an arm: mean and lowest Dice of the test masks against themselves after a passage through the arm's places. */
export function resolutionRows(encoder: EncoderShape, dataset: SegmentationDataset) {
  const { test } = dataset.splits;
  const truths = test.ids.map((_, index) => readPair(dataset, test, index).truth);
  return arms.map((arm) => {
    const places = logitPlaces(encoder, arm);
    const dices = truths.map((truth) => diceOf(truth, throughPlaces(truth, places)));
    return {
      arm: armTitle(arm),
      places: `${places} × ${places}`,
      pixelsPerPlace: dataset.height / places,
      dice: mean(dices),
      lowest: Math.min(...dices),
    };
  });
}

function diceOf(truth: Mask, prediction: Mask): number {
  return scoresOfCounts(countPixels(truth, prediction)).dice;
}

/** A few test masks and what is left of them after a passage through the places of each arm: a row an arm. */
export function resolutionPanel(
  encoder: EncoderShape,
  dataset: SegmentationDataset,
  { count = 3 }: { readonly count?: number } = {},
): Promise<Displayable> {
  const { test } = dataset.splits;
  const indices = Array.from({ length: Math.min(count, test.count) }, (_, index) => index);
  const images = arms.flatMap((arm) => {
    const places = logitPlaces(encoder, arm);
    return indices.map((index) => {
      const { pixels, truth } = readPair(dataset, test, index);
      const prediction = throughPlaces(truth, places);
      const dice = diceOf(truth, prediction).toFixed(3);
      const alt = `Test image ${test.ids[index]} with its mask and what ${places} × ${places} places leave of it, Dice ${dice}`;
      return maskOverlay({ pixels, truth, prediction, title: `${places} × ${places} places\nDice ${dice}`, alt });
    });
  });
  const caption = `What the resolution of the decoder leaves of a mask that is known exactly: as published (above) and corrected (below). No network is in this picture. ${overlayLegend.replace('the prediction', 'what is left')}`;
  return maskGrid(dataset, { images, columns: indices.length, caption, size: smallImage });
}
