import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { initialParameters } from '../../lib/models/initial-values';
import { lastTokens } from '../../lib/models/last-tokens';
import { openBackbone } from '../../lib/models/open-backbone';
import { disposeParameters, readParameters } from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { vitForward, type VitConfig } from '../../lib/models/vit';
import { createRandom } from '../../lib/random';
import { tf, type Tensor4D } from '../../lib/tf';
import type { TrainingEvent } from '../../lib/training/events';
import type { FeatureSet, FeatureSets } from '../../lib/training/feature-set';
import { tokenGrid } from '../../lib/training/token-grid';
import { userError } from '../data/user-error';

describe('the tokens of the last blocks', () => {
  it('are the class tokens of four blocks and the mean of the last one’s patches, after the final norm', async () => {
    const backbone = await openBackbone({ model: 'vit_mini_patch4', weights: 'random', size: 8, seed: 3 });
    const tokens = lastTokens(backbone);
    assert.equal(tokens.width, 5 * backbone.width);
    assert.notEqual(tokens.name, backbone.name);
    const parameters = initialParameters(backbone.table, 0, backbone.values);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const images: Tensor4D = tf.randomNormal([2, 8, 8, 3], 0, 1, 'float32', 5);
      const scope = createScope(readParameters(parameters));
      const pooled = tokens.forward(images, scope).pooled.arraySync();
      const vit = backbone.vit as VitConfig;
      const blocks = [vit.depth - 4, vit.depth - 3, vit.depth - 2, vit.depth - 1];
      const { blockTokens } = vitForward(images, scope, vit, { tokensOf: blocks, normalizeTokens: true });
      const all = blockTokens.map((block) => block.arraySync());
      pooled.forEach((row, image) => {
        const patches = all[3][image].slice(1);
        const mean = patches[0].map(
          (_, channel) => patches.reduce((sum, patch) => sum + patch[channel], 0) / patches.length,
        );
        const expected = [...all.flatMap((block) => block[image][0]), ...mean];
        assert.ok(row.every((value, index) => Math.abs(value - expected[index]) < 1e-5));
      });
    });
    assert.equal(tf.memory().numTensors, before);
    disposeParameters(parameters);
    const resnet = await openBackbone({ model: 'resnet18', weights: 'random' });
    assert.throws(() => lastTokens(resnet), userError(/of a vision transformer, which resnet18 has not/));
  });
});

describe('the grid on tokens', () => {
  /** Two classes of five columns of two, told apart only in some of them. */
  function sets(telling: readonly number[]): FeatureSets {
    const random = createRandom(7, 'tokens');
    const set = (count: number): FeatureSet => {
      const labels = Int32Array.from({ length: count }, (_, index) => index % 2);
      const rows = Float32Array.from({ length: count * 10 }, (_, index) => {
        const signal = telling.includes(index % 10) ? 4 * (labels[Math.floor(index / 10)] - 0.5) : 0;
        return signal + random.normal(0, 1);
      });
      const readRows: FeatureSet['readRows'] = (indices, target) => {
        for (let row = 0; row < indices.length; row++)
          target.set(rows.subarray(indices[row] * 10, indices[row] * 10 + 10), row * 10);
      };
      return {
        count,
        width: 10,
        rows,
        readRows,
        labels,
        labelWidth: 1,
        task: 'multi-class',
        classes: 2,
        close: () => undefined,
      };
    };
    return { train: set(80), val: set(40), test: set(40) };
  }
  const settings = { epochs: 6, batchSize: 16, seed: 1, learningRates: [1e-5, 5] };

  it('finds where the classes are told apart, by the validation split', async () => {
    const ends: TrainingEvent[] = [];
    const onProgress = (event: TrainingEvent): unknown => event.kind === 'done' && ends.push(event);
    const ofMean = await tokenGrid(sets([8, 9]), settings, { onProgress });
    const said = ends.map((event) => event.kind === 'done' && [event.epochs, event.best?.value]);
    assert.deepEqual(said, [[4 * 2 * 6, ofMean.bestValAccuracy]], 'progress ends once, with what was taken of all');
    assert.equal(ofMean.hyperparameters.meanOfPatches, 'true');
    assert.equal(ofMean.hyperparameters.optimizer, 'sgd');
    assert.equal(ofMean.hyperparameters.learningRate, (5 * 16) / 256); // for batches of 256
    assert.ok((ofMean.test?.accuracy ?? 0) > 0.9, `${ofMean.test?.accuracy}`);
    const ofEarlier = await tokenGrid(sets([0, 1]), settings);
    assert.equal(ofEarlier.hyperparameters.blocks, 4);
    assert.ok((ofEarlier.test?.accuracy ?? 0) > 0.9, `${ofEarlier.test?.accuracy}`);
  });

  it('reads features that lie on the disk as it does those in memory', async () => {
    const { train, val, test } = sets([6, 7]);
    const onDisk = (set: FeatureSet): FeatureSet => ({ ...set, rows: undefined });
    const kept = await tokenGrid({ train, val, test }, settings);
    const read = await tokenGrid({ train: onDisk(train), val: onDisk(val), test: onDisk(test) }, settings);
    assert.deepEqual(read.test?.probabilities, kept.test?.probabilities);
  });
});
