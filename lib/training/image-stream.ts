import {
  imageBatches,
  normalizedImages,
  type BatchOptions,
  type ImageBatch,
  type Normalization,
} from '../data/batches';
import type { Dataset, Split } from '../data/dataset';
import { readParameters, type Parameters } from '../models/parameters';
import { createScope, type Scope } from '../models/scope';
import { readResult } from '../tensor/read';
import { tf, type Tensor2D, type Tensor4D } from '../tf';

/** What brings a dataset's images to the size that a network takes. */
export interface ImageTransform {
  /** Everything that its output depends on, such as `bicubic 224×224`. */
  readonly key: string;
  /** Pixels of its output. */
  readonly height: number;
  readonly width: number;
  /** Of the network that the images are for. */
  readonly normalization: Normalization;
  /**
   * N images of height × width × channels bytes, one after the other, to as many of the transform's size with as many channels.
   * The argument is not kept.
   */
  apply(bytes: Uint8Array, shape: readonly [number, number, number, number]): Promise<Uint8Array> | Uint8Array;
}

export type StreamOptions = Pick<BatchOptions, 'batchSize' | 'order'>;

/**
 * The batches of one pass over a split at a transform's size, the last one as large as what is left. The next batch is transformed while
 * the current one is in use, which costs no time where the transform works in other threads. The caller disposes each batch.
 */
export async function* transformedBatches(
  dataset: Dataset,
  split: Split,
  transform: ImageTransform,
  { batchSize, order }: StreamOptions,
): AsyncGenerator<ImageBatch> {
  const { height, width, channels } = dataset;
  const total = order?.length ?? split.count;
  const read = async (start: number): Promise<{ indices: Int32Array; bytes: Uint8Array }> => {
    const count = Math.min(batchSize, total - start);
    const indices = Int32Array.from({ length: count }, (_, offset) => (order ? order[start + offset] : start + offset));
    const bytes = new Uint8Array(count * height * width * channels);
    split.readImages(indices, bytes);
    return { indices, bytes: await transform.apply(bytes, [count, height, width, channels]) };
  };
  let next = total > 0 ? read(0) : undefined;
  for (let start = 0; next !== undefined; start += batchSize) {
    const { indices, bytes } = await next;
    const count = indices.length;
    const shape = [count, transform.height, transform.width, channels] as const;
    if (bytes.length !== count * transform.height * transform.width * channels) {
      throw new Error(`"${transform.key}" gives ${bytes.length} bytes, not ${shape.join('×')}.`);
    }
    next = start + batchSize < total ? read(start + batchSize) : undefined;
    next?.catch(() => undefined); // thrown where it is awaited, if it still is
    const images = normalizedImages(bytes, shape, transform.normalization);
    const labels = tf.tensor1d(Int32Array.from(indices, (index) => split.labels[index * split.labelWidth]), 'int32'); // prettier-ignore
    yield { images, labels, count, dispose: () => tf.dispose([images, labels]) };
  }
}

/** Batches at the transform's size, or as the dataset has them where there is none. */
export function imageStream(
  dataset: Dataset,
  split: Split,
  { transform, normalization, ...options }: BatchOptions & { readonly transform?: ImageTransform },
): Iterable<ImageBatch> | AsyncIterable<ImageBatch> {
  return transform === undefined
    ? imageBatches(dataset, split, { ...options, normalization })
    : transformedBatches(dataset, split, transform, options);
}

/**
 * What a network makes of each batch, in evaluation mode: row-major images × values. Batches are disposed; between them, timers and the
 * stop button have their turn.
 */
export async function* forwardRows(
  batches: Iterable<ImageBatch> | AsyncIterable<ImageBatch>,
  parameters: Parameters,
  forward: (images: Tensor4D, scope: Scope) => Tensor2D,
): AsyncGenerator<Float32Array> {
  for await (const batch of batches) {
    let rows: Float32Array;
    try {
      rows = readResult(() => forward(batch.images, createScope(readParameters(parameters))));
    } finally {
      batch.dispose();
    }
    await new Promise(setImmediate); // before the rows are handed out: who takes them knows of a stop during this batch
    yield rows;
  }
}
