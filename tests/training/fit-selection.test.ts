import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createRandom } from '../../lib/random';
import { readSafetensors } from '../../lib/tensor/safetensors';
import { tf } from '../../lib/tf';
import { openCheckpoints } from '../../lib/training/checkpoints';
import type { FitOptions } from '../../lib/training/fit';
import type { ImageBatch } from '../../lib/data/batches';
import { createToyRun, metricsOf } from './toy';

const scratch = mkdtempSync(join(tmpdir(), 'fit-selection-'));
after(() => rmSync(scratch, { recursive: true }));

/** Validations in which the loss is lowest in epoch 3 and the accuracy highest in epoch 2; both stay so later, which is not better. */
const rows = [
  [0.9, 0.5],
  [0.8, 0.9],
  [0.2, 0.7],
  [0.2, 0.9],
  [0.95, NaN],
  [0.3, 0.8],
] as const;

/** A toy run with these validations; `counted` is how many were done before. */
async function fitWith(overrides: Partial<FitOptions<ImageBatch>>, counted = 0) {
  const before = tf.memory().numTensors;
  const run = createToyRun();
  let epoch = counted;
  const validate = () => {
    const [loss, accuracy] = rows[epoch++];
    return Promise.resolve({ loss, accuracy });
  };
  const weightsAt: Record<string, number[]>[] = [];
  const result = await run.fit({
    validate,
    ...overrides,
    onProgress(event) {
      if (event.kind === 'epoch') weightsAt[event.epoch] = run.weights();
      overrides.onProgress?.(event);
    },
  });
  result.useBest();
  const best = run.weights();
  result.dispose();
  run.dispose();
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  return { ...result, weightsAt, bestWeights: best };
}

describe('selection of the best epoch', () => {
  it('is by the first highest accuracy or the first lowest loss, never by one that is not a number', async () => {
    const byAccuracy = await fitWith({});
    assert.deepEqual(byAccuracy.best, { epoch: 2, metric: 'accuracy', value: 0.9 });
    assert.deepEqual(byAccuracy.bestWeights, byAccuracy.weightsAt[2]);
    const byLoss = await fitWith({ select: 'loss' });
    assert.equal(byLoss.best?.epoch, 3);
    assert.equal(byLoss.best.metric, 'loss');
    assert.deepEqual(byLoss.bestWeights, byLoss.weightsAt[3]);
  });

  it('is what patience counts from', async () => {
    assert.equal((await fitWith({ patience: 2 })).history.length, 4);
    assert.equal((await fitWith({ select: 'loss', patience: 2 })).history.length, 5);
  });
});

describe("the second study's selection by AUC", () => {
  it('takes an epoch that is better by more than minDelta, and ends after as many others as patience says', async () => {
    const random = createRandom(11, 'areas');
    for (let trial = 0; trial < 12; trial++) {
      const areas = Array.from({ length: 12 }, () => 0.9 + 2e-4 * random.integer(4) + 5e-5 * random.integer(2));
      const patience = 1 + random.integer(4);
      let [best, bestEpoch, bad, seen] = [-1, 0, 0, 0];
      for (const auc of areas) {
        seen++;
        if (auc > best + 1e-4) [best, bestEpoch, bad] = [auc, seen, 0];
        else if (++bad >= patience) break;
      }
      let epoch = 0;
      const validate = () => Promise.resolve({ loss: 1, accuracy: 0.5, auc: areas[epoch++] });
      const run = await fitWith({ validate, epochs: areas.length, select: 'auc', minDelta: 1e-4, patience });
      assert.deepEqual([run.best?.epoch, run.history.length], [bestEpoch, seen]);
      assert.deepEqual(run.bestWeights, run.weightsAt[bestEpoch]);
    }
  });
});

describe('checkpoints at times', () => {
  it('are one at the end where the training is short, with the best weights of an earlier epoch', async () => {
    const folder = join(scratch, 'short');
    const checkpoints = openCheckpoints(folder, 'key');
    const run = await fitWith({ select: 'loss', checkpoints, saveEverySeconds: 3600 });
    assert.deepEqual(readdirSync(folder).sort(), [
      'best-0003.safetensors',
      'checkpoint.json',
      'epoch-0006.safetensors',
    ]);
    const manifest = await openCheckpoints(folder, 'key').load();
    assert.ok(manifest?.finished);
    const saved = readSafetensors(join(folder, 'best-0003.safetensors'));
    const best = Object.fromEntries([...saved].map(([name, value]) => [name, [...value]]));
    assert.deepEqual(best, run.weightsAt[3]);
    const again = await fitWith({ select: 'loss', checkpoints: openCheckpoints(folder, 'key') });
    assert.deepEqual(metricsOf(again.history), metricsOf(run.history));
    assert.deepEqual(again.bestWeights, run.bestWeights);
  });

  it('are written at a stop, so that nothing is lost, and continue to the same end', async () => {
    const whole = await fitWith({ select: 'loss' });
    for (const epochs of [2, 4]) {
      const checkpoints = openCheckpoints(join(scratch, `stopped-${epochs}`), 'key');
      const controller = new AbortController();
      const stopped = await fitWith({
        select: 'loss',
        checkpoints,
        saveEverySeconds: 3600,
        signal: controller.signal,
        onProgress: (event) => event.kind === 'epoch' && event.epoch === epochs && controller.abort(),
      });
      assert.ok(stopped.stopped);
      assert.equal((await checkpoints.load())?.epoch, epochs);
      const rest = await fitWith({ select: 'loss', checkpoints, saveEverySeconds: 3600 }, epochs);
      assert.deepEqual(metricsOf(rest.history), metricsOf(whole.history));
      assert.deepEqual(rest.bestWeights, whole.bestWeights);
    }
  });
});
