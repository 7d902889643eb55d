import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Dataset } from '../../lib/data/dataset';
import type { ClassifierEvaluation } from '../../lib/runs/evaluate';
import { crossValidation, crossValidationRows } from '../../lib/workbench/cross-validation';
import { userError } from '../data/user-error';
import { cells } from '../studies/cells';

/** Scores without a network, as whoever evaluates a fold gives them. */
function scored(fold: Dataset, accuracy: number): ClassifierEvaluation {
  const { count, labels } = fold.splits.test;
  const probabilities = Float64Array.from({ length: count * 3 }, (_, at) =>
    labels[Math.floor(at / 3)] === at % 3 ? 1 : 0,
  );
  return {
    ...{ model: 'toy', epoch: 1, split: 'test', images: count, classNames: fold.classNames, probabilities },
    ...{ matrix: [], report: [], accuracy, macroF1: accuracy / 2, auc: 1, aucNote: undefined, crossEntropy: 0 },
    confusionMatrix: undefined,
  };
}

test('every image is tested once; a row a fold, and the mean with its interval', async () => {
  const data = cells(8);
  const seen: number[] = [];
  const shown = await crossValidation(data, { folds: 4, seed: 1 }, async (fold, index) => {
    seen.push(fold.splits.test.count);
    assert.equal(fold.derivedFrom, data);
    return { first: scored(fold, 0.7 + 0.05 * index), second: scored(fold, 0.5) };
  });
  assert.equal(
    seen.reduce((a, b) => a + b, 0),
    120,
  );
  assert.ok(shown);
  const lines = shown.text.split('\n');
  assert.equal(lines.filter((line) => /of 4/.test(line)).length, 8);
  assert.equal(lines.filter((line) => /mean/.test(line) && /accuracy/.test(line)).length, 2);
});

test('the interval is Student’s with the correction for overlapping training images', () => {
  const rows = [0.8, 0.85, 0.9].map((accuracy, fold) => ({
    network: 'a',
    fold: String(fold),
    testImages: 10,
    scores: { accuracy },
  }));
  const [, , , mean] = crossValidationRows(rows);
  // scipy: 0.85 ± t.ppf(0.975, 2) * 0.05 * sqrt(1/3 + 1/2), 0.654 to 1.046; no accuracy is above 1
  assert.deepEqual(mean, {
    network: 'a',
    fold: 'mean',
    testImages: 30,
    accuracy: mean.accuracy,
    interval: 'accuracy 0.654 – 1.000',
  });
  assert.ok(Math.abs(Number(mean.accuracy) - 0.85) < 1e-15);
});

test('one fold leaves it out, a stopped training gives nothing, and scores of another split are refused', async () => {
  const data = cells(8);
  const left = await crossValidation(data, { folds: 1, seed: 1 }, () => assert.fail('nothing is trained'));
  assert.match(left?.text ?? '', /folds is 1/);
  assert.equal(await crossValidation(data, { folds: 2, seed: 1 }, async () => ({ a: undefined })), undefined);
  await assert.rejects(
    () => crossValidation(data, { folds: 2, seed: 1 }, async (fold) => ({ a: { ...scored(fold, 1), split: 'val' } })),
    userError(/a was scored on val/),
  );
});
