/** What a validation can do to a training: find its weights broken, or be stopped. And: a stop is heard of while batches are computed. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { ImageBatch } from '../../lib/data/batches';
import { interruptible } from '../../lib/interrupt';
import { tf } from '../../lib/tf';
import { openCheckpoints } from '../../lib/training/checkpoints';
import type { TrainingEvent } from '../../lib/training/events';
import type { FitOptions, Validation } from '../../lib/training/fit';
import { userError } from '../data/user-error';
import { createToyRun, metricsOf, type ToyRun } from './toy';

const scratch = mkdtempSync(join(tmpdir(), 'fit-validation-'));
after(() => rmSync(scratch, { recursive: true }));

type Options = Partial<FitOptions<ImageBatch>>;

/** A toy run with changed options, of which no tensor may be left behind. */
async function train(change: (run: ToyRun) => Options = () => ({})) {
  const before = tf.memory().numTensors;
  const run = createToyRun();
  const events: TrainingEvent[] = [];
  const result = await run.fit({ onProgress: (event) => events.push(event), ...change(run) });
  const last = run.weights();
  result.useBest();
  const best = run.weights();
  result.dispose();
  run.dispose();
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  return { result, metrics: metricsOf(result.history), events, last, best, steps: run.optimizer.steps };
}

/** Validations, of which the `broken` ones (counted from 0, repeated ones included) have this result. */
function validations(run: ToyRun, broken: readonly number[], result: Validation): NonNullable<Options['validate']> {
  let count = 0;
  return async () => (broken.includes(count++) ? result : run.validate());
}

describe('a validation without a finite loss', () => {
  for (const loss of [NaN, Infinity])
    it(`of ${loss} puts the training back to the start of the epoch with half the learning rate`, async () => {
      // An accuracy that would make the broken epoch the best.
      const mended = await train((run) => ({ validate: validations(run, [2], { loss, accuracy: 1 }) }));
      const expected = await train(() => ({ learningRate: (epoch) => (epoch < 2 ? 0.02 : 0.01) }));
      assert.deepEqual(mended.metrics, expected.metrics);
      assert.deepEqual(mended.result.best, expected.result.best);
      for (const part of ['last', 'best', 'steps'] as const) assert.deepEqual(mended[part], expected[part], part);
      assert.deepEqual(
        mended.events.filter(({ kind }) => kind === 'warning').map((event) => 'epoch' in event && event.epoch),
        [3],
      );
    });

  it('comes of an update at the end of the epoch that breaks the weights; the epoch is taken back', async () => {
    const breakOnce = (run: ToyRun, times: number): Options => ({
      async *batches(epoch) {
        yield* run.batches(epoch);
        if (epoch !== 1 || times-- <= 0) return;
        // What a last step with an infinite gradient leaves.
        const weight = run.parameters.variables.get('fc.weight');
        tf.tidy(() => weight?.assign(tf.fill([...weight.shape], NaN)));
      },
    });
    const mended = await train((run) => breakOnce(run, 1));
    const expected = await train(() => ({ learningRate: (epoch) => (epoch < 1 ? 0.02 : 0.01) }));
    assert.deepEqual(mended.metrics, expected.metrics);
    assert.deepEqual(mended.last, expected.last);

    // With checkpoints, the state before the epoch comes from the disk.
    const checkpoints = openCheckpoints(join(scratch, 'mended'), 'toy');
    const fromDisk = await train((run) => ({ ...breakOnce(run, 1), checkpoints }));
    assert.deepEqual(fromDisk.metrics, expected.metrics);
    assert.deepEqual(fromDisk.last, expected.last);
    assert.equal(fromDisk.steps, 24);
  });

  it('ends the training the fourth time, with the weights from before the epoch', async () => {
    for (const checkpoints of [undefined, openCheckpoints(join(scratch, 'fourth'), 'toy')]) {
      const before = tf.memory().numTensors;
      const run = createToyRun();
      const validate = validations(run, [1, 2, 3, 4], { loss: NaN, accuracy: NaN });
      await assert.rejects(
        run.fit({ validate, checkpoints }),
        userError(/^The loss of epoch 2 is not finite, even with learningRate 0\.0025: lower/),
      );
      assert.deepEqual(run.weights(), (await train(() => ({ epochs: 1 }))).last);
      assert.equal(run.optimizer.steps, 4);
      run.dispose();
      assert.equal(tf.memory().numTensors, before);
    }
  });
});

describe('a stop', () => {
  it('during a validation drops the epoch, whether the validation looks at the signal or not', async () => {
    const whole = await train();
    for (const looks of [true, false]) {
      const checkpoints = openCheckpoints(join(scratch, `stopped-${looks}`), 'toy');
      const controller = new AbortController();
      let count = 0;
      const stopped = await train((run) => ({
        checkpoints,
        signal: controller.signal,
        async validate(signal) {
          assert.equal(signal, controller.signal);
          if (++count === 3) controller.abort();
          if (looks) signal?.throwIfAborted();
          return run.validate();
        },
      }));
      assert.equal(stopped.result.stopped, true);
      assert.deepEqual(stopped.metrics, whole.metrics.slice(0, 2));
      assert.deepEqual(stopped.last, (await train(() => ({ epochs: 2 }))).last);
      const { seconds } = stopped.result;
      assert.deepEqual(stopped.events.slice(-1), [{ kind: 'stopped', epoch: 2, epochs: 6, seconds }]);
      const rest = await train(() => ({ checkpoints }));
      assert.deepEqual(rest.metrics, whole.metrics);
      assert.deepEqual(rest.last, whole.last);
    }
  });

  it('does not hide an error of the validation', async () => {
    const controller = new AbortController();
    const before = tf.memory().numTensors;
    const run = createToyRun();
    const validate = (): Promise<Validation> => {
      controller.abort();
      return Promise.reject(new Error('on purpose'));
    };
    await assert.rejects(run.fit({ validate, signal: controller.signal }), /on purpose/);
    run.dispose();
    assert.equal(tf.memory().numTensors, before);
  });

  it('is heard of while an epoch runs, although its batches come without waiting', async () => {
    const batchesOfEpoch = 1500;
    const run = createToyRun();
    let computed = 0;
    // Batches that are there at once: only the loop itself lets anything else in.
    const batches = function* (): Generator<ImageBatch> {
      while (computed < batchesOfEpoch)
        for (const batch of run.batches(0)) {
          computed++;
          yield batch;
        }
    };
    const result = await interruptible((signal) => {
      setTimeout(() => process.kill(process.pid, 'SIGINT'), 1);
      return run.fit({ batches, batchesPerEpoch: batchesOfEpoch, epochs: 1, signal });
    });
    assert.equal(result.stopped, true);
    assert.ok(computed < batchesOfEpoch, `${computed} batches were computed`);
    result.dispose();
    run.dispose();
  });
});
