import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Dataset, SplitName } from '../../lib/data/dataset';
import { createParameters, disposeParameters, linearHead, readParameters } from '../../lib/models/parameters';
import { createScope, linear } from '../../lib/models/scope';
import { createRandom } from '../../lib/random';
import { countCorrect, crossEntropy } from '../../lib/tensor/losses';
import { tf, type Scalar, type Tensor1D, type Tensor2D } from '../../lib/tf';
import { openCheckpoints } from '../../lib/training/checkpoints';
import type { TrainingEvent } from '../../lib/training/events';
import { openRows } from '../../lib/training/feature-rows';
import { absentFeatures, type FeatureSet, type FeatureSets } from '../../lib/training/feature-set';
import { lossAndGradients } from '../../lib/training/gradients';
import { knnProbe } from '../../lib/training/knn-probe';
import { headLoss, headProbabilities } from '../../lib/training/linear-head';
import {
  linearProbe,
  linearProbeGrid,
  linearProbeRecipe,
  type GridSettings,
  type LinearProbeSettings,
} from '../../lib/training/linear-probe';
import type { ProbeControls, ProbeResult } from '../../lib/training/probe-result';
import { logisticRegression } from '../../lib/training/logistic-regression';
import type { HeadControls } from '../../lib/training/train-head';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { exampleSets, onDisk, probesFixture, relabelled, setOf } from './probe-example';
import { metricsOf } from './toy';
import { withoutLeak } from './toy-features';

const scratch = mkdtempSync(join(tmpdir(), 'linear-probe-'));
after(() => rmSync(scratch, { recursive: true }));

const sets = exampleSets(4);
const { settings } = probesFixture.linear[1];
const probe = (changes: Partial<LinearProbeSettings> = {}, controls?: HeadControls, of: FeatureSets = sets) =>
  withoutLeak(() => linearProbe(of, { ...settings, ...changes }, controls));

/** Everything but the time that it took. */
function comparable<T extends ProbeResult>(result: T): T {
  return { ...result, history: metricsOf(result.history), seconds: 0 };
}

/** Aborts after a number of epochs. */
function abortAfter(epochs: number, onProgress: (event: TrainingEvent) => void = () => undefined): ProbeControls {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    onProgress(event) {
      onProgress(event);
      if (event.kind === 'epoch' && event.epoch === epochs) controller.abort();
    },
  };
}

