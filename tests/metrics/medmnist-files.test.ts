import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { SplitName, Task } from '../../lib/data/dataset';
import { quadraticWeightedKappa } from '../../lib/metrics/kappa';
import {
  evaluatePredictionFile,
  predictionFileName,
  readPredictionFile,
  writePredictionFile,
} from '../../lib/metrics/medmnist-files';
import type { Scored } from '../../lib/metrics/scores';

interface Prediction {
  name: string;
  dataset: string;
  size: number;
  split: SplitName;
  task: Task;
  classes: number;
  truth: number[];
  float32: boolean;
  columns: number;
  scores: number[];
  auc: number | null;
  accuracy: number;
  fileName: string;
  text: string;
  ownText: string;
}

interface Fixture {
  predictions: Prediction[];
  kappas: { name: string; truth: number[]; predicted: number[]; grades: number; kappa: number | null }[];
}

const fixture: Fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/medmnist_predictions.json'), 'utf8'));
const defined = fixture.predictions.filter(({ auc }) => auc !== null);
const degenerate = fixture.predictions.filter(({ auc }) => auc === null);
const folder = mkdtempSync(join(tmpdir(), 'medmnist-files-'));
after(() => rmSync(folder, { recursive: true }));

function scoredOf({ task, truth, scores, classes, float32 }: Prediction): Scored {
  return {
    task,
    truth: Int32Array.from(truth),
    scores: float32 ? Float32Array.from(scores) : Float64Array.from(scores),
    classes,
  };
}

