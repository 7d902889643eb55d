import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../lib/random';
import type { TrainingEvent } from '../../lib/training/events';
import type { FeatureSets } from '../../lib/training/feature-set';
import { fitLogistic, logisticProbabilities } from '../../lib/training/logistic-regression';
import { logisticRegression, type LogisticSettings } from '../../lib/training/logistic-regression';
import type { ProbeControls } from '../../lib/training/probe-result';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { exampleSets, onDisk, probesFixture, relabelled, setOf } from './probe-example';
import { withoutLeak } from './toy-features';

const sets = exampleSets(4);
const probe = (settings?: LogisticSettings, controls?: ProbeControls, of: FeatureSets = sets) =>
  withoutLeak(() => logisticRegression(of, settings, controls));

describe('fitLogistic', () => {
  for (const { classes, regularization, coefficients, intercepts, test } of probesFixture.logistic) {
    it(`is scikit-learn's LogisticRegression: ${classes} classes, C = ${regularization}`, async () => {
      for (const of of [exampleSets(classes), onDisk(exampleSets(classes))]) {
        const fit = await withoutLeak(() => fitLogistic(of.train, { regularization, tolerance: 1e-6 }));
        assert.equal(fit.converged, true);
        assertClose(fit.coefficients, coefficients, 2e-4, 'coefficients');
        assertClose(fit.intercepts, intercepts, 5e-4, 'intercepts');
        const probabilities = await withoutLeak(async () => logisticProbabilities(of.test, fit));
        assertClose(probabilities, test, 2e-4, 'probabilities');
      }
    });
  }

  it('reaches the same from any start, in no step from its own end', async () => {
    const options = { regularization: 1, tolerance: 1e-6 };
    const fit = await fitLogistic(sets.train, options);
    const random = createRandom(4, 'start');
    const start = {
      ...fit,
      coefficients: fit.coefficients.map(() => random.normal()),
      intercepts: fit.intercepts.map(() => 0),
    };
    const other = await fitLogistic(sets.train, { ...options, start });
    assert.ok(other.converged && other.iterations > 3);
    assertClose(other.coefficients, fit.coefficients, 2e-4, 'coefficients');
    assert.ok(Math.abs(other.objective - fit.objective) < 1e-8);
    const again = await fitLogistic(sets.train, { ...options, start: fit });
    assert.deepEqual([again.iterations, again.objective], [0, fit.objective]);
    assert.deepEqual(again.coefficients, fit.coefficients);
  });

  it('has the objective and the gradient that it says', async () => {
    for (const classes of [2, 4]) {
      const { train } = exampleSets(classes);
      const regularization = 0.5;
      const fit = await fitLogistic(train, { regularization, tolerance: 1e-6 });
      // Σ cross-entropy · C + ½‖W‖², divided by C · images.
      const probabilities = logisticProbabilities(train, fit);
      const crossEntropy = train.labels.reduce(
        (sum, label, row) => sum - Math.log(probabilities[row * classes + label]),
        0,
      );
      const squares = fit.coefficients.reduce((sum, weight) => sum + weight ** 2, 0);
      const expected = (crossEntropy * regularization + squares / 2) / (regularization * train.count);
      assert.ok(Math.abs(fit.objective - expected) < 1e-6);
      // It is a minimum: worse with any weight changed.
      for (let index = 0; index < fit.coefficients.length; index += 5) {
        const start = {
          ...fit,
          coefficients: fit.coefficients.map((weight, at) => weight + (at === index ? 0.05 : 0)),
        };
        const moved = await fitLogistic(train, { regularization, start, maxIterations: 0 });
        assert.ok(moved.objective > fit.objective, `weight ${index}`);
      }
    }
  });

  it('converges on features of very different sizes and many classes', async () => {
    const [width, classes, count] = [40, 11, 400];
    const random = createRandom(4, 'wide');
    const labels = Int32Array.from({ length: count }, (_, row) => row % classes);
    const rows = Float32Array.from({ length: count * width }, (_, index) => {
      const column = index % width;
      return (
        10 ** (column / 20 - 1) * (random.normal() + (labels[Math.floor(index / width)] === column % classes ? 1 : 0))
      );
    });
    const set = setOf(rows, width, labels, classes);
    for (const regularization of [1e-3, 1, 100]) {
      const fit = await withoutLeak(() => fitLogistic(set, { regularization }));
      assert.ok(fit.converged, `C ${regularization}: ${fit.iterations} iterations`);
    }
  });

  it('refuses a regularisation that is no number above 0', async () => {
    for (const regularization of [0, -1, NaN, Infinity])
      await assert.rejects(
        fitLogistic(sets.train, { regularization }),
        userError(new RegExp(`^The regularisation C is ${regularization}, but must be a number above 0\\.$`)),
      );
  });
});

