/** Features of a frozen network: computed once, then read from memory or disk as often as a head is trained on them. */
import type { ImageTransform } from '../models/network';
import { createHash } from 'node:crypto';
import { batchesPerEpoch } from '../data/batches';
import { splitNames, type Dataset, type SplitName } from '../data/dataset';
import { UserError } from '../errors';
import { precisionOfParameters } from '../models/low-precision';
import { hashParameters, type Parameters } from '../models/parameters';
import type { Scope } from '../models/scope';
import type { Tensor2D, Tensor4D } from '../tf';
import type { TrainingEvent } from './events';
import { notKeptMessage, openFeatureCache, type FeatureCache } from './feature-cache';
import { featureSet, type FeatureSet, type FeatureSets } from './feature-set';
import { forwardRows, transformedBatches } from './image-stream';

export { hashParameters } from '../models/parameters';
export { absentFeatures, featureSet, type FeatureSet, type FeatureSets } from './feature-set';

/** What is needed of a network. */
export interface FeatureBackbone {
  readonly name: string;
  /** Values an image. */
  readonly width: number;
  /** images: N×H×W×3, normalised → N×width. */
  forward(images: Tensor4D, scope: Scope): { readonly pooled: Tensor2D };
}

export interface ExtractOptions {
  readonly backbone: FeatureBackbone;
  readonly parameters: Parameters;
  /** SHA-256 of the weights' file, or `hashParameters`, which is the default. */
  readonly weightsKey?: string;
  readonly dataset: Dataset;
  readonly split: SplitName;
  readonly transform: ImageTransform;
  /** 64 by default. Part of the cache's key, since TensorFlow rounds an image's last digits differently in batches of another size. */
  readonly batchSize?: number;
  /** The project's cache by default. */
  readonly cache?: FeatureCache | 'off';
  /** Larger sets stay on disk; 1 GiB by default. */
  readonly memoryBytes?: number;
  /** Ends the extraction between two batches, or the waiting for another process, with a UserError; the same call goes on from there. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

/** To be raised whenever the same images, weights and transform give other features. */
const extractorVersion = 1;

/** The features of one split, from the cache where they are there. */
export async function extractFeatures(options: ExtractOptions): Promise<FeatureSet> {
  const { backbone, dataset, split, transform, cache = openFeatureCache(), memoryBytes = 2 ** 30 } = options;
  const { signal, onProgress = () => undefined } = options;
  const { count } = dataset.splits[split];
  const { width } = backbone;
  if (cache === 'off') {
    const rows = new Float32Array(count * width);
    for await (const { batch, offset } of extractedRows(options, 0)) rows.set(batch, offset * width);
    return featureSet(dataset, split, width, rows);
  }
  const request = {
    key: featureKey(options),
    of: `${backbone.name} of ${dataset.title}, ${split}, ${transform.key}, ${precisionOfParameters(options.parameters)}`,
    count,
    width,
    signal,
    onWait: () => onProgress(warning('Another process extracts the same features: waiting for it.')),
  };
  const start = performance.now();
  const secondsNow = (): number => (performance.now() - start) / 1000;
  const opened = cache.open(request, async (writer) => {
    for await (const { batch } of extractedRows(options, writer.finished)) writer.append(batch);
  });
  const { file, found, kept } = await opened.catch((error: unknown) => {
    if (!signal?.aborted || error !== signal.reason) throw error;
    onProgress({ kind: 'stopped', epoch: 0, epochs: 1, seconds: secondsNow() });
    throw new UserError(`Stopped while another process extracts the features of ${split}: the same call waits again.`);
  });
  if (found) onProgress({ kind: 'done', epochs: 1, seconds: secondsNow() });
  if (!kept) onProgress(warning(notKeptMessage('The features', file.bytes, cache.limitBytes)));
  if (file.bytes > memoryBytes) return featureSet(dataset, split, width, file);
  try {
    return featureSet(dataset, split, width, file.readAll());
  } finally {
    file.close();
  }
}

/** The features of all three splits. */
export async function extractAllFeatures(options: Omit<ExtractOptions, 'split'>): Promise<FeatureSets> {
  const { weightsKey = hashParameters(options.parameters) } = options;
  const sets: Partial<Record<SplitName, FeatureSet>> = {};
  try {
    for (const split of splitNames) sets[split] = await extractFeatures({ ...options, weightsKey, split });
    return sets as FeatureSets;
  } catch (error) {
    for (const set of Object.values(sets)) set.close();
    throw error;
  }
}

/** Stands for everything that the features depend on. */
function featureKey({
  backbone,
  parameters,
  weightsKey = hashParameters(parameters),
  dataset,
  split,
  transform: { key, height, width, normalization },
  batchSize = defaultBatchSize,
}: ExtractOptions): string {
  const parts = {
    extractorVersion,
    weights: weightsKey,
    backbone: [backbone.name, backbone.width],
    data: [dataset.sha256, split, dataset.splits[split].count, dataset.height, dataset.width, dataset.channels],
    transform: [key, height, width, normalization.mean, normalization.std],
    precision: precisionOfParameters(parameters),
    batchSize,
  };
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

const defaultBatchSize = 64;

/** Batches of features from an image on that begins a batch. */
async function* extractedRows(
  options: ExtractOptions,
  first: number,
): AsyncGenerator<{ batch: Float32Array; offset: number }> {
  const { backbone, parameters, dataset, split, transform, batchSize = defaultBatchSize } = options;
  const { signal, onProgress = () => undefined } = options;
  const { count } = dataset.splits[split];
  const steps = batchesPerEpoch(count, batchSize);
  const order = Int32Array.from({ length: count - first }, (_, index) => first + index);
  const batches = transformedBatches(dataset, dataset.splits[split], transform, { batchSize, order });
  const start = performance.now();
  let offset = first;
  for await (const batch of forwardRows(
    batches,
    parameters,
    (images, scope) => backbone.forward(images, scope).pooled,
  )) {
    const images = Math.min(batchSize, count - offset);
    checkRows(batch, { backbone, split, images, offset });
    yield { batch, offset };
    offset += images;
    const seconds = (performance.now() - start) / 1000;
    if (signal?.aborted && offset < count) {
      onProgress({ kind: 'stopped', epoch: 0, epochs: 1, seconds });
      const next = options.cache === 'off' ? 'without a cache nothing is kept' : 'the same call goes on from there';
      throw new UserError(`Stopped after ${offset} of ${count} images of ${split}: ${next}.`);
    }
    const step = Math.ceil(offset / batchSize);
    const imagesPerSecond = (offset - first) / seconds;
    onProgress({ kind: 'batch', epoch: 1, epochs: 1, step, steps, imagesPerSecond });
  }
  onProgress({ kind: 'done', epochs: 1, seconds: (performance.now() - start) / 1000 });
}

/** Refuses what is not one finite row an image. */
function checkRows(
  rows: Float32Array,
  {
    backbone: { name, width },
    split,
    images,
    offset,
  }: Pick<ExtractOptions, 'backbone' | 'split'> & Record<'images' | 'offset', number>,
): void {
  if (rows.length !== images * width)
    throw new Error(`${name} gives ${rows.length} values for ${images} images, not ${width} each.`);
  const wrong = rows.findIndex((value) => !Number.isFinite(value));
  if (wrong < 0) return;
  const image = offset + Math.floor(wrong / width);
  throw new UserError(
    `${name} makes ${rows[wrong]} of image ${image} of ${split}: its weights or the image are damaged.`,
  );
}

function warning(message: string): TrainingEvent {
  return { kind: 'warning', epoch: 1, epochs: 1, message };
}
