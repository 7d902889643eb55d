import { UserError } from '../errors';
import { floatFromBytes } from '../tensor/native';
import { tf, type Tensor1D, type Tensor2D, type Tensor4D } from '../tf';
import type { Dataset, Split } from './dataset';
import type { Normalization } from './normalization';

/** A batch on the device. */
export interface ImageBatch {
  /** N×H×W×3, normalised. */
  readonly images: Tensor4D;
  /** N, int32: the first label of each image. */
  readonly labels: Tensor1D;
  /** N×L, float32 0 and 1, of images with L > 1 labels; undefined where they have one. */
  readonly labelRows?: Tensor2D;
  /** N: what each image counts in training, 1 in the mean over the split; undefined where all count alike. */
  readonly weights?: Tensor1D;
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
  const size = height * width * channels;
  // One for all: TensorFlow has its own copy when the next batch is read.
  const buffer = new Uint8Array(Math.min(batchSize, total) * size);
  for (let start = 0; start < total; start += batchSize) {
    const indices = indicesOf(start, Math.min(batchSize, total - start), order);
    const bytes = buffer.subarray(0, indices.length * size);
    split.readImages(indices, bytes);
    yield imageBatch(split, indices, bytes, [height, width, channels], normalization);
  }
}

/** Which images a batch has. */
export function indicesOf(start: number, count: number, order?: ArrayLike<number>): Int32Array {
  return Int32Array.from({ length: count }, (_, offset) => (order ? order[start + offset] : start + offset));
}

/** A batch of images whose bytes are given, at whatever size. */
export function imageBatch(
  split: Split,
  indices: Int32Array,
  bytes: Uint8Array,
  shape: readonly [height: number, width: number, channels: number],
  normalization: Normalization,
): ImageBatch {
  const count = indices.length;
  const images = normalizedImages(bytes, [count, ...shape], normalization);
  const labels = tf.tensor1d(
    Int32Array.from(indices, (index) => split.labels[index * split.labelWidth]),
    'int32',
  );
  const relative = trainingWeights(split);
  const tensors = {
    images,
    labels,
    ...(split.labelWidth > 1 && { labelRows: rowsOfLabels(split, indices) }),
    ...(relative && { weights: tf.tensor1d(Float32Array.from(indices, (index) => relative[index])) }),
  };
  return { ...tensors, count, dispose: () => tf.dispose(tensors) };
}

const relativeWeights = new WeakMap<Float32Array, Float32Array>();

/**
 * What each image of the training split counts, 1 in the mean, so that the scale of given weights does not change the learning rate.
 * Undefined where all count alike, and of other splits: scores count every image once.
 * @throws UserError where all weights are 0
 */
export function trainingWeights({ name, weights }: Pick<Split, 'name' | 'weights'>): Float32Array | undefined {
  if (name !== 'train' || weights === undefined) return undefined;
  const known = relativeWeights.get(weights);
  if (known !== undefined) return known;
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
  if (!(mean > 0))
    throw new UserError(
      'The weights of all training images are 0: nothing could be learned. Give at least one above 0.',
    );
  const relative = weights.map((weight) => weight / mean);
  relativeWeights.set(weights, relative);
  return relative;
}

function rowsOfLabels({ labels, labelWidth }: Split, indices: Int32Array): Tensor2D {
  const rows = new Float32Array(indices.length * labelWidth);
  indices.forEach((index, row) => {
    rows.set(labels.subarray(index * labelWidth, (index + 1) * labelWidth), row * labelWidth);
  });
  return tf.tensor2d(rows, [indices.length, labelWidth]);
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
