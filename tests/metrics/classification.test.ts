import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Task } from '../../lib/data/dataset';
import { areaUnderRocPerClass, meanAreaUnderRoc, medmnistAuc } from '../../lib/metrics/auc';
import {
  accuracy,
  classificationMetrics,
  classReport,
  confusionMatrix,
  crossEntropy,
  medmnistAccuracy,
} from '../../lib/metrics/classification';
import { argmaxRows, predictedLabels, softmax, type Scored } from '../../lib/metrics/scores';
import { createRandom } from '../../lib/random';

interface Golden {
  name: string;
  task: Task;
  float32: boolean;
  classes: number;
  truth: number[];
  probabilities: number[];
  auc: number | null;
  accuracy: number;
  aucOfPresent: number;
  skipped: number[];
  report: { precision: number; recall: number; f1: number; support: number; auc: number | null }[];
  macroF1: number;
  confusionMatrix: number[] | null;
  crossEntropy: number;
}

interface Fixture {
  areas: { name: string; float32: boolean; truth: number[]; scores: number[]; auc: number }[];
  classifications: Golden[];
  softmax: { columns: number; logits: number[]; probabilities: number[] };
  labels: { truth: number[]; predicted: number[]; accuracy: number };
}

const fixture: Fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/classification_metrics.json'), 'utf8'));

const tolerance = 1e-14;

function assertClose(actual: number, expected: number, what = 'value') {
  const limit = tolerance * Math.max(1, Math.abs(expected));
  assert.ok(Math.abs(actual - expected) <= limit, `${what} is ${actual}, expected ${expected}`);
}

function scoredOf({ task, truth, probabilities, classes, float32 }: Golden): Scored {
  const scores = float32 ? Float32Array.from(probabilities) : Float64Array.from(probabilities);
  return { task, truth: Int32Array.from(truth), scores, classes };
}

/** The definition: the share of (positive, negative) pairs in which the positive one scores higher, equal ones counted half. */
function pairCount(truth: ArrayLike<number>, scores: ArrayLike<number>): number {
  let wins = 0;
  let pairs = 0;
  for (let i = 0; i < truth.length; i++) {
    for (let j = 0; j < truth.length; j++) {
      if (truth[i] !== 1 || truth[j] !== 0) continue;
      pairs++;
      wins += scores[i] > scores[j] ? 1 : scores[i] === scores[j] ? 0.5 : 0;
    }
  }
  return wins / pairs;
}

function areaUnderRoc(truth: ArrayLike<number>, scores: Scored['scores']): number {
  return areaUnderRocPerClass({ task: 'binary-class', truth, scores, classes: 2 })[0];
}

describe('area under the ROC curve', () => {
  for (const { name, float32, truth, scores, auc } of fixture.areas) {
    it(`agrees with scikit-learn: ${name}`, () => {
      assertClose(areaUnderRoc(truth, float32 ? Float32Array.from(scores) : Float64Array.from(scores)), auc);
    });
  }

  it('is the share of ordered pairs', () => {
    for (let trial = 0; trial < 40; trial++) {
      const random = createRandom(trial, 'pairs');
      const count = 2 + random.integer(60);
      const levels = 2 + random.integer(40);
      const truth = Int32Array.from({ length: count }, (_, index) => (index < 2 ? index : random.integer(2)));
      const scores = Float64Array.from(truth, (label) => (random.integer(levels) + label) / levels);
      assert.equal(areaUnderRoc(truth, scores), pairCount(truth, scores));
    }
  });

  it('does not depend on the order of images, and mirrors with the scores', () => {
    const { truth, scores, auc } = fixture.areas[4];
    const order = createRandom(1, 'order').permutation(truth.length);
    const shuffled = Float64Array.from(order, (index) => -scores[index]);
    assertClose(
      areaUnderRoc(
        Array.from(order, (index) => truth[index]),
        shuffled,
      ),
      1 - auc,
    );
  });

  it('leaves its arguments as they are', () => {
    const scores = Float64Array.of(3, 1, 2);
    areaUnderRoc([1, 0, 1], scores);
    assert.deepEqual([...scores], [3, 1, 2]);
  });
});

