/** A U-Net from random weights on the same images: what all this has to beat. */
import { nestedSubset } from '../../data/splits';
import { subsetOf, type SegmentationDataset } from '../../data/segmentation-dataset';
import { unitNormalization } from '../../data/segmentation-batches';
import { countParameters } from '../../models/parameters';
import { unetForward, unetParameters, type UnetConfig } from '../../models/unet';
import { trainSegmenter, type Segmenter, type TrainedSegmenter } from '../../training/segmenter';
import { imageSource } from '../../training/segmentation-source';
import type { SeriesControls } from './maps';
import { shortHash } from '../../runs/results';
import { openTraining, recordResults, type NotebookRun } from '../../runs/notebook-run';
import { segmentationRow } from '../segmentation-rows';

export interface UnetSettings {
  readonly epochs: number;
  /** Channels of the finest level; each coarser one has twice as many. The usual network has 32. */
  readonly width: number;
  /** At most so many training images. */
  readonly images: number;
  readonly seed: number;
  readonly learningRate?: number;
  readonly batchSize?: number;
}

/** The usual network with other widths: 7,763,041 values for 32. */
export function unetOfWidth(width: number): Segmenter & { readonly config: UnetConfig } {
  const config = { widths: [width, 2 * width, 4 * width, 8 * width, 16 * width] };
  const forward: Segmenter['forward'] = (images, scope) => unetForward(images, scope, config).logits;
  return { name: 'U-Net', table: unetParameters(config), forward, config };
}

/** Trains all of it with AdamW and a cosine on flipped images, and records its row. A stopped training is continued by the same call. */
export async function trainUnet(
  run: NotebookRun,
  dataset: SegmentationDataset,
  { epochs, width, images, seed, learningRate = 1e-3, batchSize = 8 }: UnetSettings,
  { signal, onProgress }: SeriesControls = {},
): Promise<TrainedSegmenter> {
  const { splits } = dataset;
  const size = Math.min(images, splits.train.count);
  const train = subsetOf(splits.train, nestedSubset(splits.train.count, size, { seed }));
  const settings = { epochs, batchSize, learningRate, weightDecay: 1e-4, seed };
  const recorded = { ...settings, width, images: size };
  const trainingKey = shortHash({ model: 'U-Net', settings: recorded, data: dataset.sha256, side: dataset.height });
  const network = unetOfWidth(width);
  const training = await openTraining(run, trainingKey);
  const source = imageSource({
    dataset,
    splits: { ...splits, train },
    augmentation: { horizontalFlip: 0.5, verticalFlip: 0.5 },
    seed,
    normalization: unitNormalization,
  });
  const trained = await trainSegmenter(network, source, settings, {
    signal,
    onProgress,
    checkpoints: training.checkpoints,
    saveEverySeconds: 5,
  });
  const parameters = countParameters(network);
  const row = segmentationRow(trained, {
    trainingKey,
    model: network.name,
    weights: 'random',
    protocol: 'scratch',
    arm: 'corrected',
    parameters,
    trainableParameters: parameters,
    seconds: trained.seconds,
    trainImages: size,
    valImages: splits.val.count,
    settings: recorded,
  });
  if (row === undefined) return trained;
  recordResults(run, dataset, trainingKey, [row], trained.history);
  training.close();
  return trained;
}
