import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Dataset } from '../../lib/data/dataset';
import { wilsonInterval } from '../../lib/metrics/intervals';
import { comparisonRows, type PublishedResult } from '../../lib/runs/comparison';
import type { ClassificationRow, Results } from '../../lib/runs/results';

const published: PublishedResult[] = [
  { model: 'ResNet-18', dataset: 'bloodmnist', size: 28, testAccuracy: 0.9512, testMacroF1: 0.946 },
  { model: 'ResNet-50', dataset: 'dermamnist', size: 28, testAccuracy: 0.7, testMacroF1: 0.6 },
];

function row(change: Partial<ClassificationRow> = {}): ClassificationRow {
  return {
    trainingKey: 'k1',
    model: 'ResNet-18',
    weights: 'random',
    protocol: 'scratch',
    arm: 'corrected',
    parameters: 10,
    trainableParameters: 10,
    seconds: 12.5,
    epoch: 5,
    bestValAccuracy: 0.93,
    testAccuracy: 0.9,
    testMacroF1: 0.89,
    testAuc: 0.99,
    settings: { epochs: 6, batchSize: 64, learningRate: 3e-4, weightDecay: 1e-5, seed: 7 },
    ...change,
  };
}

/** The comparison as row objects. */
function rows(all: ClassificationRow[][], name: string, images: number, size = 28): Record<string, unknown>[] {
  const dataset = { name, height: size, splits: { test: { count: images } } } as unknown as Dataset;
  const given = all.map((results) => ({ results }) as unknown as Results);
  return comparisonRows(given, published, dataset);
}

test('a training’s arms are rows with their settings and the interval of their accuracy', () => {
  const [last, best, ...others] = rows(
    [[row({ arm: 'as-published', testAccuracy: 0.88 }), row()]],
    'synthetic-blood',
    858,
  );
  assert.deepEqual(others, []);
  const { low, high } = wilsonInterval(772, 858); // 0.9 of 858 images
  assert.deepEqual(best, {
    model: 'ResNet-18',
    arm: 'corrected',
    testAccuracy: 0.9,
    interval: `${low.toFixed(3)} – ${high.toFixed(3)}`,
    testMacroF1: 0.89,
    testAuc: 0.99,
    bestValAccuracy: 0.93,
    epochs: 6,
    batchSize: 64,
    learningRate: 3e-4,
    weightDecay: 1e-5,
    seed: 7,
    seconds: 12.5,
  });
  assert.deepEqual([last.arm, last.testAccuracy], ['as-published', 0.88]);
  assert.notEqual(last.interval, best.interval);
});

test('the interval is Wilson’s 95 % interval over the test images', () => {
  // By statsmodels: proportion_confint(k, n, method='wilson').
  const expected: [number, number, string][] = [
    [3421, 3254 / 3421, '0.943 – 0.958'],
    [10, 1, '0.722 – 1.000'],
    [10, 0, '0.000 – 0.278'],
  ];
  for (const [images, testAccuracy, interval] of expected)
    assert.equal(rows([[row({ testAccuracy })]], 'synthetic-blood', images)[0].interval, interval);
});

test('the study’s own figures stand above ours on its data, and only there', () => {
  const [study, ours, ...others] = rows([[row()]], 'bloodmnist', 3421);
  assert.deepEqual(others, []);
  assert.deepEqual(Object.keys(study), Object.keys(ours));
  const { model, arm, testAccuracy, testMacroF1, interval, epochs, batchSize, learningRate, weightDecay, seed } = study;
  assert.deepEqual([model, testAccuracy, testMacroF1], ['ResNet-18 (the study)', 0.9512, 0.946]);
  assert.deepEqual([arm, interval], ['as-published', '']);
  assert.deepEqual([epochs, batchSize, learningRate, weightDecay, seed], [20, 128, 1e-3, 1e-5, 42]);
  // What the study does not report is not made up.
  assert.deepEqual([study.testAuc, study.bestValAccuracy, study.seconds], [NaN, NaN, NaN]);
  assert.equal(rows([[row()]], 'bloodmnist', 3421, 64).length, 1);
  for (const name of ['synthetic-blood', 'bloodmnist.npz', 'pathmnist'])
    assert.deepEqual(
      rows([[row()]], name, 3421).map((each) => each.model),
      ['ResNet-18'],
    );
});

test('all runs are there in order, and an AUC that is undefined stays empty', () => {
  const all = rows(
    [[row({ model: 'A' }), row({ model: 'B', testAuc: undefined })], [], [row({ model: 'C' })]],
    'x',
    100,
  );
  assert.deepEqual(
    all.map(({ model, testAuc }) => [model, testAuc]),
    [
      ['A', 0.99],
      ['B', NaN],
      ['C', 0.99],
    ],
  );
});

test('before the first training there are no rows', () => {
  assert.deepEqual(rows([], 'synthetic-blood', 100), []);
  assert.deepEqual(
    rows([], 'bloodmnist', 100).map(({ model }) => model),
    ['ResNet-18 (the study)'],
  );
});

test('with pretrained networks, rows say whose weights they are and what was trained', () => {
  const study: PublishedResult[] = [
    {
      model: 'ViT-Tiny',
      protocol: 'frozen',
      dataset: 'bloodmnist',
      size: 28,
      testAccuracy: 0.8875,
      testMacroF1: 0.8676,
    },
  ];
  const rowsFor = (name: string, size = 28) => {
    const dataset = { name, height: size, splits: { test: { count: 100 } } } as unknown as Dataset;
    const results = [
      row({ protocol: 'frozen', weights: 'hub', trainableParameters: 3 }),
      row({ protocol: 'knn', settings: { probe: 'kNN', seed: 1 } }),
    ];
    return comparisonRows([{ results } as unknown as Results], study, dataset) as Record<string, unknown>[];
  };
  const [published, frozen, knn] = rowsFor('bloodmnist');
  assert.deepEqual(Object.keys(published), Object.keys(frozen));
  assert.deepEqual(
    [published.model, published.weights, published.protocol, published.testAccuracy, published.trainableParameters],
    ['ViT-Tiny (the study)', 'hub', 'frozen', 0.8875, NaN],
  );
  assert.deepEqual(
    [frozen.weights, frozen.protocol, frozen.trainableParameters, frozen.epochs],
    ['hub', 'frozen', 3, 6],
  );
  assert.deepEqual([knn.protocol, knn.epochs, knn.learningRate], ['kNN', NaN, NaN]);
  for (const [name, size] of [
    ['bloodmnist', 64],
    ['synthetic-blood', 28],
    ['bloodmnist.npz', 28],
  ] as const)
    assert.equal(rowsFor(name, size).length, 2, 'the study’s figures are of its own data only');
});
