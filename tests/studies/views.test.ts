import assert from 'node:assert/strict';
import { test } from 'node:test';

import { splitNames, type Dataset, type SplitName } from '../../lib/data/dataset';
import { classCounts, describeDataset, sampleImages } from '../../lib/workbench/dataset-views';
import { classifierEvaluation } from '../../lib/runs/evaluate';
import { testResult } from '../../lib/training/scored-split';
import { networkParts } from '../../lib/workbench/networks';
import type { ParameterTable } from '../../lib/models/parameters';

/** Grey images of one pixel, whose value is their index. */
function datasetOf(labels: Record<SplitName, number[]>, labelWidth = 1, change: Partial<Dataset> = {}): Dataset {
  const split = (name: SplitName) => ({
    name,
    count: labels[name].length / labelWidth,
    labels: Int32Array.from(labels[name]),
    labelWidth,
    readImages: (indices: ArrayLike<number>, target: Uint8Array) => target.set(Array.from(indices)),
  });
  return {
    name: 'cells.npz',
    title: 'Cells',
    height: 1,
    width: 1,
    channels: 1,
    task: labelWidth > 1 ? 'multi-label' : 'multi-class',
    classNames: ['a', 'b'],
    splits: Object.fromEntries(splitNames.map((name) => [name, split(name)])) as unknown as Dataset['splits'],
    sha256: 'f00',
    synthetic: false,
    license: 'CC0',
    citation: 'Somebody 2020',
    close: () => undefined,
    ...change,
  };
}

const single = datasetOf({ train: [0, 1, 1, 1], val: [0, 0], test: [1] });

test('a dataset is described by facts, those of the registry among them', () => {
  const facts = (dataset: Dataset): Record<string, string> =>
    Object.fromEntries(describeDataset(dataset).map(({ fact, value }) => [fact, value]));
  assert.deepEqual(facts(single), {
    dataset: 'Cells',
    images: '4 train, 2 validation, 1 test',
    size: '1 × 1 pixels, grey',
    task: 'multi-class, 2 classes',
    source: 'Somebody 2020',
    licence: 'CC0',
    'SHA-256': 'f00',
  });
  const synthetic = facts({ ...single, synthetic: true, channels: 3 });
  assert.deepEqual(
    [synthetic.source, synthetic.size],
    ['made by this project: no patient, no microscope', '1 × 1 pixels, RGB'],
  );
  assert.ok('note' in facts({ ...single, name: 'bloodmnist' }));
});

test('classes are counted in each split; several labels an image count for each', () => {
  assert.deepEqual(classCounts(single), {
    classNames: ['a', 'b'],
    counts: { train: [1, 3], val: [2, 0], test: [0, 1] },
  });
  const several = datasetOf({ train: [1, 1, 0, 1], val: [0, 0], test: [1, 0] }, 2);
  assert.deepEqual(classCounts(several).counts, { train: [1, 2], val: [0, 0], test: [1, 0] });
});

test('sample images carry their classes, and say where they come from', async () => {
  const grid = async (dataset: Dataset): Promise<string> =>
    (await sampleImages(dataset, { split: 'train', count: 3 })).html;
  const html = await grid(single);
  assert.match(html, /Random training images of Cells/);
  assert.doesNotMatch(html, /made by this project/);
  assert.match(await grid({ ...single, synthetic: true }), /Images made by this project, not photographs\./);
  assert.equal(await grid(single), html, 'the same seed draws the same images');
  // Drawn without repetition, and each with the class of its own label.
  const titles = [...html.matchAll(/train image (\d): (\w)/g)].map(([, index, title]) => [index, title]);
  const drawn = [...new Map(titles as [string, string][])];
  assert.equal(drawn.length, 3);
  for (const [index, title] of drawn) assert.equal(title, index === '0' ? 'a' : 'b');
  const several = datasetOf({ train: [1, 1, 0, 0], val: [0, 0], test: [1, 0] }, 2);
  const both = await grid(several);
  assert.match(both, /train image 0: a, b/);
  assert.match(both, /train image 1: none/);
});

test('a network is described by its parts; statistics are not trained and do not count', () => {
  const table: ParameterTable = {
    cls_token: { shape: [1, 1, 8], kind: 'vector', initial: 0 },
    'bn1.weight': { shape: [4], kind: 'vector', initial: 1 },
    'bn1.running_mean': { shape: [4], kind: 'statistic', initial: 0 },
    'layer1.0.conv1.weight': { shape: [2, 3, 3, 3], kind: 'convolution', initial: 0 },
    'layer1.1.conv1.weight': { shape: [2, 3, 3, 3], kind: 'convolution', initial: 0 },
  };
  const lines = networkParts({ table, title: 'Net' })
    .text.split('\n')
    .map((line) => line.split(/\s+/).filter(Boolean));
  assert.deepEqual(lines.slice(2), [
    ['cls_token', '1', '8'],
    ['bn1', '1', '4'],
    ['layer1', '2', '108'],
    ['all', '4', '120'],
  ]);
});

test('the scores of a test are rows of counts and of classes', () => {
  const data = { ...single, splits: { ...single.splits, test: { ...single.splits.test, count: 6 } } };
  const truth = [0, 0, 0, 0, 1, 1];
  const predicted = [0, 0, 0, 1, 1, 1];
  const scores = Float64Array.from(predicted.flatMap((label) => (label === 0 ? [0.9, 0.1] : [0.1, 0.9])));
  const result = testResult({ task: 'multi-class', truth: Int32Array.from(truth), scores, classes: 2 }, 3);
  const { matrix, report, classNames, epoch, images } = classifierEvaluation(result, {
    model: 'Net',
    split: 'test',
    data,
  });
  assert.deepEqual(matrix, [
    [3, 1],
    [0, 2],
  ]);
  assert.deepEqual([classNames, epoch, images], [['a', 'b'], 3, 6]);
  assert.deepEqual(
    report.map((row) => [row.class, row.recall, row.support]),
    [
      ['a', 0.75, 4],
      ['b', 1, 2],
    ],
  );
});
