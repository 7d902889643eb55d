import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadBackbone } from '../../lib/models/backbone';
import { precisionOfParameters, roundMatrices } from '../../lib/models/low-precision';
import { createParameters, disposeParameters, exportParameters, readParameters } from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { vitForward, vitParameters, type VitConfig } from '../../lib/models/vit';
import { tf } from '../../lib/tf';
import { noise } from '../noise';

const shared = { patchSize: 4, width: 48, depth: 3, heads: 3, normEpsilon: 1e-6 } as const;
const learned: VitConfig = { ...shared, grid: [4, 4], registerTokens: 0, qkvBias: true, pool: 'token' };
const rotary: VitConfig = {
  ...shared,
  grid: undefined,
  registerTokens: 2,
  qkvBias: false,
  pool: 'mean',
  layerScale: ['gamma_1', 'gamma_2'],
};
const isMatrix = (name: string): boolean => /^blocks.*(qkv|proj|fc1|fc2).weight$/.test(name);

describe('a network in bfloat16', () => {
  for (const [name, config] of Object.entries({ learned, rotary })) {
    it(`gives nearly the same features with ${name} positions, as float32`, () => {
      const table = vitParameters(config, { classes: 0 });
      const before = tf.memory().numTensors;
      const pooled = (low: boolean): Float32Array =>
        tf
          .tidy(() => {
            const full = createParameters(table, 3);
            const parameters = low ? roundMatrices(full, isMatrix) : full;
            assert.equal(precisionOfParameters(parameters), low ? 'bfloat16' : 'float32');
            const images = tf.tensor4d(Float32Array.from(noise(1, 2 * 16 * 16 * 3)), [2, 16, 16, 3]);
            const output = vitForward(images, createScope(readParameters(parameters)), config, {
              tokensOf: [1],
              attentionOf: [1],
            });
            disposeParameters(parameters);
            assert.ok(output.blockTokens[0].dataSync().every(Number.isFinite));
            assert.ok(Math.abs(output.attentions[0].sum().dataSync()[0] - 2 * 3 * output.tokens.shape[1]) < 1e-2);
            return output.pooled.clone();
          })
          .dataSync<'float32'>();
      const [full, low] = [pooled(false), pooled(true)];
      const dot = (a: Float32Array, b: Float32Array): number =>
        a.reduce((sum, value, index) => sum + value * b[index], 0);
      const cosine = dot(full, low) / Math.sqrt(dot(full, full) * dot(low, low));
      assert.ok(cosine > 0.9995, `cosine ${cosine}`);
      assert.notDeepEqual(low, full);
      assert.equal(tf.memory().numTensors, before + 2); // the two results
    });
  }

  it('replaces its matrices, and exports what it computes with', () => {
    const before = tf.memory().numTensors;
    const parameters = createParameters(vitParameters(learned, { classes: 0 }), 4);
    const full = exportParameters(parameters);
    const count = tf.memory().numTensors;
    const low = roundMatrices(parameters, isMatrix);
    assert.equal(tf.memory().numTensors, count);
    const rounded = exportParameters(low);
    for (const [name, values] of full) {
      if (!isMatrix(name)) assert.deepEqual(rounded.get(name), values);
      else
        values.forEach((value, index) =>
          assert.ok(Math.abs((rounded.get(name) as Float32Array)[index] - value) <= Math.abs(value) / 256),
        );
    }
    disposeParameters(low);
    assert.equal(tf.memory().numTensors, before);
  });

  it('is refused for a family that computes in float32 only, before anything is loaded', async () => {
    await assert.rejects(
      loadBackbone({ name: 'swin_base_patch4_window7_224.ms_in1k', weights: 'hub', precision: 'bfloat16' }),
      /computes in float32 only: it is a swin, and bfloat16 is for a vit/,
    );
  });
});
