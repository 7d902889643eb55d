import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { halfNormalization } from '../../lib/data/normalization';
import { addConvolution } from '../../lib/models/blocks';
import type { ParameterSpec } from '../../lib/models/parameters';
import { convolution } from '../../lib/models/scope';
import { tf, type Tensor4D } from '../../lib/tf';
import { openCheckpoints } from '../../lib/training/checkpoints';
import {
  addNoise,
  denoiseImages,
  trainDenoiser,
  type Denoiser,
  type DenoiserControls,
  type DenoisingSettings,
} from '../../lib/training/denoiser';
import { side, toySegmentation, withoutSeconds } from './toy-segmentation';

const scratch = mkdtempSync(join(tmpdir(), 'denoiser-'));
after(() => rmSync(scratch, { recursive: true }));

const table: Record<string, ParameterSpec> = {};
addConvolution(table, 'encoder', [6, 3, 3, 3]);
addConvolution(table, 'decode', [3, 6, 3, 3]);
const denoiser: Denoiser = {
  name: 'toy',
  table,
  normalization: halfNormalization,
  forward: (images, p) =>
    convolution(convolution(images, p.at('encoder'), { padding: 1 }).relu(), p.at('decode'), { padding: 1 }).sigmoid(),
};
const settings: DenoisingSettings = { epochs: 5, batchSize: 8, learningRate: 0.01, noise: 0.1, seed: 4 };
const dataset = toySegmentation();

/** Trains, and asserts that no tensor is left behind. */
async function train(changes: Partial<DenoisingSettings> = {}, controls: DenoiserControls = {}) {
  const before = tf.memory().numTensors;
  const trained = await trainDenoiser(denoiser, dataset, { ...settings, ...changes }, controls);
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  return trained;
}

describe('addNoise', () => {
  it('adds normal noise of the deviation, the same for the same seed, and cuts values off at 0 and 1', () => {
    tf.tidy(() => {
      const grey = tf.tensor4d(new Float32Array(30_000), [4, 50, 50, 3]).add<Tensor4D>(0.5);
      const noisy = addNoise(grey, 0.1, [1, 2]);
      const { mean, variance } = tf.moments(noisy);
      assert.ok(Math.abs(mean.dataSync()[0] - 0.5) < 0.003, `mean ${mean.dataSync()[0]}`);
      assert.ok(
        Math.abs(Math.sqrt(variance.dataSync()[0]) - 0.1) < 0.002,
        `deviation ${Math.sqrt(variance.dataSync()[0])}`,
      );
      assert.deepEqual(addNoise(grey, 0.1, [1, 2]).dataSync(), noisy.dataSync());
      assert.notDeepEqual(addNoise(grey, 0.1, [1, 3]).dataSync(), noisy.dataSync());
      const black = addNoise(tf.zeros([1, 20, 20, 3]), 0.1, [5, 6]).dataSync();
      assert.equal(Math.min(...black), 0);
      assert.ok(black.filter((value) => value === 0).length > 400, 'half of the noise of black is cut off');
      assert.ok(Math.max(...addNoise(tf.ones([1, 20, 20, 3]), 0.1, [5, 6]).dataSync()) <= 1);
    });
  });
});

describe('trainDenoiser', () => {
  it('learns to reconstruct, keeps the epoch with the lowest validation loss, and gives the same for the same seed', async () => {
    const { history, bestEpoch, values, stopped } = await train();
    assert.equal(stopped, false);
    assert.ok(history[4].valLoss < history[0].valLoss * 0.8);
    assert.equal(
      bestEpoch,
      1 + history.map(({ valLoss }) => valLoss).indexOf(Math.min(...history.map(({ valLoss }) => valLoss))),
    );
    assert.ok(history.every(({ learningRate }) => learningRate === 0.01));
    assert.deepEqual(Object.keys(history[0]).sort(), ['epoch', 'learningRate', 'seconds', 'trainLoss', 'valLoss']);
    const again = await train();
    assert.deepEqual(withoutSeconds(again.history), withoutSeconds(history));
    assert.deepEqual(again.values, values);
    assert.notDeepEqual(withoutSeconds((await train({ seed: 5 })).history), withoutSeconds(history));
  });

  it('continues a stopped training to the same end', async () => {
    const whole = await train();
    const controller = new AbortController();
    const checkpoints = openCheckpoints(join(scratch, 'stopped'), 'toy');
    const onProgress: DenoiserControls['onProgress'] = (event) =>
      event.kind === 'epoch' && event.epoch === 2 && controller.abort();
    const stopped = await train({}, { checkpoints, signal: controller.signal, onProgress });
    assert.deepEqual([stopped.stopped, stopped.values, stopped.history.length], [true, undefined, 2]);
    const rest = await train({}, { checkpoints });
    assert.deepEqual(withoutSeconds(rest.history), withoutSeconds(whole.history));
    assert.deepEqual(rest.values, whole.values);
  });

  it('validates with the same noise in every epoch, or with other noise in each', async () => {
    // Nothing is learned at this rate, so that only the noise can change the loss.
    const losses = async (validationNoise: 'fixed' | 'redrawn') =>
      (await train({ learningRate: 1e-30, validationNoise })).history.map(({ valLoss }) => valLoss);
    assert.equal(new Set(await losses('fixed')).size, 1);
    const redrawn = await losses('redrawn');
    assert.equal(new Set(redrawn).size, redrawn.length);
    assert.deepEqual(await losses('redrawn'), redrawn);
  });

  it('ends softly in its validation too', async () => {
    const controller = new AbortController();
    const read = (split: string): void => void (split === 'val' && controller.abort());
    const stopped = await trainDenoiser(denoiser, toySegmentation({ read }), settings, { signal: controller.signal });
    assert.deepEqual([stopped.stopped, stopped.history.length], [true, 0]);
  });

  it('shows noisy, original and reconstructed images', async () => {
    const { values } = await train({ epochs: 12 });
    assert.ok(values);
    const { test } = dataset.splits;
    const before = tf.memory().numTensors;
    const shown = denoiseImages(denoiser, values, dataset, test, [3, 7], settings);
    assert.equal(tf.memory().numTensors, before);
    const original = new Uint8Array(2 * side * side * 3);
    test.readImages([3, 7], original);
    assert.deepEqual(shown.original, original);
    const error = (bytes: Uint8Array) =>
      bytes.reduce((sum, value, index) => sum + (value - original[index]) ** 2, 0) / bytes.length;
    assert.ok(Math.abs(Math.sqrt(error(shown.noisy)) - 25.5) < 1.5, `noise of ${Math.sqrt(error(shown.noisy))}`);
    assert.ok(error(shown.reconstructed) < error(shown.noisy), 'less noise than before');
  });
});