describe('headLoss', () => {
  it('has the loss and the gradients of the plain operations', () => {
    const before = tf.memory().numTensors;
    const [count, width, classes] = [13, 6, 4];
    const parameters = createParameters(linearHead(width, classes), 3);
    const random = createRandom(3, 'head');
    const features = tf.tensor2d(
      Float32Array.from({ length: count * width }, () => 3 * random.normal()),
      [count, width],
    );
    const labels = tf.tensor1d(
      Int32Array.from({ length: count }, () => random.integer(classes)),
      'int32',
    );
    const names = ['head.weight', 'head.bias'];
    const results = [
      (scale: number) =>
        lossAndGradients(parameters, names, (scope) => {
          const { loss, correct } = headLoss(features, labels, scope.at('head'));
          return { loss: loss.mul(scale), reported: { correct } };
        }),
      (scale: number) =>
        lossAndGradients(parameters, names, (scope) => {
          const logits = linear(features, scope.at('head'));
          const reported = { correct: countCorrect(logits, labels) };
          return { loss: crossEntropy(logits, labels).mean<Scalar>().mul(scale), reported };
        }),
    ].map((compute) =>
      [1, -2.5].map((scale) => {
        const values: Record<string, Float32Array> = {};
        tf.tidy(() => {
          const { loss, reported, gradients } = compute(scale);
          for (const [name, tensor] of [['loss', loss], ['correct', reported.correct], ...gradients] as const)
            values[name] = tensor.dataSync<'float32'>().slice();
        });
        return values;
      }),
    );
    const [fused, plain] = results;
    fused.forEach((values, index) => {
      assert.deepEqual(Object.keys(values), ['loss', 'correct', ...names]);
      assert.ok(plain[index].correct[0] > 0 && plain[index].correct[0] < count);
      for (const [name, value] of Object.entries(values)) assertClose(value, plain[index][name], 2e-6, name);
    });
    tf.dispose([features, labels]);
    disposeParameters(parameters);
    assert.equal(tf.memory().numTensors, before);
  });

  it('has the gradient of finite differences', () => {
    const parameters = createParameters(linearHead(2, 3), 1);
    const features: Tensor2D = tf.tensor2d([1, -2, 0.5, 3], [2, 2]);
    const labels: Tensor1D = tf.tensor1d([2, 0], 'int32');
    const lossAt = (shift: number): number => {
      let value = NaN;
      tf.tidy(() => {
        const values = readParameters(parameters);
        const moved = values.get('head.weight')!.add(tf.tensor2d([0, 0, 0, shift, 0, 0], [2, 3]));
        [value] = headLoss(features, labels, createScope(values.set('head.weight', moved)).at('head')).loss.dataSync();
      });
      return value;
    };
    let slope = NaN;
    tf.tidy(() => {
      const { gradients } = lossAndGradients(parameters, ['head.weight'], (scope) =>
        headLoss(features, labels, scope.at('head')),
      );
      slope = gradients.get('head.weight')!.dataSync()[3];
    });
    assert.ok(Math.abs((lossAt(0.01) - lossAt(-0.01)) / 0.02 - slope) < 1e-3, `slope ${slope}`);
    tf.dispose([features, labels]);
    disposeParameters(parameters);
  });

  it('scores rows in pieces, as softmax of the plain layer', () => {
    const before = tf.memory().numTensors;
    const count = 8192 + 5;
    const random = createRandom(3, 'pieces');
    const values = Float32Array.from({ length: count * 2 }, () => random.normal());
    const parameters = createParameters(linearHead(2, 3), 1);
    const memory = setOf(values, 2, new Int32Array(count), 3);
    const expected = tf.tidy(() => {
      const features = tf.tensor2d(values, [count, 2]);
      return linear(features, createScope(readParameters(parameters)).at('head'))
        .softmax()
        .dataSync()
        .slice();
    });
    for (const set of [memory, onDisk({ train: memory, val: memory, test: memory }).train]) {
      const rows = openRows(set);
      assertClose(headProbabilities(rows, parameters), expected, 1e-6, 'probabilities');
      rows.dispose();
    }
    disposeParameters(parameters);
    assert.equal(tf.memory().numTensors, before);
  });
});