describe('logisticRegression', () => {
  it('selects on the validation split: the first of the best', async () => {
    const result = await probe();
    const { grid, fit, hyperparameters, bestValAccuracy, test, testOfLast } = result;
    assert.deepEqual(
      grid.map(({ regularization }) => regularization),
      [1e-3, 1e-2, 0.1, 1, 10, 100],
    );
    assert.ok(grid.every(({ converged }) => converged));
    const accuracies = grid.map(({ valAccuracy }) => valAccuracy);
    const best = accuracies.indexOf(Math.max(...accuracies));
    assert.ok(new Set(accuracies).size > 1 && new Set(accuracies).size < 6, 'this test needs equals and others');
    assert.equal(bestValAccuracy, accuracies[best]);
    assert.equal(fit?.regularization, grid[best].regularization);
    assert.deepEqual(hyperparameters, { regularization: fit.regularization, iterations: fit.iterations });
    assert.ok(test && testOfLast === test && test.epoch === 0);
    assert.deepEqual(test.probabilities, logisticProbabilities(sets.test, fit));
    assert.deepEqual(
      [result.model, result.history, result.bestEpoch, result.stopped],
      ['logistic regression', [], undefined, false],
    );

    const other = await probe({}, {}, relabelled(sets, 'test'));
    assert.deepEqual([other.fit, other.grid], [fit, grid]);
    assert.notEqual(other.test?.accuracy, test.accuracy);
  });

  it('gives the same result again, and from the disk', async () => {
    const comparable = ({ seconds, ...rest }: Awaited<ReturnType<typeof probe>>) => ({ ...rest, hasTime: seconds > 0 });
    const first = comparable(await probe());
    assert.deepEqual(comparable(await probe()), first);
    assert.deepEqual(comparable(await probe({}, {}, onDisk(sets))), first);
  });

  it('reads the test split once, after all fits', async () => {
    const reads: string[] = [];
    await probe(
      { regularizations: [1, 10] },
      {},
      onDisk(sets, (split) => reads.push(split)),
    );
    assert.equal(reads.indexOf('test'), reads.length - 1);
    assert.equal(reads.filter((split) => split === 'val').length, 2);
  });

  it('tells how far it is, and can be stopped before and between fits', async () => {
    const events: TrainingEvent[] = [];
    const onProgress = (event: TrainingEvent): void => void events.push(event);
    const whole = await probe({ regularizations: [0.1, 1] }, { onProgress, model: 'head' });
    assert.equal(whole.model, 'head');
    assert.equal(events[events.length - 1].kind, 'done');
    const steps = events.flatMap((event) => (event.kind === 'batch' ? [event.step] : []));
    assert.ok(steps.length >= 6 && steps.every((step, index) => index === 0 || step > steps[index - 1]));
    assert.ok(events.every((event) => event.kind !== 'batch' || (event.steps === 2000 && (event.loss ?? 0) > 0)));

    const stopAt = (first: number): ProbeControls => {
      const controller = new AbortController();
      return {
        signal: controller.signal,
        onProgress(event) {
          events.push(event);
          if (event.kind === 'batch' && event.step >= first) controller.abort();
        },
      };
    };
    const early = await probe({ regularizations: [0.1, 1] }, stopAt(1));
    assert.deepEqual([early.stopped, early.test, early.fit, early.grid], [true, undefined, undefined, []]);
    assert.deepEqual([early.bestValAccuracy, early.hyperparameters], [undefined, {}]);
    assert.equal(events[events.length - 1].kind, 'stopped');
    const between = await probe({ regularizations: [0.1, 1] }, stopAt(1001));
    assert.deepEqual([between.stopped, between.test, between.grid.length], [true, undefined, 1]);
    assert.deepEqual(between.grid[0], whole.grid[0]);
    assert.equal(between.fit?.regularization, 0.1);
  });

  it('says what it cannot take', async () => {
    await assert.rejects(probe({ regularizations: [] }), userError(/^regularizations is empty: at least one/));
    await assert.rejects(probe({ regularizations: [1, 0] }), userError(/^The regularisation C is 0, but/));
    const { train, val, test } = sets;
    const several: FeatureSets = { train: { ...train, task: 'multi-label' }, val, test };
    await assert.rejects(probe({}, {}, several), userError(/^Probes are for one label an image/));
    const failing = onDisk(sets, (split) => {
      if (split === 'val') throw new Error('cannot be read');
    });
    await assert.rejects(probe({}, {}, failing), /cannot be read/);
  });
});