describe("MedMNIST's evaluator", () => {
  for (const golden of fixture.classifications) {
    const scored = scoredOf(golden);
    it(`agrees for ${golden.task}: ${golden.name}`, () => {
      assertClose(medmnistAccuracy(scored), golden.accuracy, 'accuracy');
      if (golden.auc !== null) assertClose(medmnistAuc(scored), golden.auc, 'AUC');
      else assert.throws(() => medmnistAuc(scored), { name: 'UserError', message: /^AUC is undefined for class/ });
      const { auc, skipped } = meanAreaUnderRoc({ ...scored, absentClass: 'skip' });
      assertClose(auc, golden.aucOfPresent, 'AUC of the classes that are present');
      assert.deepEqual(skipped, golden.skipped);
    });
  }

  it('names the classes that are absent, and the way out', () => {
    const scores = Float64Array.of(0.5, 0.2, 0.2, 0.1, 0.1, 0.6, 0.2, 0.1);
    const absent = { task: 'multi-class', truth: [0, 1], scores, classes: 4 } as const;
    assert.throws(() => medmnistAuc(absent), {
      message:
        'AUC is undefined for class 2, 3: it needs images of the class and images that are not; ' +
        "absentClass: 'skip' takes the mean over the other 2.",
    });
    assert.deepEqual(meanAreaUnderRoc({ ...absent, absentClass: 'skip' }), { auc: 1, skipped: [2, 3] });
    assert.deepEqual([...areaUnderRocPerClass(absent)], [1, 1, NaN, NaN]);
  });

  it('does not skip everything', () => {
    const binary = { task: 'binary-class', truth: [1, 1], scores: Float64Array.of(0.2, 0.9), classes: 2 } as const;
    assert.throws(() => meanAreaUnderRoc({ ...binary, absentClass: 'skip' }), {
      message: 'AUC is undefined: it needs images of the class and images that are not.',
    });
  });

  it('takes 0.5 for negative and the first of equal scores', () => {
    const half = Float64Array.of(0.5, 0.5);
    assert.deepEqual([...predictedLabels({ task: 'binary-class', truth: [1, 0], scores: half, classes: 2 })], [0, 0]);
    assert.deepEqual([...predictedLabels({ task: 'binary-class', truth: [1], scores: half, classes: 2 })], [0]);
    assert.deepEqual([...predictedLabels({ task: 'multi-label', truth: [1, 0], scores: half, classes: 2 })], [0, 0]);
    assert.deepEqual([...argmaxRows([0.4, 0.4, 0.2, 0, 1, 1], 3)], [0, 1]);
  });
});