describe('linearProbe', () => {
  it('needs no features of training and validation that it computes anew, and learns the same', async () => {
    const { task, classes, width } = sets.train;
    const dataset = { splits: sets, task, classNames: new Array<string>(classes).fill('') } as unknown as Dataset;
    const absent = (split: SplitName): FeatureSet => absentFeatures(dataset, split, width);
    assert.throws(() => absent('val').readRows([0], new Float32Array(width)), /The features of val are not kept/);
    const asked: string[] = [];
    const recompute = (split: SplitName): Promise<FeatureSet> => {
      asked.push(split);
      return Promise.resolve(sets[split]);
    };
    const of = { train: absent('train'), val: absent('val'), test: sets.test };
    assert.deepEqual(comparable(await probe({ epochs: 2 }, { recompute }, of)), comparable(await probe({ epochs: 2 })));
    assert.deepEqual(asked, ['train', 'val', 'train', 'val']);
  });

  for (const { classes, settings, history, bestEpoch, test, testOfLast } of probesFixture.linear) {
    it(`is torch's training with AdamW and CosineAnnealingLR: ${classes} classes`, async () => {
      const result = await probe(settings, {}, exampleSets(classes));
      assert.equal(result.history.length, history.length);
      history.forEach((expected, index) => {
        for (const [name, value] of Object.entries<number>(expected)) {
          const actual = result.history[index][name as keyof typeof expected];
          assert.ok(
            Math.abs(actual - value) <= 1e-5 * Math.max(1, value),
            `${name} of epoch ${index + 1}: ${actual}, expected ${value}`,
          );
        }
      });
      assert.equal(result.bestEpoch, bestEpoch);
      assert.equal(result.test?.epoch, bestEpoch);
      assert.equal(result.testOfLast?.epoch, history.length);
      assertClose(result.test?.probabilities ?? [], test, 2e-5, 'best');
      assertClose(result.testOfLast?.probabilities ?? [], testOfLast, 2e-5, 'last');
    });
  }

  it('as every probe, finds nothing in features that are all the same, zeros among them', async () => {
    for (const value of [0, 3]) {
      const constant = ({ count, width, labels, classes }: FeatureSet): FeatureSet =>
        setOf(new Float32Array(count * width).fill(value), width, labels, classes);
      const of = { train: constant(sets.train), val: constant(sets.val), test: constant(sets.test) };
      for (const run of [linearProbe(of, { ...settings, epochs: 2 }), logisticRegression(of), knnProbe(of)]) {
        const { test, model } = await run;
        const [first, ...others] = test?.probabilities ?? [];
        assert.ok(first >= 0 && first <= 1 && others.length > 0, `${model}: ${first}`);
        const { classes } = sets.test;
        assert.ok(
          test?.probabilities.every((share, at) => share === test.probabilities[at % classes]),
          model,
        );
      }
    }
  });

  it('reports what it was trained with', async () => {
    const { model, stopped, seconds, bestValAccuracy, history, hyperparameters } = await probe();
    assert.deepEqual([model, stopped, hyperparameters], ['linear probe', false, { ...settings }]);
    assert.ok(seconds > 0);
    assert.equal(bestValAccuracy, Math.max(...history.map(({ valAccuracy }) => valAccuracy)));
    assert.equal((await probe({ epochs: 1 }, { model: 'frozen' })).model, 'frozen');
    assert.deepEqual(linearProbeRecipe, { epochs: 20, batchSize: 128, learningRate: 1e-3, weightDecay: 1e-5 });
  });

  it('gives the same to the last bit again, and from the disk; something else for another seed', async () => {
    const first = comparable(await probe());
    assert.deepEqual(comparable(await probe()), first);
    assert.deepEqual(comparable(await probe({}, {}, onDisk(sets))), first);
    assert.notDeepEqual(comparable(await probe({ seed: 10 })).history, first.history);
  });

  it('reads the test split after the last epoch, and never where it was stopped', async () => {
    const reads: string[] = [];
    const recorded = onDisk(sets, (split) => reads.push(split));
    await probe({}, {}, recorded);
    const first = reads.indexOf('test');
    // The best epoch's weights and the last's.
    assert.deepEqual(reads.slice(first), ['test', 'test']);
    assert.equal(reads.filter((split) => split === 'val').length, settings.epochs);
    reads.length = 0;
    const { stopped, test, testOfLast, history } = await probe({}, abortAfter(2), recorded);
    assert.deepEqual([stopped, test, testOfLast, history.length], [true, undefined, undefined, 2]);
    assert.ok(!reads.includes('test'));
  });

  it('continues a stopped training to the same end', async () => {
    const whole = comparable(await probe());
    const folder = join(scratch, 'stopped');
    const part = (controls: ProbeControls = {}) =>
      probe({}, { ...controls, checkpoints: openCheckpoints(folder, 'probe') });
    assert.equal((await part(abortAfter(2))).history.length, 2);
    assert.deepEqual(comparable(await part()), whole);
    assert.deepEqual(comparable(await part()), whole);
  });

  it('tells about each epoch and the end', async () => {
    const events: TrainingEvent[] = [];
    await probe({}, { onProgress: (event) => void events.push(event) });
    const kinds = events.filter(({ kind }) => kind !== 'batch').map(({ kind }) => kind);
    assert.deepEqual(kinds, [...new Array<string>(6).fill('epoch'), 'done']);
  });

  it('says what it cannot take, and leaves nothing behind', async () => {
    const { train, val, test } = sets;
    const several: FeatureSets = { train: { ...train, task: 'multi-label' }, val, test };
    await assert.rejects(probe({}, {}, several), userError(/^Probes are for one label an image/));
    for (const batchSize of [0, -5, 2.5, NaN])
      await assert.rejects(
        probe({ batchSize }),
        userError(new RegExp(`^batchSize is ${batchSize}, but must be a whole`)),
      );
    await assert.rejects(probe({ learningRate: Infinity }), userError(/is not finite/));
    for (const broken of ['train', 'val', 'test']) {
      const failing = onDisk(sets, (split) => {
        if (split === broken) throw new Error('cannot be read');
      });
      await assert.rejects(probe({}, {}, failing), /cannot be read/);
    }
  });
});

