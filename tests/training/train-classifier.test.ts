import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { halfNormalization } from '../../lib/data/normalization';
import type { Dataset, Split, SplitName } from '../../lib/data/dataset';
import { softmax } from '../../lib/metrics/scores';
import { createParameters, disposeParameters } from '../../lib/models/parameters';
import { tf } from '../../lib/tf';
import { openCheckpoints } from '../../lib/training/checkpoints';
import { network, type Network } from '../../lib/models/network';
import { evaluationBatchSize, predictLogits } from '../../lib/training/predict';
import { cosineSchedule } from '../../lib/training/schedules';
import type { TestResult } from '../../lib/training/scored-split';
import type { TrainingControls } from '../../lib/training/train-network';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { studyRecipe, testedTraining, type StudySettings, type TestedTraining } from './tested-training';
import { metricsOf, toyDataset, toyForward, toyTable } from './toy';

const scratch = mkdtempSync(join(tmpdir(), 'train-network-'));
after(() => rmSync(scratch, { recursive: true }));

const toy = network({ name: 'toy', table: toyTable, forward: toyForward });
const settings: StudySettings = { epochs: 6, batchSize: 16, learningRate: 0.02, weightDecay: 0.01, seed: 3 };

/** Trains, and asserts that no tensor is left behind. */
async function train(
  changes: Partial<StudySettings> = {},
  controls: TrainingControls = {},
  { classifier = toy, dataset = toyDataset() }: { classifier?: Network; dataset?: Dataset } = {},
): Promise<TestedTraining> {
  const before = tf.memory().numTensors;
  try {
    return await testedTraining(classifier, dataset, studyRecipe({ ...settings, ...changes }), controls);
  } finally {
    assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  }
}

/** Everything but the time that it took. */
function comparable(trained: TestedTraining) {
  return { ...trained, history: metricsOf(trained.history), seconds: 0 };
}

/** Aborts after a number of epochs, while the next one's first batch is computed. */
function abortAfter(epochs: number): TrainingControls {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    onProgress(event) {
      if (event.kind === 'epoch' && event.epoch === epochs) controller.abort();
    },
  };
}

