import { imageBatch, imageBatches, indicesOf, type BatchOptions, type ImageBatch } from '../data/batches';
import type { Dataset, Split } from '../data/dataset';
import type { ImagesShape, ImageTransform } from '../models/network';
import { readParameters, type Parameters } from '../models/parameters';
import { createScope, type Scope } from '../models/scope';
import { readResult } from '../tensor/read';
import { tf, type Tensor, type Tensor4D } from '../tf';

/** A transform that may treat every image in a way of its own, such as an augmentation. `indices`: which images of the split they are. */
export interface IndexedTransform extends Omit<ImageTransform, 'apply'> {
  apply(bytes: Uint8Array, shape: ImagesShape, indices: Int32Array): Promise<Uint8Array> | Uint8Array;
}

export type StreamOptions = Pick<BatchOptions, 'batchSize' | 'order'>;

/**
 * The batches of one pass over a split at a transform's size, the last one as large as what is left. The next batch is transformed while
 * the current one is in use, which costs no time where the transform works in other threads. The caller disposes each batch.
 */
export async function* transformedBatches(
  dataset: Dataset,
  split: Split,
  transform: IndexedTransform,
  { batchSize, order }: StreamOptions,
): AsyncGenerator<ImageBatch> {
  const { height, width, channels } = dataset;
  const total = order?.length ?? split.count;
  const size = height * width * channels;
  // One for the batch that is being transformed or used, one for the next.
  const buffers = [0, 1].map(() => new Uint8Array(Math.min(batchSize, total) * size));
  const read = async (start: number): Promise<{ indices: Int32Array; bytes: Uint8Array }> => {
    const indices = indicesOf(start, Math.min(batchSize, total - start), order);
    const bytes = buffers[(start / batchSize) % 2].subarray(0, indices.length * size);
    split.readImages(indices, bytes);
    return { indices, bytes: await transform.apply(bytes, [indices.length, height, width, channels], indices) };
  };
  let next = total > 0 ? read(0) : undefined;
  for (let start = 0; next !== undefined; start += batchSize) {
    const { indices, bytes } = await next;
    const shape = [transform.height, transform.width, channels] as const;
    const expected = indices.length * transform.height * transform.width * channels;
    if (bytes.length !== expected)
      throw new Error(`"${transform.key}" gives ${bytes.length} bytes, not ${[indices.length, ...shape].join('×')}.`);
    next = start + batchSize < total ? read(start + batchSize) : undefined;
    next?.catch(() => undefined); // thrown where it is awaited, if it still is
    yield imageBatch(split, indices, bytes, shape, transform.normalization);
  }
}

/** Batches at the transform's size, or as the dataset has them where there is none. */
export function imageStream(
  dataset: Dataset,
  split: Split,
  { transform, normalization, ...options }: BatchOptions & { readonly transform?: IndexedTransform },
): Iterable<ImageBatch> | AsyncIterable<ImageBatch> {
  return transform === undefined
    ? imageBatches(dataset, split, { ...options, normalization })
    : transformedBatches(dataset, split, transform, options);
}

/**
 * A network's output in evaluation mode. A single image is computed beside itself: for one alone, TensorFlow's 1×1 convolutions take
 * another way, and an image's last bits would depend on how many images a batch has.
 */
export function evaluated<T extends Tensor>(
  forward: (images: Tensor4D, scope: Scope) => T,
  images: Tensor4D,
  scope: Scope,
): T {
  if (images.shape[0] !== 1) return forward(images, scope);
  return tf.tidy(() => tf.slice(forward(tf.concat([images, images]), scope), [0], [1]));
}

/**
 * What a network makes of each batch, in evaluation mode: row-major images × values. Batches are disposed; between them, timers and the
 * stop button have their turn.
 */
export async function* forwardRows(
  batches: Iterable<ImageBatch> | AsyncIterable<ImageBatch>,
  parameters: Parameters,
  forward: (images: Tensor4D, scope: Scope) => Tensor,
): AsyncGenerator<Float32Array> {
  for await (const batch of batches) {
    let rows: Float32Array;
    try {
      rows = readResult(() => evaluated(forward, batch.images, createScope(readParameters(parameters))));
    } finally {
      batch.dispose();
    }
    await new Promise(setImmediate); // before the rows are handed out: who takes them knows of a stop during this batch
    yield rows;
  }
}
