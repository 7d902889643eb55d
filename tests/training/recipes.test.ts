import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  createParameters,
  disposeParameters,
  exportParameters,
  importParameters,
  trainableNames,
  type ParameterTable,
} from '../../lib/models/parameters';
import { tf } from '../../lib/tf';
import { openCheckpoints } from '../../lib/training/checkpoints';
import { createOptimizer, adamW as adamWSettings } from '../../lib/training/create-optimizer';
import { adamW } from '../../lib/training/optimizers';
import { vitLayerOf } from '../../lib/models/layers';
import { network, type LayerOf } from '../../lib/models/network';
import type { Recipe } from '../../lib/training/recipe';
import { cosine, cosineSchedule, followSchedule, warmupCosineSchedule } from '../../lib/training/schedules';
import type { TrainingControls } from '../../lib/training/train-network';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { layeredNetworks } from './layered-networks';
import { studyRecipe, testedTraining } from './tested-training';
import { createToyRun, metricsOf, toyDataset, toyForward, toyTable } from './toy';
import { withoutLeak } from './toy-features';

interface Fixture {
  layerDecay: number;
  /** timm's learning-rate factor, and 1 where it is decayed, by name. */
  models: Record<string, Record<string, [scale: number, decay: number]>>;
  schedules: { learningRate: number; warmup: number; total: number; rates: number[] }[];
}

const { layerDecay, models, schedules }: Fixture = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/parameter_groups.json'), 'utf8'),
);

const scratch = mkdtempSync(join(tmpdir(), 'recipes-'));
after(() => rmSync(scratch, { recursive: true }));

/** A network's names and ranks, with one value each. */
function reduced(table: ParameterTable): ParameterTable {
  return Object.fromEntries(
    Object.entries(table).map(([name, { shape }]) => {
      return [name, { shape: shape.map(() => 1), kind: 'vector', initial: 1 }];
    }),
  );
}

interface RecipeOptions {
  readonly recipe: 'as-published' | 'corrected';
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** 0.75 of the corrected recipe by default. */
  readonly layerDecay?: number;
  /** The corrected recipe's tenth by default. */
  readonly warmupEpochs?: number;
  readonly layerOf?: LayerOf;
}

/** The first study's recipe, and the one that notebooks 02 and 03 hold against it. */
function parts({
  recipe,
  epochs,
  learningRate,
  weightDecay,
  ...options
}: RecipeOptions): Pick<Recipe, 'optimizer' | 'schedule'> {
  const isCorrected = recipe === 'corrected';
  const { layerDecay = isCorrected ? 0.75 : 1, warmupEpochs: warmup = isCorrected ? 0.1 * epochs : 0 } = options;
  return {
    optimizer: adamWSettings({ weightDecay, decayAll: !isCorrected, layerDecay }),
    schedule: cosine({ learningRate, warmup, per: isCorrected ? 'step' : 'epoch' }),
  };
}

/** What the first `steps` steps of a recipe make of ones, each from ones again, where all gradients are `gradient`. */
function stepsOf(
  table: ParameterTable,
  options: RecipeOptions,
  steps: number,
  gradient: number,
): Map<string, number>[] {
  const before = tf.memory().numTensors;
  const parameters = createParameters(table, 0);
  const names = Object.keys(table);
  const ones = exportParameters(parameters);
  const { optimizer: settings, schedule } = parts(options);
  const created = createOptimizer(parameters, names, settings, options.layerOf);
  const { optimizer, learningRate } = followSchedule(schedule, created, options);
  const values = Array.from({ length: steps }, (_, step) => {
    importParameters(parameters, ones, 'ones');
    tf.tidy(() => {
      const gradients = new Map(names.map((name) => [name, tf.fill([...table[name].shape], gradient)]));
      optimizer.step(gradients, learningRate(Math.floor(step / options.stepsPerEpoch)));
    });
    return new Map([...exportParameters(parameters)].map(([name, [value]]) => [name, value]));
  });
  optimizer.dispose();
  disposeParameters(parameters);
  assert.equal(tf.memory().numTensors, before);
  return values;
}

