import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import { corrupt } from '../../lib/data/corrupt';
import { classwiseCalibrationError, expectedCalibrationError } from '../../lib/metrics/calibration';
import { openBackbone } from '../../lib/models/open-backbone';
import { createRandom } from '../../lib/random';
import { classifierEvaluation, evaluateClassifier, type ClassifierEvaluation } from '../../lib/runs/evaluate';
import { probeOnce } from '../../lib/runs/probe';
import { saveModel } from '../../lib/runs/save-model';
import { tf } from '../../lib/tf';
import { openFeatures } from '../../lib/training/backbone-features';
import { openFeatureCache } from '../../lib/training/feature-cache';
import { input } from '../../lib/training/input-transforms';
import { testResult } from '../../lib/training/scored-split';
import { calibratedForecasts, calibration } from '../../lib/workbench/calibration';
import { errorGallery, judgedImages } from '../../lib/workbench/error-gallery';
import { robustnessRows } from '../../lib/workbench/robustness';
import { classReport } from '../../lib/workbench/views';
import { cells } from '../studies/cells';

const folder = mkdtempSync(join(tmpdir(), 'errors-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const data = cells(8);

/** Scores of a split: logits that point to the label times `sureness`, with noise. */
function scored(split: 'val' | 'test', sureness = 1): ClassifierEvaluation & { data: typeof data } {
  const { labels, count } = data.splits[split];
  const random = createRandom(3, split);
  const logits = Array.from({ length: count }, (_, row) =>
    [0, 1, 2].map((label) => sureness * ((labels[row] === label ? 1 : 0) + 2 * random.uniform())),
  );
  const scores = Float64Array.from(
    logits.flatMap((row) => {
      const sum = row.reduce((total, logit) => total + Math.exp(logit), 0);
      return row.map((logit) => Math.exp(logit) / sum);
    }),
  );
  const result = testResult({ task: data.task, truth: labels, scores, classes: 3 }, 1);
  return { ...classifierEvaluation(result, { model: 'toy', split, data }), data };
}

describe('the gallery of errors', () => {
  it('has the most confident mistakes, the least sure right ones, and each pair of classes with its images', async () => {
    const test = scored('test');
    const images = judgedImages(test);
    const wrong = images.filter(({ truth, predicted }) => truth !== predicted);
    assert.ok(wrong.length > 3 && wrong.length < images.length);
    assert.equal(images.length - wrong.length, Math.round(test.accuracy * images.length));
    const shown = await errorGallery(test, { count: 2, pairs: 1 });
    const text = shown?.text ?? '';
    const worst = wrong.reduce((a, b) => (b.probability > a.probability ? b : a));
    const names = data.classNames;
    assert.match(text, new RegExp(`The most confident of the ${wrong.length} mistakes among 24 test images`));
    assert.ok(
      text.includes(
        `${names[worst.truth]}, taken for ${names[worst.predicted]}, ${worst.probability.toFixed(3)}, test ${worst.index} (wrong)`,
      ),
    );
    const right = images.filter(({ truth, predicted }) => truth === predicted);
    const least = right.reduce((a, b) => (b.probability < a.probability ? b : a));
    assert.ok(text.includes(`${names[least.truth]}, ${least.probability.toFixed(3)}, test ${least.index} (correct)`));
    const most = Math.max(
      ...[0, 1, 2].flatMap((truth) => [0, 1, 2].map((other) => (truth === other ? 0 : test.matrix[truth][other]))),
    );
    assert.match(text, new RegExp(`taken for .*: ${most} of 8`));
    assert.equal(await errorGallery(undefined), undefined);
  });

  it('names files where there are names, and says so where nothing is wrong', async () => {
    const { labels, count } = data.splits.test;
    const names = Array.from({ length: count }, (_, index) => `dark/${index}.png`);
    const named = { ...data, splits: { ...data.splits, test: { ...data.splits.test, names } } };
    const scores = Float64Array.from({ length: 3 * count }, (_, at) =>
      labels[Math.floor(at / 3)] === at % 3 ? 0.8 : 0.1,
    );
    const result = testResult({ task: data.task, truth: labels, scores, classes: 3 }, 1);
    const shown = await errorGallery({
      ...classifierEvaluation(result, { model: 'toy', split: 'test', data: named }),
      data: named,
    });
    assert.match(shown?.text ?? '', /toy took none of the 24 test images for another class[^]*dark\/0\.png/);
  });
});

describe('calibration', () => {
  it('mends with the validation images what is too sure, and changes no prediction', () => {
    const [test, validation] = [scored('test', 8), scored('val', 8)];
    const { before, after: mended } = calibratedForecasts(test, validation);
    assert.ok(mended && mended.temperature > 2);
    assert.ok(expectedCalibrationError(mended.forecast) < expectedCalibrationError(before.forecast));
    assert.match(
      calibration(test, validation)?.text ?? '',
      /Calibration on the test images, with the temperature of the validation images/,
    );
    assert.equal(calibration(undefined, validation), undefined);
  });

  it('is of each class by itself with the classwise error', () => {
    // Two classes, four images, two bins. Class 0 has 0.9, 0.8, 0.3, 0.4 and is there in the first and third.
    const forecast = {
      task: 'multi-class',
      truth: [0, 1, 0, 1],
      probabilities: Float64Array.of(0.9, 0.1, 0.8, 0.2, 0.3, 0.7, 0.4, 0.6),
      classes: 2,
      bins: 2,
    } as const;
    // Upper bin: confidence 0.85, share 0.5; lower: 0.35, 0.5. Class 1 is its mirror image.
    assert.ok(Math.abs(classwiseCalibrationError(forecast) - (0.5 * 0.35 + 0.5 * 0.15)) < 1e-12);
  });
});

describe('a linear head as a whole network', () => {
  it('gives the probe’s probabilities, is tested on worse images, and is kept like any other', async () => {
    const backbone = await openBackbone({ model: 'vit_mini_patch4', weights: 'random', size: 28, seed: 1 });
    const source = { backbone, data: cells(28), input: input({ backbone, crop: 1 }) };
    const tensors = tf.memory().numTensors;
    const kept = await openFeatures(source, { cache: openFeatureCache({ directory: join(folder, 'cache') }) });
    const settings = { epochs: 3, batchSize: 16, learningRate: 1e-2, weightDecay: 0, seed: 3 };
    const run = await probeOnce({ ...source, kept }, 'linear', settings, {
      folder: join(folder, 'runs'),
      title: 'head',
    });
    for (const which of ['best', 'last'] as const) {
      const model = run.trained(which);
      assert.ok(model);
      const { probabilities } = await evaluateClassifier(model, source.data);
      probabilities.forEach((value, at) => assert.ok(Math.abs(value - (run[which]?.probabilities[at] ?? NaN)) < 1e-5));
    }
    const model = run.trained('best');
    assert.ok(model);
    const options = { kinds: ['brightness_down'], severities: [1, 5], seed: 0 } as const;
    const [clean, darker] = await robustnessRows(model, source.data, options);
    assert.equal(clean.mean, run.best?.accuracy);
    const worse = await evaluateClassifier(model, await corrupt(source.data, { kind: 'brightness_down', severity: 5 }));
    assert.equal(darker['severity 5'], worse.accuracy);
    assert.equal(darker.cost, Number(clean.mean) - Number(darker.mean));
    const savable = { model: 'head', best: model, last: model, recipe: {}, identity: { recipe: { ...settings } } };
    const saved = await saveModel(savable, source.data, join(folder, 'model'));
    assert.equal(saved.description.scores?.values.accuracy.value, run.best?.accuracy);
    const { test } = source.data.splits;
    const lacking = { ...test, labels: test.labels.map((label) => label % 2) };
    const withLacking = { ...source.data, splits: { ...source.data.splits, test: lacking } };
    const { auc } = (await saveModel(savable, withLacking, join(folder, 'lacking'))).description.scores?.values ?? {};
    assert.ok(auc.low !== undefined && auc.low <= auc.value, 'the AUC of a test split without one of the classes');
    assert.equal(tf.memory().numTensors, tensors);
    const knn = await probeOnce({ ...source, kept }, 'knn', { k: 3 }, { folder: join(folder, 'runs'), title: 'knn' });
    assert.equal(knn.trained('best'), undefined);
  });
});

describe('the table of classes', () => {
  it('says over which classes the AUC is where some are not among the test images', () => {
    const { labels, count } = data.splits.test;
    const scores = new Float64Array(3 * count).fill(1 / 3);
    const truth = labels.map((label) => label % 2);
    const result = testResult({ task: data.task, truth, scores, classes: 3 }, 1);
    const text = classReport(classifierEvaluation(result, { model: 'toy', split: 'test', data }))?.text ?? '';
    const missing = data.classNames[2];
    assert.ok(text.includes(`AUC is over 2 of 3 classes: ${missing} holds none or all of the images.`), text);
  });
});
