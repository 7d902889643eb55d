import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Dataset } from '../../lib/data/dataset';
import { network, unfreeze, type Network } from '../../lib/models/network';
import { linear, type Scope } from '../../lib/models/scope';
import { evaluateClassifier, classifierRow } from '../../lib/runs/evaluate';
import { evaluateMasks } from '../../lib/runs/evaluate-masks';
import { planCosts, trainingCosts } from '../../lib/runs/cost';
import { settingsOf, trainingIdentity } from '../../lib/runs/identity';
import { trainOnce, type Run } from '../../lib/runs/train';
import { shortHash } from '../../lib/runs/results';
import { unet } from '../../lib/models/networks';
import { tf, type Tensor2D, type Tensor4D } from '../../lib/tf';
import { flip } from '../../lib/training/augmentations';
import { adamW, sgd } from '../../lib/training/create-optimizer';
import { crossEntropy, dice } from '../../lib/training/losses';
import type { Recipe } from '../../lib/training/recipe';
import { precisions } from '../../lib/precisions';
import { constant, cosine } from '../../lib/training/schedules';
import type { TrainingEvent } from '../../lib/training/events';
import { userError } from '../data/user-error';
import { metricsOf, toyDataset, toyForward, toyTable } from '../training/toy';
import { toySegmentation } from '../training/toy-segmentation';

const scratch = mkdtempSync(join(tmpdir(), 'runs-train-'));
after(() => rmSync(scratch, { recursive: true }));
let folders = 0;
const newFolder = (): string => join(scratch, String(folders++));

const toy = network({ name: 'toy', table: toyTable, forward: toyForward });
const recipe: Recipe = {
  epochs: 3,
  batchSize: 16,
  seed: 3,
  optimizer: adamW({ weightDecay: 0.01 }),
  schedule: cosine({ learningRate: 0.02 }),
};

interface Options {
  readonly folder: string;
  readonly net?: Network;
  readonly data?: Dataset;
  readonly changes?: Partial<Recipe>;
  readonly again?: boolean;
  readonly abortAfter?: number;
}

/** Trains, counts the epochs that were really run, and asserts that no tensor is left behind. */
async function train({
  folder,
  net = toy,
  data = toyDataset(),
  changes,
  again,
  abortAfter,
}: Options): Promise<Run & { trained: number }> {
  const before = tf.memory().numTensors;
  const controller = new AbortController();
  let trained = 0;
  const onProgress = (event: TrainingEvent): void => {
    if (event.kind === 'epoch' && ++trained === abortAfter) controller.abort();
  };
  const run = await trainOnce(
    net,
    data,
    { ...recipe, ...changes },
    { folder, again, signal: controller.signal, onProgress, saveEverySeconds: 0 },
  );
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  return { ...run, trained };
}