/** The learning rates of all steps, told from a weight that nothing but decay changes. */
function ratesOf(options: Omit<RecipeOptions, 'weightDecay'>): number[] {
  const table: ParameterTable = { 'head.weight': { shape: [1, 1], kind: 'vector', initial: 1 } };
  const weightDecay = 0.5 / options.learningRate;
  const { epochs, stepsPerEpoch } = options;
  const values = stepsOf(table, { ...options, weightDecay }, epochs * stepsPerEpoch, 0);
  return values.map((value) => (1 - (value.get('head.weight') ?? NaN)) / weightDecay);
}

describe('the recipe as published', () => {
  const recipe = 'as-published';

  it("is the first study's: one learning rate and decay for every parameter", () => {
    for (const [model, { table, layerOf }] of Object.entries(layeredNetworks)) {
      const options = { recipe, epochs: 20, stepsPerEpoch: 7, learningRate: 0.1, weightDecay: 0.5 } as const;
      for (const more of [{}, { layerOf }]) {
        const [values] = stepsOf(reduced(table), { ...options, ...more }, 1, 1);
        // AdamW's first step goes the learning rate far.
        for (const [name, value] of values) assert.ok(Math.abs(value - (1 - 0.05 - 0.1)) < 1e-6, `${model} ${name}`);
      }
    }
  });

  it('has a cosine without warm-up that is stepped per epoch', () => {
    const rates = ratesOf({ recipe, epochs: 20, stepsPerEpoch: 3, learningRate: 1e-3 });
    const schedule = cosineSchedule(1e-3, 20);
    assertClose(
      rates,
      Array.from({ length: 60 }, (_, step) => schedule(Math.floor(step / 3))),
      1e-6,
      'rates',
    );
  });

  it('is plain AdamW, bit for bit', async () => {
    const run = createToyRun(3);
    const settings = { epochs: 6, batchSize: 16, learningRate: 0.02, weightDecay: 0.01, seed: 3 };
    const optimizer = adamW(run.parameters, trainableNames(run.parameters), { weightDecay: 0.01 });
    const fitted = await run.fit({ optimizer, learningRate: cosineSchedule(0.02, 6) });
    const toy = network({ name: 'toy', table: toyTable, forward: toyForward });
    const whole = { ...studyRecipe(settings), ...parts({ ...settings, recipe, stepsPerEpoch: 4 }) };
    const { history } = await withoutLeak(() => testedTraining(toy, toyDataset(), whole));
    const trained = ({ trainLoss, trainAccuracy, learningRate }: (typeof history)[number]) => [
      trainLoss,
      trainAccuracy,
      learningRate,
    ];
    assert.deepEqual(history.map(trained), fitted.history.map(trained));
    const byDefault = await withoutLeak(() => testedTraining(toy, toyDataset(), studyRecipe(settings)));
    assert.deepEqual(metricsOf(byDefault.history), metricsOf(history));
    fitted.dispose();
    optimizer.dispose();
    run.dispose();
  });
});