describe('classification metrics', () => {
  it('count equal labels', () => {
    const { truth, predicted, accuracy: expected } = fixture.labels;
    assertClose(accuracy(truth, predicted), expected);
  });

  for (const golden of fixture.classifications) {
    const scored = scoredOf(golden);
    it(`agree with scikit-learn: ${golden.name}`, () => {
      const { scores, ...rest } = scored;
      const metrics = classificationMetrics({ ...rest, probabilities: scores });
      assertClose(metrics.accuracy, golden.accuracy, 'accuracy');
      assertClose(metrics.macroF1, golden.macroF1, 'macro F1');
      assertClose(metrics.crossEntropy, golden.crossEntropy, 'cross-entropy');
      assert.deepEqual(metrics.confusionMatrix && [...metrics.confusionMatrix], golden.confusionMatrix ?? undefined);
      if (golden.auc === null) {
        assertClose(metrics.auc ?? NaN, golden.aucOfPresent, 'AUC of the classes that are present');
        const which = `class ${golden.skipped.join(', ')} holds none or all of the images`;
        assert.equal(
          metrics.aucNote,
          `AUC is over ${golden.classes - golden.skipped.length} of ${golden.classes} classes: ${which}.`,
        );
      } else {
        assertClose(metrics.auc ?? NaN, golden.auc, 'AUC');
        assert.equal(metrics.aucNote, undefined);
      }
      golden.report.forEach((expected, index) => {
        const row = metrics.report[index];
        assert.equal(row.index, index);
        assertClose(row.precision, expected.precision, `precision ${index}`);
        assertClose(row.recall, expected.recall, `recall ${index}`);
        assertClose(row.f1, expected.f1, `F1 ${index}`);
        assert.equal(row.support, expected.support);
        if (expected.auc === null) assert.equal(row.auc, undefined);
        else assertClose(row.auc ?? NaN, expected.auc, `AUC ${index}`);
      });
      assert.deepEqual(classReport(scored), metrics.report);
    });
  }

  it('count a class without images and predictions as F1 0', () => {
    const scores = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0);
    const report = classReport({ task: 'multi-class', truth: [0, 0, 1], classes: 4, scores });
    assert.deepEqual(
      report.map(({ f1 }) => f1),
      [1, 1, 0, 0],
    );
  });

  it('put the truth in rows', () => {
    assert.deepEqual([...confusionMatrix([0, 0, 1, 2], [0, 1, 1, 0], 3)], [1, 1, 0, 0, 1, 0, 1, 0, 0]);
  });

  it('clip certain mistakes by the precision of the probabilities', () => {
    const wrong = { task: 'multi-class', truth: [0, 0], classes: 2 } as const;
    assertClose(crossEntropy({ ...wrong, scores: Float64Array.of(0, 1, 0, 1) }), 52 * Math.LN2);
    assertClose(crossEntropy({ ...wrong, scores: Float32Array.of(0, 1, 0, 1) }), 23 * Math.LN2);
  });

  it('say what is wrong', () => {
    const scores = Float64Array.of(0.2, 0.8, 0.6, 0.4);
    const base = { task: 'multi-class', truth: [1, 0], scores, classes: 2 } as const;
    assert.throws(() => medmnistAccuracy({ ...base, classes: 3 }), {
      name: 'UserError',
      message:
        '4 scores and 2 labels do not fit a multi-class task of 3 classes: it has 3 scores and one label an image.',
    });
    assert.throws(() => medmnistAccuracy({ ...base, task: 'binary-class', classes: 3 }), {
      message: /binary-class task of 3 classes: it has 2 classes, one or two scores and one label an image\.$/,
    });
    assert.throws(() => medmnistAccuracy({ ...base, task: 'multi-label', truth: [1, 0, 1], classes: 2 }), {
      message: /it has 2 scores and 2 labels an image\.$/,
    });
    assert.throws(() => medmnistAccuracy({ ...base, truth: [], scores: new Float64Array(0) }), { message: /is empty/ });
    assert.throws(() => medmnistAccuracy({ ...base, truth: [1, 2] }), { message: /^Label 1 is 2; with 2 classes/ });
    assert.throws(() => medmnistAccuracy({ ...base, truth: [1, -1] }), { message: /^Label 1 is -1/ });
    assert.throws(() => medmnistAccuracy({ ...base, truth: [1, 0.5] }), { message: /^Label 1 is 0.5/ });
    assert.throws(() => medmnistAuc({ ...base, scores: Float64Array.of(1, Infinity, 0, 0) }), {
      message: /^Score 1 is Infinity/,
    });
    assert.throws(
      () =>
        classificationMetrics({
          task: 'multi-class',
          truth: [1, 0],
          probabilities: Float64Array.of(-3, 4, 2, 1),
          classes: 2,
        }),
      { name: 'UserError', message: 'Probability 0 is -3, outside [0, 1]: apply softmax to logits first.' },
    );
    assert.throws(() => accuracy([1], [1, 2]), { message: 'There are 1 true labels and 2 predicted ones.' });
    assert.throws(() => confusionMatrix([0], [3], 3), { message: /^Label 0 is 3/ });
    assert.throws(() => argmaxRows([1, 2, 3], 2), { message: '3 values are not a whole number of rows of 2 columns.' });
  });
});

describe('softmax', () => {
  it('agrees with scipy, also for very large logits', () => {
    const { logits, columns, probabilities } = fixture.softmax;
    softmax(logits, columns).forEach((value, index) => assertClose(value, probabilities[index]));
  });
});
