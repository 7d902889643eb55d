import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { compareResults, settingsOfResult } from '../../lib/cli/repeat-result';
import type { Results } from '../../lib/runs/results';
import { userError } from '../data/user-error';

const row: Results['results'][number] = {
  trainingKey: 'one',
  model: 'ResNet-18',
  weights: 'random',
  protocol: 'scratch',
  arm: 'corrected',
  parameters: 10,
  trainableParameters: 10,
  seconds: 3,
  testAccuracy: 0.5,
  settings: { batchSize: 16 },
  weightsSha256: 'aa',
};
const results: Results = {
  notebook: '01_resnet_from_scratch',
  runId: 'r',
  profile: 'tour',
  parameters: { profile: 'tour', dataset: 'cells.npz', epochs: 2, augment: true },
  seed: 1,
  environment: { tensorflow: '2.21.0', kernels: 'v4' },
  data: { name: 'cells', sha256: 'abcdef0123456789', splits: { train: 5 } },
  results: [row],
  history: {},
};
const about = { names: ['dataset', 'epochs', 'augment'], folder: tmpdir() };

test('a result is repeated with its parameters; data that is a file is asked for, and a parameter that is gone is named', () => {
  const given = ['dataset=/data/cells.npz'];
  assert.deepEqual(settingsOfResult(results, given, about), ['epochs=2', 'augment=true', 'dataset=/data/cells.npz']);
  assert.throws(
    () => settingsOfResult(results, [], about),
    userError(/^The result is of cells\.npz \(SHA-256 abcdef012345…\), which is not in .*--set dataset=PATH\.$/),
  );
  assert.throws(
    () => settingsOfResult(results, given, { ...about, names: ['dataset', 'epoch', 'augment'] }),
    userError(
      /^The result has the parameter epochs=2, which .* any more, did you mean "epoch"\?: check out the commit/,
    ),
  );
});

test('a repetition that is the same says so, and another one what differs, and what may be why', () => {
  const again = { ...results, results: [{ ...row, seconds: 5, trainingKey: 'another' }] };
  assert.deepEqual(compareResults(results, again), {
    same: true,
    lines: ['The same to the last bit: 9 values of 1 row.'],
  });
  const other = {
    ...results,
    environment: { tensorflow: '2.22.0', kernels: 'v4' },
    data: { ...results.data, sha256: '00' },
    results: [
      { ...row, testAccuracy: 0.25, weightsSha256: 'bb' },
      { ...row, model: 'ResNet-50' },
    ],
  };
  assert.deepEqual(compareResults(results, other), {
    same: false,
    lines: [
      'Not the same: 2 of 9 values of 1 row differ.',
      'ResNet-18, scratch, corrected: testAccuracy was 0.5, is 0.25',
      'ResNet-18, scratch, corrected: weightsSha256 was "aa", is "bb"',
      'ResNet-50, scratch, corrected: there was no such row',
      'data: sha256 was "abcdef0123456789", is "00"',
      'environment: tensorflow was "2.21.0", is "2.22.0"',
    ],
  });
  assert.equal(compareResults(other, results).same, false);
});
