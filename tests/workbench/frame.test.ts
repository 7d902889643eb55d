import assert from 'node:assert/strict';
import { test } from 'node:test';

import { describeValue } from '../../lib/display/values';
import { linear, swin } from '../../lib/models/networks';
import { countParameters } from '../../lib/models/parameters';
import { frame, pivot } from '../../lib/workbench/frame';
import { networkTable, sameOutputs } from '../../lib/workbench/networks';
import { userError } from '../data/user-error';

const rows = [
  { model: 'a', testAccuracy: 0.5, settings: { epochs: 1, augment: 'none' } },
  { model: 'a', testAccuracy: 0.7, settings: { epochs: 1, augment: 'none' }, testAuc: undefined },
  { model: 'b', testAccuracy: 0.9, settings: { epochs: 2 }, testAuc: 0.8 },
];

test('rows become a frame that groups, sorts and describes them', () => {
  const all = frame(rows);
  assert.deepEqual([...all.columns].sort(), ['augment', 'epochs', 'model', 'testAccuracy', 'testAuc']);
  const means = all.groupby(['model']).col(['testAccuracy']).mean();
  assert.deepEqual(means.values, [
    ['a', 0.6],
    ['b', 0.9],
  ]);
  const best = all
    .sortValues('testAccuracy', { ascending: false })
    .head(1)
    .loc({ columns: ['model', 'augment'] });
  assert.deepEqual(best.values, [['b', '']]);
  assert.match(describeValue(all.describe())?.html ?? '', /mean/);
});

test('rows put crosswise have the mean of each cell, and say where there is none', () => {
  const crosswise = pivot(rows, { rows: 'model', columns: 'epochs', values: 'testAccuracy' });
  assert.deepEqual(crosswise.columns, ['model', 'epochs 1', 'epochs 2']);
  assert.deepEqual(crosswise.values, [
    ['a', 0.6, NaN],
    ['b', NaN, 0.9],
  ]);
});

test('Swin and a line through the pixels are networks by their names', () => {
  assert.equal(countParameters(swin({ classes: 8 })), 27_525_506);
  const small = swin({ classes: 3, depths: [2], width: 64, heads: [2] });
  const line = linear({ classes: 3, size: 28 });
  assert.equal(countParameters(line), 3 * (28 * 28 * 3 + 1));
  const size = { height: 28, width: 28 };
  for (const network of [small, line]) {
    assert.match(networkTable(network, size).text, /head/);
    sameOutputs(network, { ...network, name: 'the same' }, size);
  }
  assert.throws(() => linear({ classes: 3 }), userError(/^linear needs the size of the images/));
});