describe('the training of a classifier', () => {
  it('gives the same for the same seed, to the last bit, and something else for another', async () => {
    const first = await train();
    const second = await train();
    assert.deepEqual(comparable(second), comparable(first));
    const other = await train({ seed: 4 });
    assert.notDeepEqual(metricsOf(other.history), metricsOf(first.history));
    assert.notDeepEqual(other.test?.probabilities, first.test?.probabilities);
  });

  it('steps the learning rate along a cosine, and selects the first of the best epochs', async () => {
    const { history, bestEpoch, bestValAccuracy, stopped, seconds } = await train();
    const schedule = cosineSchedule(0.02, 6);
    history.forEach(({ epoch, learningRate }) => assert.equal(learningRate, schedule(epoch - 1)));
    const accuracies = history.map(({ valAccuracy }) => valAccuracy);
    assert.equal(bestValAccuracy, Math.max(...accuracies));
    assert.equal(bestEpoch, accuracies.indexOf(Math.max(...accuracies)) + 1);
    assert.deepEqual([stopped, history.length], [false, 6]);
    assert.ok(seconds > 0);
  });

  it('tests the weights of the best epoch and of the last', async () => {
    const dataset = toyDataset();
    const checkpoints = openCheckpoints(join(scratch, 'both'), 'toy');
    const { bestEpoch, test, testOfLast } = await train({}, { checkpoints });
    assert.ok(test && testOfLast && bestEpoch);
    assert.ok(bestEpoch < 6, 'this test needs a best epoch that is not the last');
    assert.deepEqual([test.epoch, testOfLast.epoch], [bestEpoch, 6]);
    assert.notDeepEqual(test.probabilities, testOfLast.probabilities);

    // The same from the best weights as they were saved.
    const manifest = await checkpoints.load();
    assert.ok(manifest?.best?.epoch === bestEpoch);
    const parameters = createParameters(toyTable, 0);
    checkpoints.restoreBest(manifest, parameters);
    const logits = await predictLogits(parameters, toyForward, dataset, 'test', { normalization: halfNormalization });
    assert.deepEqual(test.probabilities, softmax(logits, 3));
    disposeParameters(parameters);

    const { labels } = dataset.splits.test;
    for (const { accuracy, probabilities } of [test, testOfLast] satisfies TestResult[]) {
      const right = labels.filter((label, index) => {
        const row = [...probabilities.subarray(3 * index, 3 * index + 3)];
        return row.indexOf(Math.max(...row)) === label;
      });
      assert.equal(accuracy, right.length / labels.length);
    }
    const one = await train({ epochs: 1 });
    assert.equal(one.bestEpoch, 1);
    assert.deepEqual(one.testOfLast, one.test);
  });

  it('reads the test split after the last epoch, and never where it was stopped', async () => {
    const reads: Record<SplitName, number> = { train: 0, val: 0, test: 0 };
    const dataset = toyDataset({ read: (split) => reads[split]++ });
    const atEpoch: (typeof reads)[] = [];
    const controls: TrainingControls = {
      onProgress(event) {
        if (event.kind === 'epoch' || event.kind === 'done') atEpoch.push({ ...reads });
      },
    };
    await train({ epochs: 2 }, controls, { dataset });
    assert.deepEqual(atEpoch, [
      { train: 4, val: 1, test: 0 },
      { train: 8, val: 2, test: 0 },
      { train: 8, val: 2, test: 0 },
    ]);
    assert.ok(reads.test > 0 && reads.train === 8 && reads.val === 2);

    reads.test = 0;
    const stopped = await train({}, abortAfter(2), { dataset });
    assert.deepEqual([stopped.stopped, stopped.test, stopped.testOfLast], [true, undefined, undefined]);
    assert.equal(stopped.history.length, 2);
    assert.equal(reads.test, 0);
  });

  it('shuffles the training images anew each epoch, by the seed alone', async () => {
    const ordersOf = async (seed: number) => {
      const orders: number[] = [];
      const read = (split: SplitName, indices: ArrayLike<number>) => {
        if (split === 'train') orders.push(...Array.from(indices));
      };
      await train({ epochs: 2, seed }, {}, { dataset: toyDataset({ read }) });
      return [orders.slice(0, 50), orders.slice(50)];
    };
    const [first, second] = await ordersOf(5);
    for (const order of [first, second])
      assert.deepEqual(
        [...order].sort((a, b) => a - b),
        Array.from({ length: 50 }, (_, index) => index),
      );
    assert.notDeepEqual(first, second);
    assert.deepEqual(await ordersOf(5), [first, second]);
    assert.notDeepEqual((await ordersOf(6))[0], first);
  });

  it('gives each step random numbers of its own, the same ones where it is continued, and evaluation none', async () => {
    const draws: (number | undefined)[] = [];
    const dropping: Network = {
      ...toy,
      forward(images, scope, random) {
        const draw = random?.uniform();
        draws.push(draw);
        return toyForward(images, scope).mul(draw === undefined ? 1 : 2 * draw);
      },
    };
    const whole = await train({}, {}, { classifier: dropping });
    const drawn = draws.splice(0);
    // Four batches and a validation in each of the six epochs, then the two tests.
    assert.equal(new Set(drawn.filter((draw) => draw !== undefined)).size, 24);
    assert.equal(drawn.filter((draw) => draw === undefined).length, 6 + 2);
    const checkpoints = openCheckpoints(join(scratch, 'dropping'), 'toy');
    await train({}, { ...abortAfter(2), checkpoints }, { classifier: dropping });
    const continued = await train({}, { checkpoints }, { classifier: dropping });
    assert.deepEqual(comparable(continued), comparable(whole));
  });

  it('continues a stopped training to the same end, test scores included', async () => {
    const whole = await train();
    const folder = join(scratch, 'stopped');
    const part = (controls: TrainingControls = {}) =>
      train({}, { ...controls, checkpoints: openCheckpoints(folder, 'toy') });
    assert.equal((await part(abortAfter(2))).history.length, 2);
    assert.equal((await part(abortAfter(5))).history.length, 5);
    assert.deepEqual(comparable(await part()), comparable(whole));
    // Finished, it is only tested again.
    assert.deepEqual(comparable(await part()), comparable(whole));
  });

  it('takes an epoch back whose last update breaks the weights, and has no score of it', async () => {
    const warnings: string[] = [];
    const onProgress: TrainingControls['onProgress'] = (event) => {
      if (event.kind === 'warning') warnings.push(event.message);
    };
    // The validations of epochs 1 and 2 are one batch each; the second one's logits are broken.
    let evaluated = 0;
    const classifier: Network = {
      ...toy,
      forward(images, scope) {
        const logits = toyForward(images, scope);
        return scope.pass.training || ++evaluated !== 2 ? logits : logits.mul(NaN);
      },
    };
    const { history, bestEpoch } = await train({ epochs: 3 }, { onProgress }, { classifier });
    const schedule = cosineSchedule(0.02, 3);
    assert.deepEqual(
      history.map(({ learningRate }) => learningRate),
      [schedule(0), schedule(1) / 2, schedule(2) / 2],
    );
    assert.ok(bestEpoch !== undefined && history.every(({ valLoss }) => Number.isFinite(valLoss)));
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /^The loss of epoch 2 is not finite: the epoch starts over/);
  });

  it('is stopped between two batches of a validation, whose epoch then counts as not begun', async () => {
    // 600 images are evaluated in three batches; the stop comes during the second one of epoch 2.
    const toyImages = toyDataset();
    const { val } = toyImages.splits;
    const controller = new AbortController();
    let [reads, evaluated] = [0, 0];
    const many: Split = {
      ...val,
      count: 600,
      labels: Int32Array.from({ length: 600 }, (_, index) => val.labels[index % val.count]),
      readImages(indices, target) {
        if (++reads === 5) controller.abort();
        val.readImages(
          Array.from(indices, (index) => index % val.count),
          target,
        );
      },
    };
    const dataset: Dataset = { ...toyImages, splits: { ...toyImages.splits, val: many } };
    const classifier: Network = {
      ...toy,
      forward(images, scope) {
        if (!scope.pass.training) evaluated++;
        return toyForward(images, scope);
      },
    };
    const checkpoints = openCheckpoints(join(scratch, 'validation'), 'toy');
    const stopped = await train({ epochs: 3 }, { checkpoints, signal: controller.signal }, { classifier, dataset });
    assert.deepEqual([stopped.stopped, stopped.history.length, stopped.test], [true, 1, undefined]);
    assert.equal(evaluated, 5);
    const rest = await train({ epochs: 3 }, { checkpoints }, { dataset });
    assert.deepEqual(comparable(rest), comparable(await train({ epochs: 3 }, {}, { dataset })));
  });

  it('evaluates fewer images at once where they are larger, with the same result', async () => {
    assert.deepEqual(
      [28, 64, 128, 224, 5000].map((side) => evaluationBatchSize({ height: side, width: side })),
      [256, 256, 64, 20, 2],
    );
    const parameters = createParameters(toyTable, 1);
    const logitsBy = (batchSize?: number) =>
      predictLogits(parameters, toyForward, toyDataset(), 'val', { normalization: halfNormalization, batchSize });
    assertClose(await logitsBy(7), await logitsBy(), 1e-6, 'logits');
    disposeParameters(parameters);
  });

  it('leaves no tensor behind where it fails', async () => {
    await assert.rejects(train({ learningRate: 1e38 }), userError(/is not finite/));
    const failing = (when: (pass: { training: boolean }) => boolean): Network => ({
      ...toy,
      forward(images, scope) {
        const logits = toyForward(images, scope);
        if (when(scope.pass)) throw new Error('on purpose');
        return logits;
      },
    });
    for (const training of [true, false]) {
      const classifier = failing((pass) => pass.training === training);
      await assert.rejects(train({}, {}, { classifier }), /on purpose/);
    }
    const broken = toyDataset({
      read(split) {
        if (split === 'test') throw new Error('cannot be read');
      },
    });
    await assert.rejects(train({}, {}, { dataset: broken }), /cannot be read/);
  });
});