describe('a training', () => {
  it('is done once: the second time its result is there, unless it is to be done again', async () => {
    const folder = newFolder();
    const first = await train({ folder });
    const second = await train({ folder });
    assert.deepEqual([first.trained, first.kept, second.trained, second.kept], [3, false, 0, true]);
    assert.deepEqual(second.history, first.history);
    assert.deepEqual([...(second.best?.read() ?? [])], [...(first.best?.read() ?? [])]);
    const again = await train({ folder, again: true });
    assert.deepEqual([again.trained, again.kept], [3, false]);
    assert.deepEqual(metricsOf(again.history), metricsOf(first.history));
  });

  it('that was stopped is continued to the same weights, bit for bit, and keeps no checkpoint afterwards', async () => {
    const [folder, other] = [newFolder(), newFolder()];
    const stopped = await train({ folder, abortAfter: 2 });
    assert.deepEqual(
      [stopped.stopped, stopped.history.length, stopped.best, stopped.last],
      [true, 2, undefined, undefined],
    );
    const continued = await train({ folder });
    const whole = await train({ folder: other });
    assert.equal(continued.trained, 1);
    assert.deepEqual(metricsOf(continued.history), metricsOf(whole.history));
    for (const which of ['best', 'last'] as const)
      assert.deepEqual([...(continued[which]?.read() ?? [])], [...(whole[which]?.read() ?? [])]);
    assert.deepEqual(readdirSync(join(folder, continued.id)).sort(), [
      'best.safetensors',
      'configuration.json',
      'last.safetensors',
      'result.json',
    ]);
  });

  it('tells what it will take by a few of its steps, of which nothing stays', async () => {
    let steps = 0;
    const counted = (name: string, milliseconds: number): Network =>
      network({
        name,
        table: toyTable,
        forward: (images, scope) => {
          steps++;
          const end = performance.now() + milliseconds;
          while (performance.now() < end);
          return toyForward(images, scope);
        },
      });
    // So slow that each of its steps is reported, on any machine.
    const [slow, quick] = [counted('slow', 260), counted('quick', 0)];
    const [before, data] = [tf.memory().numTensors, toyDataset()];
    const costs = await trainingCosts(slow, data, { ...recipe, batchSize: 8, epochs: 50 });
    assert.equal(tf.memory().numTensors, before);
    assert.deepEqual(
      costs.map(({ precision }) => precision),
      costs.length === 2 ? ['float32', 'bfloat16'] : ['float32'],
    );
    const ofEpoch = Math.ceil(data.splits.train.count / 8);
    assert.equal(steps, costs.length * 4);
    for (const { secondsPerStep, seconds } of costs) {
      assert.ok(secondsPerStep >= 0.26, `${secondsPerStep} s`);
      assert.ok(Math.abs(seconds - secondsPerStep * ofEpoch * 50) < 1e-9);
    }
    const timed = steps;
    const plan = [50, 10].map((epochs) => ({ network: slow, data, recipe: { ...recipe, batchSize: 8, epochs } }));
    const tooFew = { network: { ...slow, name: 'of one batch' }, data, recipe: { ...recipe, batchSize: 10_000 } };
    const [all, ...others] = await planCosts([...plan, tooFew]);
    assert.deepEqual([all.precision, all.trainings, others.length], ['float32', 2, costs.length - 1]);
    assert.ok(all.seconds >= 0.26 * ofEpoch * 60, `${all.seconds} s`);
    assert.equal(steps - timed, costs.length * 4, 'for both');
    assert.equal(tf.memory().numTensors, before);
    const stepsBefore = steps;
    for (const { seconds } of await planCosts([{ ...plan[0], network: quick }]))
      assert.ok(seconds > 0 && seconds < 600, `${seconds} s`);
    // No batch of so short epochs need be reported: then the second is timed, with its validation.
    const validated = Math.ceil(data.splits.val.count / 8);
    assert.ok(steps - stepsBefore <= costs.length * 2 * (ofEpoch + validated), `${steps - stepsBefore} quick steps`);
    steps = 0;
    assert.deepEqual(await trainingCosts(slow, data, recipe, { signal: AbortSignal.abort() }), []);
    assert.deepEqual(await trainingCosts(slow, data, { ...recipe, batchSize: data.splits.train.count }), []);
    assert.equal(steps, 0, 'of what is stopped before it begins, and of too few batches');
  });

  it('is another one where anything differs that its result depends on', async () => {
    const halved = (epoch: number): number => 0.02 / 2 ** epoch;
    const data = toyDataset();
    const wide = (images: Tensor4D, p: Scope): Tensor2D => linear(toyForward(images, p), p.at('fc'));
    const trainings: readonly (readonly [Network, Dataset, Partial<Recipe>])[] = [
      [toy, data, {}],
      [toy, data, { seed: 4 }],
      [toy, data, { optimizer: sgd() }],
      [toy, data, { optimizer: adamW({ weightDecay: 0.02 }) }],
      [toy, data, { schedule: constant({ learningRate: 0.02 }) }],
      [toy, data, { schedule: halved }],
      [toy, data, { augment: [flip('horizontal')] }],
      [toy, data, { augment: [flip('horizontal', { probability: 0.4 })] }],
      [toy, data, { loss: crossEntropy({ labelSmoothing: 0.1 }) }],
      [toy, data, { select: 'loss' }],
      [toy, data, { precision: 'bfloat16' }],
      [network({ name: 'toy', table: toyTable, forward: wide }), data, {}],
      [network({ name: 'toy', table: toyTable, forward: toyForward, config: { width: 4 } }), data, {}],
      [unfreeze(toy, 'fc'), data, {}],
      [{ ...toy, weights: { source: 'hub', sha256: 'ab' } }, data, {}],
      [toy, { ...data, sha256: '1'.repeat(64) }, {}],
      [toy, { ...data, height: 7 }, {}],
    ];
    const ids = trainings.map(([net, images, changes]) =>
      shortHash(trainingIdentity(net, images, { ...recipe, ...changes })),
    );
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(shortHash(trainingIdentity({ ...toy }, { ...data }, { ...recipe, precision: 'float32' })), ids[0]);
    const chosen = trainingIdentity(toy, data, { ...recipe, precision: 'auto' });
    assert.ok(precisions.includes(chosen.precision), 'what was chosen, and not that there was a choice');
  });

  it('tells its settings in words and numbers', () => {
    const own = (): void => undefined;
    const { recipe: settings } = trainingIdentity(toy, toyDataset(), {
      ...recipe,
      augment: [flip('vertical'), own],
      loss: [crossEntropy(), dice({ weight: 0.5 })],
    });
    const told = settingsOf(settings);
    assert.deepEqual(
      [told.optimizer, told.weightDecay, told.schedule, told.learningRate, told.augment, told.loss],
      ['adamw', 0.01, 'cosine', 0.02, 'flip (vertical, 0.5), own', 'cross-entropy, dice (0.5)'],
    );
  });

  it('that another process is at is not done a second time meanwhile', async () => {
    const folder = newFolder();
    const refusals: unknown[] = [];
    const controller = new AbortController();
    await trainOnce(toy, toyDataset(), recipe, {
      folder,
      signal: controller.signal,
      onProgress: (event) => {
        if (event.kind !== 'epoch' || event.epoch > 1) return;
        refusals.push(trainOnce(toy, toyDataset(), recipe, { folder }).catch((error: unknown) => error));
      },
    });
    const [refusal] = await Promise.all(refusals);
    assert.ok(userError(/Another process is at the same training/)(refusal));
  });
});

