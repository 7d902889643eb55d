import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { changeColors, rotateImage, type Pixels } from '../../lib/data/image-changes';
import { createRandom, type Random } from '../../lib/random';
import { tf, type Tensor2D } from '../../lib/tf';
import { cutmix, mixup, randomErasing } from '../../lib/training/augmentations';
import { crossEntropy } from '../../lib/training/losses';
import { constant, cosine, multiStep } from '../../lib/training/schedules';
import { assertClose } from '../close';
import { imageStream, noise } from '../noise';

interface Golden {
  height: number;
  width: number;
  pixels: number[];
  changes: { name: 'brightness' | 'contrast' | 'saturation' | 'hue'; factor: number; pixels: number[] }[];
  logits: number[][];
  labels: number[];
  shares: number[][];
  crossEntropy: Record<string, number>;
  mixedCrossEntropy: number;
  erased: Record<'mean' | 'noise', number[]>;
}
const golden = JSON.parse(readFileSync(join(__dirname, '../fixtures/recipe_parts.json'), 'utf8')) as Golden;
const imageOf = (data: Uint8Array): Pixels => ({ data, height: golden.height, width: golden.width, channels: 3 });

/** Draws the given factor from a range of 1. */
const drawing = (factor: number): Random => ({ ...createRandom(0), uniform: () => factor / 2 });

describe('colours', () => {
  for (const { name, factor, pixels } of golden.changes)
    it(`are those of Pillow and colorsys: ${name} ${factor}`, () => {
      const image = imageOf(Uint8Array.from(golden.pixels));
      changeColors(image, { [name]: 1 }, drawing(factor));
      // Pillow rounds the mean and the grey value to whole numbers first.
      const worst = Math.max(...image.data.map((value, at) => Math.abs(value - pixels[at])));
      assert.ok(worst <= 1, `${worst}`);
    });

  it('of an image stay where nothing is asked for', () => {
    const image = imageOf(Uint8Array.from(golden.pixels));
    changeColors(image, {}, createRandom(1));
    assert.deepEqual([...image.data], golden.pixels);
  });
});

describe('a rotation', () => {
  it('by quarter turns moves pixels, and the mask with them', () => {
    const square = Uint8Array.from({ length: 4 * 4 }, (_, at) => 10 * at);
    const image = { data: square.slice(), height: 4, width: 4, channels: 1 };
    const mask = { ...image, data: square.slice() };
    rotateImage(image, Math.PI / 2, mask);
    // Counterclockwise: the last column becomes the first row.
    assert.deepEqual([...image.data.subarray(0, 4)], [30, 70, 110, 150]);
    assert.deepEqual([...mask.data], [...image.data]);
  });
});

describe('cross-entropy', () => {
  it('is PyTorch’s, with smoothed labels and of mixed classes', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const logits = tf.tensor2d(golden.logits);
      const labels = tf.tensor1d(golden.labels, 'int32');
      const labelRows = tf.tensor2d(golden.shares);
      for (const [labelSmoothing, expected] of Object.entries(golden.crossEntropy)) {
        const { compute } = crossEntropy({ labelSmoothing: Number(labelSmoothing) });
        assertClose(compute(logits, { count: 4, labels }).dataSync(), [expected], 1e-6, labelSmoothing);
      }
      const mixed = crossEntropy().compute(logits, { count: 4, labels, labelRows });
      assertClose(mixed.dataSync(), [golden.mixedCrossEntropy], 1e-6, 'mixed');
    });
    assert.equal(tf.memory().numTensors, before);
  });
});

