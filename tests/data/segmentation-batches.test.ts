import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { AugmentationOptions } from '../../lib/data/joint-augmentation';
import {
  segmentationBatches,
  type SegmentationBatch,
  type SegmentationBatchOptions,
} from '../../lib/data/segmentation-batches';
import type { SegmentationSplit } from '../../lib/data/segmentation-dataset';
import { tf } from '../../lib/tf';
import { userError } from './user-error';

const side = 8;
const area = side * side;
const count = 11;
const maskBytes = Uint8Array.from({ length: count * area }, (_, at) => (((at * 2654435761) % 4294967296) >> 30) & 1);

/** Masks are noise, and each image is its mask, black and white. */
const split: SegmentationSplit = {
  name: 'train',
  count,
  ids: Array.from({ length: count }, (_, index) => `id ${index}`),
  readImages: (indices, target) =>
    Array.from(indices).forEach((index, at) => {
      for (let pixel = 0; pixel < area; pixel++)
        target.fill(255 * maskBytes[index * area + pixel], 3 * (at * area + pixel), 3 * (at * area + pixel) + 3);
    }),
  readMasks: (indices, target) =>
    Array.from(indices).forEach((index, at) =>
      target.set(maskBytes.subarray(index * area, (index + 1) * area), at * area),
    ),
  nativeMask: (index) => ({ height: side, width: side, pixels: maskBytes.slice(index * area, (index + 1) * area) }),
};
const dataset = { height: side, width: side };

interface Seen {
  readonly id: string;
  readonly image: number[];
  readonly mask: number[];
}

/** Everything of one pass, image by image. */
function pass(options: Partial<SegmentationBatchOptions> = {}): Seen[] {
  const seen: Seen[] = [];
  for (const batch of segmentationBatches(dataset, split, { batchSize: 4, ...options })) {
    const [images, masks] = [batch.images.arraySync(), batch.masks.arraySync()];
    batch.ids.forEach((id, at) => seen.push({ id, image: images[at].flat(2), mask: masks[at].flat(2) }));
    batch.dispose();
  }
  return seen;
}

test('a pass has every image once, values in [0, 1], masks of 0 and 1', () => {
  const shapes: number[][] = [];
  for (const batch of segmentationBatches(dataset, split, { batchSize: 4 })) {
    shapes.push(batch.images.shape, batch.masks.shape);
    assert.deepEqual([batch.images.dtype, batch.masks.dtype], ['float32', 'float32']);
    assert.equal(batch.count, batch.ids.length);
    batch.dispose();
  }
  assert.deepEqual(shapes, [
    [4, 8, 8, 3],
    [4, 8, 8, 1],
    [4, 8, 8, 3],
    [4, 8, 8, 1],
    [3, 8, 8, 3],
    [3, 8, 8, 1],
  ]);
  pass().forEach(({ id, image, mask }, index) => {
    assert.equal(id, `id ${index}`);
    assert.deepEqual(mask, [...maskBytes.subarray(index * area, (index + 1) * area)]);
    assert.ok(image.every((value, at) => Math.abs(value - mask[Math.floor(at / 3)]) < 1e-6));
  });
});

test('the order and the normalisation are those asked for', () => {
  const normalization = { mean: [0.5, 0.25, 0], std: [0.5, 1, 2] } as const;
  const seen = pass({ order: [7, 2, 7], normalization });
  assert.deepEqual(
    seen.map(({ id }) => id),
    ['id 7', 'id 2', 'id 7'],
  );
  for (const { image, mask } of seen) {
    image.forEach((value, at) => {
      const channel = at % 3;
      const expected = (mask[Math.floor(at / 3)] - normalization.mean[channel]) / normalization.std[channel];
      assert.ok(Math.abs(value - expected) < 1e-6);
    });
  }
});

const augmentations: Record<string, AugmentationOptions> = {
  'horizontal flips': { horizontalFlip: 0.5 },
  'vertical flips': { verticalFlip: 0.5 },
  'quarter turns': { quarterTurns: true },
  crops: { crop: { size: 5 } },
  'crops with padding': { crop: { size: side, padding: 3 } },
  everything: { horizontalFlip: 0.5, verticalFlip: 0.5, quarterTurns: true, crop: { size: 6, padding: 2 } },
};
for (const [name, options] of Object.entries(augmentations)) {
  test(`an image that is equal to its mask stays so after ${name}`, () => {
    const plain = pass();
    let moved = 0;
    for (let epoch = 0; epoch < 4; epoch++) {
      pass({ augmentation: { ...options, seed: 5, epoch } }).forEach(({ image, mask }, index) => {
        assert.ok(
          image.every((value, at) => Math.abs(value - mask[Math.floor(at / 3)]) < 1e-6),
          `${name}, ${index}`,
        );
        if (mask.join() !== plain[index].mask.join()) moved++;
      });
    }
    assert.ok(moved > count, `${moved} of ${4 * count} masks were moved`);
  });
}

test('what is drawn depends on seed, epoch and id, not on batches or order', () => {
  const of = (seed: number, epoch: number): SegmentationBatchOptions['augmentation'] => ({
    ...augmentations.everything,
    seed,
    epoch,
  });
  const first = pass({ augmentation: of(1, 0) });
  assert.deepEqual(pass({ augmentation: of(1, 0), batchSize: 7 }), first);
  const order = [3, 9, 0, 10];
  assert.deepEqual(
    pass({ augmentation: of(1, 0), order }),
    order.map((index) => first[index]),
  );
  assert.notDeepEqual(pass({ augmentation: of(2, 0) }), first);
  assert.notDeepEqual(pass({ augmentation: of(1, 1) }), first);
});

test('a batch leaves nothing behind, and a wrong augmentation begins none', () => {
  const before = tf.memory().numTensors;
  const batches: SegmentationBatch[] = [...segmentationBatches(dataset, split, { batchSize: 6 })];
  assert.equal(tf.memory().numTensors, before + 4);
  for (const batch of batches) batch.dispose();
  assert.equal(tf.memory().numTensors, before);
  const augmentation = { crop: { size: 9 }, seed: 1, epoch: 0 };
  assert.throws(
    () => [...segmentationBatches(dataset, split, { batchSize: 6, augmentation })],
    userError(/^crop\.size is 9/),
  );
  assert.equal(tf.memory().numTensors, before);
});
