import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  createParameters,
  disposeParameters,
  exportParameters,
  importParameters,
  trainableNames,
} from '../../lib/models/parameters';
import { vitConfigs, vitParameters } from '../../lib/models/vit';
import { tf } from '../../lib/tf';
import type { ParameterSettings } from '../../lib/training/optimizer-groups';
import { adamW } from '../../lib/training/optimizers';
import { isDecayed, layerDecayScales, parameterSettings } from '../../lib/training/parameter-groups';
import { warmupCosineSchedule } from '../../lib/training/schedules';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { layeredNetworks } from './layered-networks';
import { drawn, drawnTensors } from './drawn';

interface Fixture {
  layerDecay: number;
  /** Learning-rate factor, and 1 where it is decayed, by name. */
  models: Record<string, Record<string, [scale: number, decay: number]>>;
  adamw: {
    shapes: Record<string, number[]>;
    settings: Record<string, ParameterSettings>;
    weightDecay: number;
    learningRates: number[];
    steps: Record<string, number[]>[];
  };
  schedules: { learningRate: number; warmup: number; total: number; rates: number[] }[];
}

const { layerDecay, models, adamw, schedules }: Fixture = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/parameter_groups.json'), 'utf8'),
);

describe('layer-wise decay', () => {
  for (const [model, expected] of Object.entries(models)) {
    it(`has timm's scales and decays of ${model}`, () => {
      const { table, layerOf } = layeredNetworks[model];
      const names = trainableNames({ table });
      assert.deepEqual([...names].sort(), Object.keys(expected).sort());
      const scales = layerDecayScales(table, layerOf, layerDecay);
      for (const name of names) {
        const [scale, decay] = expected[name];
        assert.ok(
          Math.abs((scales.get(name) ?? NaN) - scale) < 1e-12,
          `${name}: ${scales.get(name)}, expected ${scale}`,
        );
        assert.equal(isDecayed(name, table) ? 1 : 0, decay, name);
      }
    });
  }

  it('is decay^(n − i) in block i of n, decay^(n + 1) in the embeddings, 1 in the head', () => {
    const { table, layerOf } = layeredNetworks.vit_tiny_patch16_224;
    const settings = parameterSettings(table, { weightDecay: 0.05, layerDecay: 0.5, layerOf });
    assert.deepEqual(settings('blocks.3.mlp.fc1.weight'), { learningRateScale: 0.5 ** 9, weightDecay: 0.05 });
    assert.deepEqual(settings('blocks.3.mlp.fc1.bias'), { learningRateScale: 0.5 ** 9, weightDecay: 0 });
    assert.deepEqual(settings('pos_embed'), { learningRateScale: 0.5 ** 13, weightDecay: 0 });
    assert.deepEqual(settings('head.weight'), { learningRateScale: 1, weightDecay: 0.05 });
    assert.throws(() => parameterSettings(table, { weightDecay: 0, layerDecay: 0.5 }), /needs the model's layerOf/);
  });

  it('leaves registers undecayed', () => {
    const table = vitParameters(vitConfigs.vit_small_patch16_dinov3, { classes: 8 });
    assert.equal(isDecayed('reg_token', table), false);
    assert.equal(isDecayed('cls_token', table), false);
    assert.equal(isDecayed('blocks.0.gamma_1', table), false);
    assert.equal(isDecayed('blocks.0.attn.qkv.weight', table), true);
    assert.equal(isDecayed('patch_embed.proj.weight', table), true);
  });
});

describe('AdamW with settings by name', () => {
  it("takes torch's ten steps with parameter groups", () => {
    const before = tf.memory().numTensors;
    const table = Object.fromEntries(
      Object.entries(adamw.shapes).map(([name, shape]) => [name, { shape, kind: 'vector', initial: 0 } as const]),
    );
    const parameters = createParameters(table, 0);
    importParameters(parameters, drawn(table, 6, 'initial'), 'the test');
    const { weightDecay, settings, learningRates, steps } = adamw;
    const optimizer = adamW(parameters, Object.keys(table), { weightDecay, settingsOf: (name) => settings[name] });
    steps.forEach((expected, step) => {
      tf.tidy(() => optimizer.step(drawnTensors(table, 6, 'gradient', step), learningRates[step]));
      const values = exportParameters(parameters);
      for (const name of Object.keys(table))
        assertClose(values.get(name) ?? [], expected[name], 2e-6, `${name} after step ${step + 1}`);
    });
    optimizer.dispose();
    disposeParameters(parameters);
    assert.equal(tf.memory().numTensors, before);
  });
});

describe('the schedule with a warm-up', () => {
  for (const { learningRate, warmup, total, rates } of schedules) {
    it(`is torch's LinearLR, then CosineAnnealingLR: ${warmup} of ${total}`, () => {
      const schedule = warmupCosineSchedule({ learningRate, warmup, total });
      const actual = rates.map((_, time) => schedule(time));
      assertClose(actual, rates, 1e-12, 'rates');
      assert.equal(schedule(warmup), learningRate);
      assert.ok(actual.every((rate) => rate > 0));
    });
  }

  it('has the full rate in its last step where it is asked for', () => {
    const [without, peaked] = [false, true].map((peakInWarmup) =>
      warmupCosineSchedule({ learningRate: 1, warmup: 4, total: 8, peakInWarmup }),
    );
    assertClose([0, 1, 2, 3, 4].map(without), [0.2, 0.4, 0.6, 0.8, 1], 1e-15, 'rates');
    assertClose([0, 1, 2, 3, 4].map(peaked), [0.25, 0.5, 0.75, 1, 1], 1e-15, 'rates');
    assert.deepEqual([5, 6, 7].map(peaked), [5, 6, 7].map(without));
  });

  it('has to end before the training', () => {
    const message = userError(/^A warm-up of 5 does not fit into a training of 5: it has to end before\.$/);
    assert.throws(() => warmupCosineSchedule({ learningRate: 1, warmup: 5, total: 5 }), message);
  });
});
