/**
 * Feature maps of a frozen encoder, computed once and kept in the feature cache. Where images are only flipped, an image has four variants,
 * so that all maps that a training will ever see can be computed before it.
 */
import { createHash } from 'node:crypto';
import { batchesPerEpoch, normalizedImages } from '../data/batches';
import type { Normalization } from '../data/normalization';
import { augment, type Augmentation } from '../data/joint-augmentation';
import type { SegmentationDataset, SegmentationSplit } from '../data/segmentation-dataset';
import { UserError } from '../errors';
import { hashParameters, readParameters, type Parameters } from '../models/parameters';
import { createScope, type Scope } from '../models/scope';
import { readResult } from '../tensor/read';
import type { Tensor4D } from '../tf';
import type { TrainingEvent } from './events';
import { notKeptMessage, openFeatureCache, type FeatureCache } from './feature-cache';
import { openRows, type RowSet } from './feature-rows';

/** What makes maps of images. */
export interface MapEncoder {
  readonly name: string;
  /** Of its maps. */
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  /** images: N×H×W×3, normalised → N×rows×columns×channels. */
  encode(images: Tensor4D, scope: Scope): Tensor4D;
}

export interface FeatureMapOptions {
  readonly encoder: MapEncoder;
  readonly parameters: Parameters;
  /** SHA-256 of the weights' file, or `hashParameters`, which is the default. */
  readonly weightsKey?: string;
  /** What the encoder's output depends on beside its weights, in words. */
  readonly encoderKey?: string;
  readonly dataset: Pick<SegmentationDataset, 'sha256' | 'title' | 'height' | 'width'>;
  readonly split: SegmentationSplit;
  readonly normalization: Normalization;
  /** Whether the flipped images have maps too: four an image. */
  readonly flips: boolean;
  /** Of the extraction; part of the key, since the last digits depend on it. 32 by default. */
  readonly batchSize?: number;
  readonly cache?: FeatureCache | 'off';
  /** Larger sets stay on disk; 1 GiB by default. */
  readonly memoryBytes?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

/** The maps of one split. */
export interface FeatureMaps {
  /** Images, flipped ones not counted. */
  readonly count: number;
  /** The maps of images by id, each in one of its variants: N×rows×columns×channels. The tensor is the caller's. */
  gather(ids: readonly string[], variants: readonly number[]): Tensor4D;
  /** Whether they were in the cache. */
  readonly found: boolean;
  /** What one map took when it was computed. */
  readonly secondsPerMap: number;
  close(): void;
}

/** Of an image: 0 as it is, 1 left and right changed, 2 top and bottom changed, 3 both. */
export function flipVariant({ horizontalFlip, verticalFlip }: Pick<Augmentation, 'horizontalFlip' | 'verticalFlip'>) {
  return (horizontalFlip ? 1 : 0) + (verticalFlip ? 2 : 0);
}

const variantsOfFlips = 4;
/** To be raised whenever the same images and weights give other maps. */
const extractorVersion = 1;

/** The maps of a split, from the cache where they are there. */
export async function extractFeatureMaps(options: FeatureMapOptions): Promise<FeatureMaps> {
  const { encoder, dataset, split, flips, cache = openFeatureCache(), memoryBytes = 2 ** 30, signal } = options;
  const width = encoder.rows * encoder.columns * encoder.channels;
  const variants = flips ? variantsOfFlips : 1;
  const count = variants * split.count;
  const shape = { count, width };
  if (cache === 'off') {
    const start = performance.now();
    const values = new Float32Array(count * width);
    for (const { rows, first } of mapRows(options, 0)) {
      values.set(rows, first * width);
      await new Promise(setImmediate);
    }
    const seconds = (performance.now() - start) / 1000;
    return featureMaps(options, { ...memoryRows(values, shape), found: false, seconds, close: () => undefined });
  }
  const request = {
    ...shape,
    key: mapKey(options),
    of: `maps of ${encoder.name} of ${dataset.title}, ${split.count} ${split.name} images${flips ? ', flipped too' : ''}`,
    signal,
  };
  const { file, found, kept, seconds } = await cache.open(request, async (writer) => {
    for (const { rows } of mapRows(options, writer.finished)) {
      writer.append(rows);
      await new Promise(setImmediate); // timers and the stop button have their turn
      if (signal?.aborted && writer.finished < count)
        throw new UserError(`Stopped after ${writer.finished} of ${count} maps: the same call goes on from there.`);
    }
  });
  if (!kept) {
    const message = notKeptMessage(`The maps of ${split.name} images`, file.bytes, cache.limitBytes);
    options.onProgress?.({ kind: 'warning', epoch: 1, epochs: 1, message });
  }
  if (file.bytes > memoryBytes)
    return featureMaps(options, {
      ...shape,
      rows: undefined,
      readRows: file.readRows,
      found,
      seconds,
      close: file.close,
    });
  const values = file.readAll();
  file.close();
  return featureMaps(options, { ...memoryRows(values, shape), found, seconds, close: () => undefined });
}

interface OpenedRows extends RowSet {
  readonly found: boolean;
  readonly seconds: number;
  close(): void;
}

function memoryRows(rows: Float32Array, { count, width }: { count: number; width: number }): RowSet {
  return { count, width, rows, readRows: () => undefined };
}

function featureMaps({ encoder, split, flips }: FeatureMapOptions, opened: OpenedRows): FeatureMaps {
  const { found, seconds } = opened;
  const variants = flips ? variantsOfFlips : 1;
  const rows = openRows(opened);
  const positionOf = new Map(split.ids.map((id, index) => [id, index]));
  return {
    count: split.count,
    found,
    secondsPerMap: seconds / (variants * split.count),
    gather(ids, wanted) {
      const indices = Int32Array.from(ids, (id, at) => {
        const position = positionOf.get(id);
        if (position === undefined || wanted[at] >= variants)
          throw new Error(`There is no map of "${id}" in variant ${wanted[at]} of ${variants}.`);
        return variants * position + wanted[at];
      });
      const gathered = rows.gather(indices);
      const maps = gathered.reshape<Tensor4D>([ids.length, encoder.rows, encoder.columns, encoder.channels]);
      gathered.dispose();
      return maps;
    },
    close() {
      rows.dispose();
      opened.close();
    },
  };
}

/** Stands for everything that the maps depend on. */
function mapKey(options: FeatureMapOptions): string {
  const { encoder, parameters, weightsKey = hashParameters(parameters), encoderKey = '' } = options;
  const { dataset, split, normalization, flips, batchSize = defaultBatchSize } = options;
  const parts = {
    extractorVersion,
    encoder: [encoder.name, encoder.rows, encoder.columns, encoder.channels, encoderKey],
    weights: weightsKey,
    data: [dataset.sha256, dataset.height, dataset.width, split.ids],
    normalization: [normalization.mean, normalization.std],
    flips,
    batchSize,
  };
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

const defaultBatchSize = 32;

/** Maps from one on that begins a batch: image by image, within an image variant by variant. */
function* mapRows(options: FeatureMapOptions, start: number): Generator<{ rows: Float32Array; first: number }> {
  const { encoder, parameters, dataset, split, normalization, flips, batchSize = defaultBatchSize } = options;
  const { onProgress = () => undefined } = options;
  const { height, width } = dataset;
  const variants = flips ? variantsOfFlips : 1;
  const total = variants * split.count;
  const bytes = height * width * 3;
  const began = performance.now();
  for (let first = start; first < total; first += batchSize) {
    const count = Math.min(batchSize, total - first);
    const positions = Array.from({ length: count }, (_, offset) => first + offset);
    const sources = new Uint8Array(count * bytes);
    split.readImages(
      positions.map((position) => Math.floor(position / variants)),
      sources,
    );
    const images = new Uint8Array(count * bytes);
    positions.forEach((position, at) => {
      const part = [at * bytes, (at + 1) * bytes] as const;
      const variant = position % variants;
      const flipped = { horizontalFlip: variant % 2 === 1, verticalFlip: variant >= 2, turns: 0, top: 0, left: 0 };
      augment(sources.subarray(...part), images.subarray(...part), { height, width, channels: 3 }, dataset, flipped);
    });
    const rows = readResult(() =>
      encoder.encode(
        normalizedImages(images, [count, height, width, 3], normalization),
        createScope(readParameters(parameters)),
      ),
    );
    const wrong = rows.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0)
      throw new UserError(
        `${encoder.name} makes ${rows[wrong]} of an image of ${split.name}: its weights are damaged.`,
      );
    yield { rows, first };
    const seconds = (performance.now() - began) / 1000;
    onProgress({
      kind: 'batch',
      epoch: 1,
      epochs: 1,
      step: Math.ceil((first + count) / batchSize),
      steps: batchesPerEpoch(total, batchSize),
      imagesPerSecond: (first + count - start) / seconds,
    });
  }
}
