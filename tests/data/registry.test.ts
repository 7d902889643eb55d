import assert from 'node:assert/strict';
import { test } from 'node:test';

import { datasetFile, datasetNames, findDataset } from '../../lib/data/registry';
import { imageSizes } from '../../lib/data/registry-types';
import medmnist from '../fixtures/medmnist_info.json';
import { userError } from './user-error';

/** The fixture calls the one multi-label task by a longer name. */
const taskNames: Readonly<Record<string, string>> = { 'multi-label, binary-class': 'multi-label' };

test('the registry holds the twelve 2D datasets of medmnist', () => {
  assert.deepEqual(datasetNames(), Object.keys(medmnist.datasets));
  assert.equal(datasetNames().length, 12);
});

for (const [name, expected] of Object.entries(medmnist.datasets)) {
  test(`${name} is as in medmnist ${medmnist.version}`, () => {
    const record = findDataset(name);
    assert.equal(record.title, expected.title);
    assert.equal(record.task, taskNames[expected.task] ?? expected.task);
    assert.deepEqual(record.classNames, expected.labels);
    assert.equal(record.channels, expected.channels);
    assert.deepEqual(record.splits, expected.splits);
    assert.equal(record.license, expected.license);
    for (const size of imageSizes) {
      const { url, md5 } = datasetFile(record, size);
      assert.deepEqual({ url, md5 }, expected.files[size]);
    }
  });
}

test('files have the names of the Python package', () => {
  const record = findDataset('bloodmnist');
  assert.equal(datasetFile(record, 28).fileName, 'bloodmnist.npz');
  assert.equal(datasetFile(record, 224).fileName, 'bloodmnist_224.npz');
  assert.equal(datasetFile(record, 28).bytes, undefined);
  assert.equal(datasetFile(findDataset('breastmnist'), 28).bytes, 559580);
});

test('an unknown name is answered with the nearest one', () => {
  assert.throws(() => findDataset('bloodmist'), userError(/no dataset "bloodmist", did you mean "bloodmnist"\?.*list/));
  assert.throws(() => findDataset('cifar'), userError(/no dataset "cifar"\. .*list/));
  assert.throws(() => findDataset('toString'), userError(/no dataset/));
});

test('an unknown size is answered with those that there are', () => {
  assert.throws(() => datasetFile(findDataset('bloodmnist'), 32), userError(/32 pixels.*28, 64, 128, 224/));
});

test('labels that name a side forbid a horizontal flip', () => {
  for (const name of datasetNames()) {
    const { classNames, horizontalFlip } = findDataset(name);
    assert.equal(horizontalFlip, !classNames.some((label) => /left|right/.test(label)), name);
  }
});

test('every dataset has a citation, notes and four published scores', () => {
  for (const name of datasetNames()) {
    const { citation, notes, published } = findDataset(name);
    assert.match(citation, /MedMNIST v2.*Images: .*\(\d{4}\)/);
    assert.ok(notes.length > 0);
    assert.deepEqual(
      published.map(({ model, size }) => `${model} ${size}`),
      ['ResNet-18 28', 'ResNet-18 224', 'ResNet-50 28', 'ResNet-50 224'],
    );
    for (const { auc, accuracy } of published) assert.ok(auc > 0.7 && auc < 1 && accuracy > 0.49 && accuracy < 1);
  }
});

test('the columns of published scores have the averages that Table 5 of the publication prints', () => {
  const averages = [
    { auc: 0.922, accuracy: 0.819 },
    { auc: 0.925, accuracy: 0.821 },
    { auc: 0.92, accuracy: 0.816 },
    { auc: 0.923, accuracy: 0.821 },
  ];
  for (const [column, { auc, accuracy }] of averages.entries()) {
    const scores = datasetNames().map((name) => findDataset(name).published[column]);
    assert.ok(Math.abs(mean(scores.map((score) => score.auc)) - auc) < 0.000501);
    assert.ok(Math.abs(mean(scores.map((score) => score.accuracy)) - accuracy) < 0.000501);
  }
});

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