describe('linearProbeGrid', () => {
  const grid: GridSettings = {
    epochs: 4,
    batchSize: 32,
    seed: 9,
    learningRates: [1e-4, 0.1, 0.01],
    weightDecays: [0, 0.1],
  };
  const probeGrid = (changes: Partial<GridSettings> = {}, controls?: ProbeControls, of: FeatureSets = sets) =>
    withoutLeak(() => linearProbeGrid(of, { ...grid, ...changes }, controls));

  it('selects on the validation split, the first of the best, and tests that one', async () => {
    const result = await probeGrid();
    const points = grid.learningRates.flatMap((learningRate) =>
      grid.weightDecays.map((weightDecay) => ({ learningRate, weightDecay })),
    );
    const single: ProbeResult[] = [];
    for (const point of points) single.push(await probe({ ...point, epochs: 4 }));
    assert.deepEqual(
      result.grid,
      points.map((point, index) => {
        return { ...point, bestEpoch: single[index].bestEpoch, bestValAccuracy: single[index].bestValAccuracy };
      }),
    );
    const accuracies = single.map(({ bestValAccuracy }) => bestValAccuracy ?? NaN);
    const best = accuracies.indexOf(Math.max(...accuracies));
    assert.ok(best > 0 && new Set(accuracies).size < 6, 'this test needs equals, and a best that is not the first');
    assert.deepEqual(comparable(result), { ...comparable(single[best]), grid: result.grid });
    assert.ok(result.seconds > single[best].seconds);

    const other = await probeGrid({}, {}, relabelled(sets, 'test'));
    assert.deepEqual([other.grid, other.hyperparameters], [result.grid, result.hyperparameters]);
    assert.deepEqual(other.test?.probabilities, result.test?.probabilities);
    assert.notEqual(other.test?.accuracy, result.test?.accuracy);
  });

  it('reads the test split after the last training', async () => {
    const reads: string[] = [];
    await probeGrid(
      {},
      {},
      onDisk(sets, (split) => reads.push(split)),
    );
    assert.equal(reads.filter((split) => split === 'val').length, 6 * 4);
    assert.ok(!reads.slice(reads.indexOf('test')).some((split) => split !== 'test'));
  });

  it('tells about one run over all trainings', async () => {
    const events: TrainingEvent[] = [];
    await probeGrid({}, { onProgress: (event) => void events.push(event) });
    const epochs = events.flatMap((event) => (event.kind === 'epoch' ? [event.epoch] : []));
    assert.deepEqual(
      epochs,
      Array.from({ length: 24 }, (_, index) => index + 1),
    );
    assert.ok(events.every((event) => event.epochs === 24));
    assert.equal(events.filter(({ kind }) => kind === 'done').length, 1);
    assert.equal(events[events.length - 1].kind, 'done');
  });

  it('is stopped in any training, without a test', async () => {
    const events: TrainingEvent[] = [];
    const result = await probeGrid(
      {},
      abortAfter(6, (event) => void events.push(event)),
    );
    assert.deepEqual(
      [result.stopped, result.test, result.testOfLast, result.grid.length],
      [true, undefined, undefined, 2],
    );
    const last = events[events.length - 1];
    assert.ok(last.kind === 'stopped' && last.epoch === 6 && last.epochs === 24);
    const atOnce = await probeGrid({}, { signal: AbortSignal.abort() });
    assert.deepEqual([atOnce.stopped, atOnce.grid.length, atOnce.bestValAccuracy], [true, 1, undefined]);
  });

  it('shares no checkpoints between its trainings', async () => {
    const checkpoints = openCheckpoints(join(scratch, 'grid'), 'probe');
    const controls: HeadControls = { checkpoints };
    const result = await probeGrid({}, controls);
    assert.deepEqual(comparable(result), comparable(await probeGrid()));
    assert.equal(await checkpoints.load(), undefined);
  });

  it('refuses an empty grid', async () => {
    await assert.rejects(probeGrid({ learningRates: [] }), userError(/^learningRates is empty: at least one number/));
    await assert.rejects(probeGrid({ weightDecays: [] }), userError(/^weightDecays is empty: at least one number/));
  });
});
