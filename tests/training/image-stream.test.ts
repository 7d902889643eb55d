import type { ImageTransform } from '../../lib/models/network';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { halfNormalization } from '../../lib/data/normalization';
import { tf } from '../../lib/tf';
import { imageStream, transformedBatches } from '../../lib/training/image-stream';
import { toyDataset } from './toy';

const dataset = toyDataset();
const { train } = dataset.splits;
const order = Int32Array.from({ length: 70 }, (_, index) => (index * 7) % train.count);

/** Images at their own size by way of a transform. */
function transformOf(apply: ImageTransform['apply']): ImageTransform {
  return { key: 'test', height: dataset.height, width: dataset.width, normalization: halfNormalization, apply };
}

/** Values and labels of all batches, each looked at as long after the next ones were begun as can be. */
async function valuesOf(transform?: ImageTransform): Promise<{ values: number[]; labels: number[]; counts: number[] }> {
  const before = tf.memory().numTensors;
  const batches = [];
  const options = { batchSize: 16, order, normalization: halfNormalization, transform };
  for await (const batch of imageStream(dataset, train, options)) batches.push(batch);
  const result = {
    values: batches.flatMap(({ images }) => [...images.dataSync()]),
    labels: batches.flatMap(({ labels }) => [...labels.dataSync()]),
    counts: batches.map(({ count }) => count),
  };
  for (const batch of batches) batch.dispose();
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  return result;
}

describe('a stream of images', () => {
  const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));
  const transforms: Record<string, ImageTransform['apply']> = {
    'gives its argument back': (bytes) => bytes,
    'gives its argument back later': async (bytes) => {
      await later();
      return bytes;
    },
    'reads its argument as late as it may': async (bytes) => {
      await later();
      return bytes.slice();
    },
  };
  for (const [what, apply] of Object.entries(transforms))
    it(`has the same batches with a transform that ${what}`, async () => {
      const expected = await valuesOf();
      assert.deepEqual(expected.counts, [16, 16, 16, 16, 6]);
      assert.deepEqual(await valuesOf(transformOf(apply)), expected);
    });

  it('begins the next batch before the present one is used, and no other', async () => {
    const log: string[] = [];
    let begun = 0;
    const transform = transformOf((bytes) => {
      log.push(`begins ${begun++}`);
      return bytes;
    });
    let used = 0;
    for await (const batch of transformedBatches(dataset, train, transform, { batchSize: 20 })) {
      log.push(`uses ${used++}`);
      batch.dispose();
    }
    assert.deepEqual(log, ['begins 0', 'begins 1', 'uses 0', 'begins 2', 'uses 1', 'uses 2']);
  });

  it('fails where the next batch cannot be made, or the transform gives another size', async () => {
    let begun = 0;
    const failing = transformOf((bytes) => {
      if (++begun === 2) throw new Error('on purpose');
      return bytes;
    });
    await assert.rejects(valuesOf(failing), /on purpose/);
    await assert.rejects(valuesOf(transformOf((bytes) => bytes.slice(1))), /"test" gives 1727 bytes, not 16×6×6×3/);
  });
});