function writeText(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function assertClose(actual: number, expected: number | null) {
  assert.ok(expected !== null && Math.abs(actual - expected) <= 1e-14, `${actual} is not ${expected}`);
}

describe('prediction files', () => {
  for (const golden of defined) {
    it(`are those that the evaluator reads, and its own are read: ${golden.name}`, () => {
      const scored = scoredOf(golden);
      const own = mkdtempSync(join(folder, 'own-'));
      const { path, auc, accuracy } = writePredictionFile(own, scored, { ...golden, run: '7' });
      assertClose(auc, golden.auc);
      assertClose(accuracy, golden.accuracy);
      assert.equal(basename(path), golden.fileName);
      assert.equal(readFileSync(path, 'utf8'), golden.ownText);
      assert.deepEqual(readdirSync(own), [golden.fileName]);
      assert.deepEqual(readPredictionFile(path).scores, Float64Array.from(scored.scores));

      const { task, truth, classes } = scored;
      const reversed = golden.text.trimEnd().split('\n').reverse().join('\r\n');
      for (const text of [golden.text, reversed, golden.ownText]) {
        const read = evaluatePredictionFile(writeText(golden.fileName, text), { task, truth, classes });
        assertClose(read.auc, golden.auc);
        assertClose(read.accuracy, golden.accuracy);
      }
    });
  }

  it('are not written where the evaluator has no number, and the absent class is named', () => {
    const messages = degenerate.map((golden) => {
      const empty = mkdtempSync(join(folder, 'none-'));
      let message = '';
      assert.throws(
        () => writePredictionFile(empty, scoredOf(golden), { ...golden, run: '1' }),
        (error: Error) => {
          message = error.message;
          return error.name === 'UserError';
        },
      );
      assert.deepEqual(readdirSync(empty), []);
      return [golden.name, message.slice(0, message.indexOf(':'))];
    });
    assert.deepEqual(messages, [
      ['a class is absent', 'AUC is undefined for class 5'],
      ['one class only', 'AUC is undefined'],
      ['a label that no image has', 'AUC is undefined for class 13'],
      ['a grade is absent', 'AUC is undefined for class 4'],
    ]);
  });

  it('are refused in one line where they are malformed', () => {
    const cases: [text: string, message: RegExp][] = [
      ['', /bad\.csv is empty: expected are lines such as/],
      [
        'index,p0\n0,1\n',
        /line 1 begins with "index"; expected is an index from 0 to 1\. Prediction files have no header/,
      ],
      ['0\n1\n', /line 1 has 1 columns; expected are an index and at least one score\.$/],
      ['0,1,2\n1,1\n', /line 2 has 2 columns; expected are 3, as in the first line\.$/],
      ['0,1\n0,2\n', /line 2 has index 0, which an earlier line has too\.$/],
      ['0,1\n2,2\n', /line 2 begins with "2"; expected is an index from 0 to 1\.$/],
      ['0,1\n-1,2\n', /line 2 begins with "-1"/],
      ['0,1\n1.0,2\n', /line 2 begins with "1\.0"/],
      ['0,1\n\n1,2\n', /line 2 has 1 columns/],
      ['0,nan\n', /line 1 has the score "nan", which is no finite number\.$/],
      ['0,\n', /line 1 has the score "", which is no finite number\.$/],
      ['0,1e999\n', /has the score "1e999"/],
    ];
    for (const [text, message] of cases) {
      assert.throws(() => readPredictionFile(writeText('bad.csv', text)), { name: 'UserError', message });
    }
    assert.throws(() => readPredictionFile(join(folder, 'nowhere.csv')), {
      name: 'UserError',
      message: /cannot be read/,
    });
  });

  it('are refused where they do not fit the labels', () => {
    const path = writeText('fit.csv', '0,0.2,0.8\n1,0.6,0.4\n');
    const labels = { task: 'multi-class', truth: [0, 1], classes: 3 } as const;
    assert.throws(() => evaluatePredictionFile(path, labels), {
      name: 'UserError',
      message: `${path} has 2 images with 2 scores each; expected are 2 images with 3 scores each.`,
    });
    assert.throws(() => evaluatePredictionFile(path, { task: 'binary-class', truth: [0, 1, 1], classes: 2 }), {
      message: `${path} has 2 images with 2 scores each; expected are 3 images with one or two scores each.`,
    });
    assert.deepEqual(evaluatePredictionFile(path, { task: 'binary-class', truth: [1, 0], classes: 2 }), {
      auc: 1,
      accuracy: 1,
    });
  });
});

describe('names of prediction files', () => {
  it('are refused where they name no dataset, size or split', () => {
    const parts = { dataset: 'octmnist', size: 28, split: 'test', auc: 1, accuracy: 1, run: '1' } as const;
    assert.throws(() => predictionFileName({ ...parts, run: '1.5' }), {
      name: 'UserError',
      message: /cannot name a run/,
    });
    assert.throws(() => predictionFileName({ ...parts, dataset: 'my_data' }), {
      name: 'UserError',
      message: /cannot name a dataset/,
    });
    assert.throws(() => predictionFileName({ ...parts, size: 32 }), {
      name: 'UserError',
      message: /has 28, 64, 128, 224/,
    });
  });

  it('round an exact half to the even digit, as Python does', () => {
    const accuracies = [0.8125, 0.6875, 0.0625, 0.9375, 0.5, 0.0005, 1].map((accuracy) =>
      predictionFileName({ dataset: 'd', size: 28, split: 'val', auc: 0.5, accuracy, run: 'a' }).slice(-11, -6),
    );
    assert.deepEqual(accuracies, ['0.812', '0.688', '0.062', '0.938', '0.500', '0.001', '1.000']);
  });
});

describe('quadratic weighted kappa', () => {
  for (const { name, truth, predicted, grades, kappa } of fixture.kappas) {
    it(`agrees with scikit-learn: ${name}`, () => {
      if (kappa !== null) assertClose(quadraticWeightedKappa(truth, predicted, grades), kappa);
      else {
        assert.throws(() => quadraticWeightedKappa(truth, predicted, grades), {
          name: 'UserError',
          message: 'Kappa is undefined: all 3 images have grade 2, in the truth and in the prediction.',
        });
      }
    });
  }

  it('is defined where only one side knows a single grade', () => {
    assert.equal(quadraticWeightedKappa([0, 4], [2, 2], 5), 0);
  });
});
