import assert from 'node:assert/strict';
import { test } from 'node:test';

import { batchesPerEpoch, imageBatches, type ImageBatch, normalizedImages } from '../../lib/data/batches';
import { halfNormalization, type Normalization } from '../../lib/data/normalization';
import type { Dataset, Split } from '../../lib/data/dataset';
import { tf } from '../../lib/tf';

const height = 3;
const width = 4;

/** A split in memory; the calls of `readImages` are noted. */
function splitOf(
  count: number,
  channels: number,
  labelWidth = 1,
): { split: Split; reads: number[][]; bytes: Uint8Array } {
  const size = height * width * channels;
  const bytes = Uint8Array.from({ length: count * size }, (_, index) => (index * 37 + 11) % 256);
  const reads: number[][] = [];
  const split: Split = {
    name: 'train',
    count,
    labelWidth,
    labels: Int32Array.from({ length: count * labelWidth }, (_, index) => (index * 5) % 7),
    readImages(indices, target) {
      reads.push(Array.from(indices));
      Array.from(indices).forEach((index, at) =>
        target.set(bytes.subarray(index * size, (index + 1) * size), at * size),
      );
    },
  };
  return { split, reads, bytes };
}

const datasetOf = (channels: number): Dataset => ({ height, width, channels }) as Dataset;
/** As timm and torchvision normalise for ImageNet. */
const imagenet: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** (v / 255 − mean) / std in double precision, three channels for one. */
function normalized(bytes: Uint8Array, channels: number, { mean, std }: Normalization): number[] {
  return Array.from({ length: (bytes.length / channels) * 3 }, (_, at) => {
    const channel = at % 3;
    const value = channels === 1 ? bytes[Math.floor(at / 3)] : bytes[at];
    return (value / 255 - mean[channel]) / std[channel];
  });
}

function assertNear(actual: ArrayLike<number>, expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  const worst = expected.reduce((most, value, at) => Math.max(most, Math.abs(value - actual[at])), 0);
  assert.ok(worst < 1e-6, `differs by ${worst}`);
}

test('all 256 values are normalised as in double precision, in both normalisations', () => {
  const bytes = Uint8Array.from({ length: 256 * 3 }, (_, index) => index % 256);
  for (const normalization of [halfNormalization, imagenet])
    for (const channels of [1, 3]) {
      const shape = [2, 4, 96 / channels, channels];
      const images = normalizedImages(bytes, shape, normalization);
      assert.deepEqual([images.shape, images.dtype], [[2, 4, 96 / channels, 3], 'float32']);
      assertNear(images.dataSync<'float32'>(), normalized(bytes, channels, normalization));
      images.dispose();
    }
  const ends = normalizedImages(Uint8Array.of(0, 255, 0), [1, 1, 1, 3], halfNormalization);
  assertNear(ends.dataSync<'float32'>(), [-1, 1, -1]);
  ends.dispose();
});

test('a pass has all images once, in the order of the split, the last batch as large as what is left', () => {
  for (const channels of [1, 3]) {
    const { split, reads, bytes } = splitOf(10, channels);
    const batches = [...imageBatches(datasetOf(channels), split, { batchSize: 4, normalization: imagenet })];
    assert.deepEqual(reads, [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    assert.deepEqual(
      batches.map(({ count }) => count),
      [4, 4, 2],
    );
    assert.deepEqual(
      batches.map(({ images }) => images.shape),
      [4, 4, 2].map((count) => [count, height, width, 3]),
    );
    const all = tf.concat(batches.map(({ images }) => images));
    assertNear(all.dataSync<'float32'>(), normalized(bytes, channels, imagenet));
    assert.deepEqual(
      batches.flatMap(({ labels }) => [...labels.dataSync()]),
      [...split.labels],
    );
    assert.ok(batches.every(({ labels }) => labels.dtype === 'int32'));
    tf.dispose(all);
    for (const batch of batches) batch.dispose();
  }
});

test('a given order is kept, repeated and left out images included', () => {
  const { split, reads, bytes } = splitOf(6, 3, 2);
  const order = Int32Array.of(5, 0, 0, 3, 2);
  const batches = [...imageBatches(datasetOf(3), split, { batchSize: 3, normalization: halfNormalization, order })];
  assert.deepEqual(reads, [
    [5, 0, 0],
    [3, 2],
  ]);
  // The first of two labels an image.
  assert.deepEqual(
    batches.flatMap(({ labels }) => [...labels.dataSync()]),
    [...order].map((index) => split.labels[index * 2]),
  );
  const size = height * width * 3;
  const expected = [...order].flatMap((index) =>
    normalized(bytes.subarray(index * size, (index + 1) * size), 3, halfNormalization),
  );
  assertNear(
    batches.flatMap(({ images }) => [...images.dataSync<'float32'>()]),
    expected,
  );
  for (const batch of batches) batch.dispose();
});

test('batches are read when they are asked for, and an empty order has none', () => {
  const { split, reads } = splitOf(10, 1);
  const batches = imageBatches(datasetOf(1), split, { batchSize: 4, normalization: halfNormalization });
  assert.deepEqual(reads, []);
  (batches.next() as IteratorYieldResult<ImageBatch>).value.dispose();
  assert.deepEqual(reads, [[0, 1, 2, 3]]);
  batches.return(undefined);
  assert.deepEqual(
    [...imageBatches(datasetOf(1), split, { batchSize: 4, normalization: halfNormalization, order: [] })],
    [],
  );
  assert.equal(reads.length, 1);
});

test('a batch that is larger than the split is the split', () => {
  const { split } = splitOf(3, 1);
  const batches = [...imageBatches(datasetOf(1), split, { batchSize: 100, normalization: halfNormalization })];
  assert.deepEqual(
    batches.map(({ count }) => count),
    [3],
  );
  for (const batch of batches) batch.dispose();
});

test('nothing is left on the device when batches are disposed', () => {
  const { split } = splitOf(10, 1);
  const pass = (): void => {
    for (const batch of imageBatches(datasetOf(1), split, { batchSize: 3, normalization: imagenet })) batch.dispose();
  };
  pass();
  const { numTensors, numBytes } = tf.memory();
  pass();
  assert.deepEqual([tf.memory().numTensors, tf.memory().numBytes], [numTensors, numBytes]);
  assert.equal(numTensors, 0, 'no test of this file leaves a tensor');
  const batches = imageBatches(datasetOf(1), split, { batchSize: 3, normalization: imagenet });
  const { value: batch } = batches.next() as IteratorYieldResult<ImageBatch>;
  assert.equal(tf.memory().numTensors, 2, 'a batch is two tensors');
  batch.dispose();
  assert.equal(tf.memory().numTensors, 0);
});

test('batches per epoch include the last one', () => {
  assert.deepEqual(
    [1, 128, 129, 256, 0].map((count) => batchesPerEpoch(count, 128)),
    [1, 1, 2, 2, 0],
  );
});