describe('the corrected recipe', () => {
  const recipe = 'corrected';

  for (const [model, expected] of Object.entries(models)) {
    it(`moves and decays each parameter of ${model} as timm's groups do`, () => {
      assert.equal(layerDecay, 0.75);
      const { table, layerOf } = layeredNetworks[model];
      const trained = Object.fromEntries(trainableNames({ table }).map((name) => [name, table[name]]));
      const options = { recipe, epochs: 10, stepsPerEpoch: 2, learningRate: 0.1, weightDecay: 0.5, layerOf } as const;
      const [values] = stepsOf(reduced(trained), options, 1, 1);
      assert.deepEqual([...values.keys()].sort(), Object.keys(expected).sort());
      // A warm-up of two steps begins with a third.
      const rate = 0.1 / 3;
      for (const [name, [scale, decay]] of Object.entries(expected)) {
        const value = 1 - rate * scale * 0.5 * decay - rate * scale;
        assert.ok(
          Math.abs((values.get(name) ?? NaN) - value) < 1e-6,
          `${name}: ${values.get(name)}, expected ${value}`,
        );
      }
    });
  }

  for (const { learningRate, warmup, total, rates } of schedules) {
    it(`follows torch's LinearLR and CosineAnnealingLR step by step: ${warmup} of ${total}`, () => {
      for (const stepsPerEpoch of [1, 2, total]) {
        const warmupEpochs = warmup / stepsPerEpoch;
        const common = { recipe, learningRate, layerDecay: 1, epochs: total / stepsPerEpoch, stepsPerEpoch } as const;
        assertClose(ratesOf({ ...common, warmupEpochs }), rates, 1e-6, `${stepsPerEpoch} steps an epoch`);
      }
    });
  }

  it('warms up over the first tenth', () => {
    const { learningRate, rates } = schedules[1];
    const common = { recipe, learningRate, layerDecay: 1 } as const;
    assertClose(ratesOf({ ...common, epochs: 10, stepsPerEpoch: 5 }), rates, 1e-6, 'rates');
    // So short that there is none.
    const [first] = ratesOf({ ...common, epochs: 1, stepsPerEpoch: 4 });
    assertClose([first], [learningRate], 1e-6, 'rate');
  });

  it('takes another layer decay, and needs layers for any', () => {
    const table: ParameterTable = {
      'blocks.0.mlp.fc1.weight': { shape: [1, 1], kind: 'vector', initial: 1 },
      'head.weight': { shape: [1, 1], kind: 'vector', initial: 1 },
    };
    const common = { epochs: 1, stepsPerEpoch: 1, learningRate: 0.1, weightDecay: 0.5, warmupEpochs: 0 };
    const layerOf = vitLayerOf({ depth: 1 });
    const shrinkage = (options: RecipeOptions) => [...stepsOf(table, options, 1, 0)[0].values()];
    assertClose(shrinkage({ ...common, recipe, layerOf }), [0.9625, 0.95], 1e-6, '0.75');
    assertClose(shrinkage({ ...common, recipe, layerOf, layerDecay: 0.5 }), [0.975, 0.95], 1e-6, '0.5');
    assertClose(shrinkage({ ...common, recipe: 'as-published', layerOf, layerDecay: 0.5 }), [0.975, 0.95], 1e-6, '0.5');
    assert.throws(() => shrinkage({ ...common, recipe }), /needs the model's layerOf/);
    const long = { ...common, recipe, layerOf, epochs: 4, stepsPerEpoch: 3, warmupEpochs: 4 } as const;
    assert.throws(() => shrinkage(long), userError(/^A warm-up of 12 does not fit into a training of 12/));
  });

  it('trains, and continues a stopped training in the midst of its schedule', async () => {
    const layerOf: LayerOf = (name) => (name.startsWith('fc.') ? 1 : 0);
    const toy = network({ name: 'toy', table: toyTable, forward: toyForward, layerOf });
    const settings = { epochs: 6, batchSize: 16, learningRate: 0.02, weightDecay: 0.05, seed: 3 };
    const given = { ...studyRecipe(settings), ...parts({ ...settings, recipe, stepsPerEpoch: 4, warmupEpochs: 2 }) };
    const train = (controls: TrainingControls = {}) =>
      withoutLeak(() => testedTraining(toy, toyDataset(), given, controls));
    const whole = await train();
    const schedule = warmupCosineSchedule({ learningRate: 0.02, warmup: 8, total: 24 });
    assert.deepEqual(
      whole.history.map(({ learningRate }) => learningRate),
      [0, 4, 8, 12, 16, 20].map(schedule),
    );
    const controller = new AbortController();
    const folder = join(scratch, 'corrected');
    const stopped = await train({
      checkpoints: openCheckpoints(folder, 'toy'),
      signal: controller.signal,
      onProgress(event) {
        if (event.kind === 'epoch' && event.epoch === 3) controller.abort();
      },
    });
    assert.equal(stopped.history.length, 3);
    const { history, test } = await train({ checkpoints: openCheckpoints(folder, 'toy') });
    assert.deepEqual(metricsOf(history), metricsOf(whole.history));
    assert.deepEqual(test, whole.test);
  });
});