describe('an evaluation', () => {
  it('is done once for each split and weights, and is not lost with the training that it follows', async () => {
    const folder = newFolder();
    const read: string[] = [];
    const data = toyDataset({ read: (split) => void read.push(split) });
    const run = await train({ folder, data });
    const model = run.best ?? assert.fail();
    assert.ok(!read.includes('test'), 'the test split is read after the selection');
    // Stopped while the test split is being scored: the training stays finished.
    await assert.rejects(evaluateClassifier(model, data, { signal: AbortSignal.abort() }), /abort/i);
    const after = await train({ folder, data });
    assert.deepEqual([after.trained, after.kept], [0, true]);
    read.length = 0;
    const first = await evaluateClassifier(after.best ?? assert.fail(), data);
    const reads = read.length;
    const second = await evaluateClassifier(after.best ?? assert.fail(), data);
    assert.ok(reads > 0);
    assert.equal(read.length, reads, 'the second time nothing is read');
    assert.deepEqual(second, first);
    assert.equal(
      first.matrix.flat().reduce((sum, count) => sum + count, 0),
      40,
    );
    const { id, ...row } = { id: after.id, ...classifierRow(model, first, { arm: 'corrected', protocol: 'scratch' }) };
    assert.deepEqual([row.trainingKey, row.testAccuracy, row.epoch], [id, first.accuracy, first.epoch]);
    const validation = await evaluateClassifier(model, data, { split: 'val' });
    assert.equal(validation.accuracy, row.bestValAccuracy);
  });

  it('of masks has the scores of each image and their means', async () => {
    const data = toySegmentation();
    const net = unet({ width: 2 });
    const run = await trainOnce(net, data, { ...recipe, epochs: 1 }, { folder: newFolder() });
    const scored = await evaluateMasks(run.best ?? assert.fail(), data);
    assert.equal(scored.scores.length, 10);
    assert.equal(scored.mean.dice, scored.scores.reduce((sum, { dice: value }) => sum + value, 0) / 10);
    const again = await evaluateMasks(run.best ?? assert.fail(), data);
    assert.deepEqual([again.scores, again.mean, again.readMasks()], [scored.scores, scored.mean, scored.readMasks()]);
    assert.ok(existsSync(run.best?.training.directory ?? ''));
  });
});
