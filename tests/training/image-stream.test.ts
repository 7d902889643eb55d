import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { halfNormalization } from '../../lib/data/normalization';
import { inPrecision } from '../../lib/models/low-precision';
import type { ImageTransform, Network } from '../../lib/models/network';
import { resnet18, resnet50, unet, vit } from '../../lib/models/networks';
import { createParameters, disposeParameters, readParameters } from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { toPrecision } from '../../lib/tensor/precision';
import { hasKernels } from '../../lib/tensor/native';
import { tf, type Tensor4D } from '../../lib/tf';
import { evaluated, imageStream, transformedBatches } from '../../lib/training/image-stream';
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

describe('an evaluation', () => {
  const networks: Readonly<Record<string, Network>> = {
    'ResNet-18': resnet18({ classes: 8 }),
    'ResNet-50': resnet50({ classes: 8 }),
    ViT: vit({ classes: 8, size: 32, patchSize: 4, width: 64, depth: 2, heads: 2 }),
    'U-Net': unet({ width: 8 }),
  };
  for (const [name, { table, forward }] of Object.entries(networks))
    for (const precision of ['float32', 'bfloat16'] as const)
      // TensorFlow's own products of few tokens take another way.
      it(
        `of ${name} in ${precision} gives an image the same bits in batches of any size`,
        { skip: !hasKernels && name === 'ViT' },
        () => {
          const before = tf.memory().numTensors;
          const parameters = inPrecision(createParameters(table, 1), precision);
          const images: Tensor4D = tf.randomNormal([5, 32, 32, 3], 0, 1, 'float32', 5);
          const outputs = [1, 2, 3, 4, 5].map((size) => {
            const bits: number[] = [];
            for (let start = 0; start < 5; start += size) {
              const rows = tf.tidy(() => {
                const batch = tf.slice(images, [start, 0, 0, 0], [Math.min(size, 5 - start), 32, 32, 3]);
                const scope = createScope(readParameters(parameters));
                return toPrecision(evaluated(forward, toPrecision(batch, precision), scope), 'float32');
              });
              bits.push(...rows.dataSync());
              rows.dispose();
            }
            return bits;
          });
          for (const other of outputs.slice(0, -1)) assert.deepEqual(other, outputs.at(-1));
          tf.dispose(images);
          disposeParameters(parameters);
          assert.equal(tf.memory().numTensors, before);
        },
      );
});
