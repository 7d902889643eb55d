import { UserError } from '../errors';
import { floatFromBytes } from '../tensor/native';
import { tf, type Tensor1D, type Tensor4D } from '../tf';
import type { Dataset, Split } from './dataset';

/** Per-channel statistics that images are normalised with, for values in [0, 1]. */
export interface Normalization {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** MedMNIST's own: values in [0, 1] to [−1, 1]. */
export const halfNormalization: Normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

/** A batch on the device. */
export interface ImageBatch {
  /** N×H×W×3, normalised. */
  readonly images: Tensor4D;
  /** N, int32: the first label of each image. */
  readonly labels: Tensor1D;
  readonly count: number;
  dispose(): void;
}

export interface BatchOptions {
  readonly batchSize: number;
  readonly normalization: Normalization;
  /** Which images, in which order; all in the split's order by default. */
  readonly order?: ArrayLike<number>;
}

/** The batches of one pass over a split, the last one as large as what is left. The caller disposes each. */
export function* imageBatches(
  dataset: Dataset,
  split: Split,
  { batchSize, normalization, order }: BatchOptions,
): Generator<ImageBatch> {
  const { height, width, channels } = dataset;
  const total = order?.length ?? split.count;
  for (let start = 0; start < total; start += batchSize) {
    const count = Math.min(batchSize, total - start);
    const indices = Int32Array.from({ length: count }, (_, offset) => (order ? order[start + offset] : start + offset));
    const bytes = new Uint8Array(count * height * width * channels);
    split.readImages(indices, bytes);
    const images = normalizedImages(bytes, [count, height, width, channels], normalization);
    const labels = tf.tensor1d(Int32Array.from(indices, (index) => split.labels[index * split.labelWidth]), 'int32'); // prettier-ignore
    yield { images, labels, count, dispose: () => tf.dispose([images, labels]) };
  }
}

/** Bytes to normalised RGB on the device: grey images get three equal channels. N×H×W×C (C = 1 or 3) → N×H×W×3. */
export function normalizedImages(bytes: Uint8Array, shape: readonly number[], { mean, std }: Normalization): Tensor4D {
  return tf.tidy(() => {
    const values = floatFromBytes(bytes, shape) as Tensor4D;
    const rgb = shape[3] === 1 ? values.tile([1, 1, 1, 3]) : values;
    // (v / 255 − mean) / std in one multiplication and one addition.
    const scale = tf.tensor1d(std.map((deviation) => 1 / (255 * deviation)));
    const offset = tf.tensor1d(mean.map((value, channel) => -value / std[channel]));
    return rgb.mul(scale).add<Tensor4D>(offset);
  });
}

/** @throws UserError for a batch size that is no whole number above 0 */
export function batchesPerEpoch(count: number, batchSize: number): number {
  if (!(Number.isInteger(batchSize) && batchSize >= 1))
    throw new UserError(`batchSize is ${batchSize}, but must be a whole number of images, 1 or more.`);
  return Math.ceil(count / batchSize);
}