describe('mixed batches', () => {
  const batchOf = () => {
    const images = tf.tensor4d(
      Float32Array.from({ length: 4 * 6 * 6 * 3 }, (_, at) => Math.floor(at / 108)),
      [4, 6, 6, 3],
    );
    const labels = tf.tensor1d([0, 1, 2, 0], 'int32');
    return { images, labels, count: 4, dispose: () => tf.dispose([images, labels]) };
  };

  for (const part of [mixup({ alpha: 1 }), cutmix({ alpha: 1 })])
    it(`have shares of classes that are those of the pixels: ${part.name}`, () => {
      const before = tf.memory().numTensors;
      const mixed = part.mix?.(batchOf(), 3, createRandom(4)) ?? assert.fail();
      assert.deepEqual([...mixed.labels.dataSync()], [0, 1, 2, 0]);
      const rows = (mixed.labelRows as Tensor2D).arraySync();
      rows.forEach((row) => assertClose([row.reduce((sum, share) => sum + share, 0)], [1], 1e-6, 'sum'));
      // Pixels are the image's number: their mean tells the share of the partner, which is the same in all images.
      const means = tf.tidy(() => mixed.images.mean([1, 2, 3]).arraySync() as number[]);
      const [share] = rows.flatMap((row, at) =>
        row.filter((value) => value > 0).length === 2 ? [row[[0, 1, 2, 0][at]]] : [],
      );
      assert.ok(share > 0 && share < 1);
      means.forEach((mean, at) => assert.ok((mean - share * at) / (1 - share) > -1e-4, `${mean}`));
      mixed.dispose();
      assert.equal(tf.memory().numTensors, before);
    });
});

describe('erased rectangles', () => {
  const [count, height, width] = [4, 8, 10];
  for (const fill of ['mean', 'noise'] as const)
    it(`are timm’s, filled with ${fill}`, () => {
      const before = tf.memory().numTensors;
      const pixels = Float32Array.from(noise(imageStream, count * height * width * 3));
      const images = tf.tensor4d(pixels, [count, height, width, 3]);
      const labels = tf.tensor1d(new Int32Array(count), 'int32');
      const batch = { images, labels, count, dispose: () => tf.dispose([images, labels]) };
      const { erase } = randomErasing({ probability: 0.6, fill });
      const erased = erase?.(batch, (at) => createRandom(9, 'erase', at)) ?? assert.fail();
      assertClose(erased.images.dataSync(), golden.erased[fill], 1e-6, fill);
      const changed = pixels.filter((value, at) => Math.abs(value - golden.erased[fill][at]) > 1e-5).length;
      assert.ok(changed > 50 && changed < pixels.length / 2, `${changed} values are erased`);
      erased.dispose();
      assert.equal(tf.memory().numTensors, before);
    });

  it('are refused where there can be none', () => {
    assert.throws(() => randomErasing({ probability: 2 }), /probability is 2, but must lie between 0 and 1/);
    assert.throws(() => randomErasing({ area: [0.5, 0.2] }), /area is 0.5 to 0.2, but must be two shares/);
    assert.throws(() => randomErasing({ ratio: 0 }), /ratio is 0, but must be above 0/);
  });
});

describe('schedules', () => {
  const duration = { epochs: 4, stepsPerEpoch: 10 };
  const ratesOf = (schedule: ReturnType<typeof cosine>, count: number): number[] =>
    Array.from({ length: count }, (_, time) => schedule.rate(duration)(time));

  it('are constant, fall at milestones, or along a cosine per epoch or step', () => {
    assert.deepEqual(ratesOf(constant({ learningRate: 0.1 }), 3), [0.1, 0.1, 0.1]);
    assertClose(
      ratesOf(multiStep({ learningRate: 1, milestones: [1, 3] }), 4),
      [1, 0.1, 0.1, 0.01],
      1e-12,
      'multi-step',
    );
    const perEpoch = ratesOf(cosine({ learningRate: 1 }), 4);
    assertClose(perEpoch, [1, (1 + Math.SQRT1_2) / 2, 0.5, (1 - Math.SQRT1_2) / 2], 1e-12, 'cosine');
    const perStep = ratesOf(cosine({ learningRate: 1, warmup: 1, per: 'step' }), 40);
    assert.ok(perStep[9] < 1 && perStep[10] === 1 && perStep[39] > 0);
  });

  it('are refused without a rate above 0', () => {
    for (const learningRate of [-3, 0, NaN, Infinity])
      assert.throws(
        () => cosine({ learningRate }),
        new RegExp(`learningRate is ${learningRate}, but must be a number above 0`),
      );
  });
});
