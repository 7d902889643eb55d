import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { halfNormalization } from '../../lib/data/normalization';
import { tf } from '../../lib/tf';
import { resizedCropInput, type AugmentedInputOptions } from '../../lib/training/augmented-input';
import { imageStream } from '../../lib/training/image-stream';
import { createRandom } from '../../lib/random';
import { userError } from '../data/user-error';
import { toyDataset } from './toy';

const options: AugmentedInputOptions = {
  scale: [0.3, 1],
  ratio: [0.5, 2],
  interpolation: 'bicubic',
  horizontalFlip: 0.5,
  size: { height: 8, width: 10 },
  normalization: halfNormalization,
  seed: 4,
};
const dataset = toyDataset();
const { train } = dataset.splits;

/** The pixels of each training image in an epoch, by its index, whatever the order they come in. */
async function imagesOf(
  input: ReturnType<typeof resizedCropInput>,
  epoch: number,
  { batchSize = 7, order = createRandom(1).permutation(train.count) } = {},
): Promise<Map<number, string>> {
  const before = tf.memory().numTensors;
  const images = new Map<number, string>();
  const stream = imageStream(dataset, train, {
    batchSize,
    order,
    normalization: halfNormalization,
    transform: input.ofEpoch(epoch),
  });
  let start = 0;
  for await (const batch of stream) {
    assert.deepEqual(batch.images.shape.slice(1), [options.size.height, options.size.width, 3]);
    const values = batch.images.dataSync();
    const length = values.length / batch.count;
    for (let row = 0; row < batch.count; row++)
      images.set(order[start + row], values.subarray(row * length, (row + 1) * length).join());
    start += batch.count;
    batch.dispose();
  }
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  return images;
}

describe('augmented images', () => {
  it('are the same in every order and batch, and others in every epoch and with every seed', async () => {
    const input = resizedCropInput(options);
    const first = await imagesOf(input, 0);
    assert.equal(first.size, train.count);
    const ordered = Int32Array.from({ length: train.count }, (_, index) => index);
    const again = await imagesOf(resizedCropInput(options), 0, { batchSize: 16, order: ordered });
    for (const [index, pixels] of first) assert.equal(again.get(index), pixels, `image ${index}`);
    for (const other of [await imagesOf(input, 1), await imagesOf(resizedCropInput({ ...options, seed: 5 }), 0)])
      assert.ok([...first].filter(([index, pixels]) => other.get(index) === pixels).length < 3);
  });

  it('are the same from threads', async () => {
    const large = { ...options, size: { height: 100, width: 100 } };
    const bytes = Uint8Array.from({ length: 5 * 12 * 12 }, (_, index) => (index * 37) % 251);
    const indices = Int32Array.of(9, 4, 0, 7, 2);
    const input = resizedCropInput(large);
    try {
      const all = await input.ofEpoch(3).apply(bytes, [5, 12, 12, 1], indices);
      assert.equal(all.length, 5 * 100 * 100);
      // One at a time there is one part, so that each image is the first one of a thread's.
      for (let at = 0; at < 5; at++) {
        const image = bytes.slice(at * 144, (at + 1) * 144);
        const alone = await input.ofEpoch(3).apply(image, [1, 12, 12, 1], indices.subarray(at, at + 1));
        assert.deepEqual(alone, all.subarray(at * 10_000, (at + 1) * 10_000));
      }
    } finally {
    }
  });

  it('are refused with options that are none', () => {
    assert.throws(() => resizedCropInput({ ...options, scale: [0.5, 2] }), userError(/scale is 0\.5 to 2/));
  });
});
