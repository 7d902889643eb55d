import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import {
  readAllResults,
  readResults,
  resultsFileName,
  runIdOf,
  shortHash,
  writeResults,
  type Results,
} from '../../lib/runs/results';
import { userError } from '../data/user-error';

const folder = mkdtempSync(join(tmpdir(), 'results-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const results: Results = {
  notebook: '01_resnet_from_scratch',
  runId: 'abc',
  profile: 'tour',
  parameters: { epochs: 6, dataset: 'synthetic-blood' },
  seed: 42,
  environment: { node: '20' },
  data: { name: 'synthetic-blood', sha256: 'f00', splits: { train: 3, val: 2, test: 1 } },
  results: [
    {
      trainingKey: 'k1',
      model: 'ResNet-18',
      weights: 'random',
      protocol: 'scratch',
      arm: 'corrected',
      parameters: 11_180_616,
      trainableParameters: 11_180_616,
      seconds: 12.345678901234567,
      testAccuracy: 0.1 + 0.2,
      settings: { epochs: 6 },
    },
  ],
  history: { k1: [{ epoch: 1, trainLoss: 1 / 3 }] },
};

test('what is written is read again, in full precision', () => {
  const directory = join(folder, 'new', 'run');
  assert.equal(readResults(directory), undefined);
  writeResults(directory, results);
  assert.deepEqual(readResults(directory), results);
  assert.deepEqual(readdirSync(directory), [resultsFileName]);
  const text = readFileSync(join(directory, 'results.json'), 'utf8');
  assert.ok(text.endsWith('}\n') && text.includes('0.30000000000000004'));
});

test('fields of later versions are kept', () => {
  const directory = join(folder, 'later');
  const later = { ...results, notes: ['x'], results: [{ ...results.results[0], testDice: 0.5 }] };
  writeResults(directory, later);
  assert.deepEqual(readResults(directory), later);
});

test('a damaged file is refused in one line that names it', () => {
  const directory = join(folder, 'damaged');
  mkdirSync(directory);
  const [row] = results.results;
  const { seed, ...withoutSeed } = results;
  assert.equal(seed, 42);
  for (const content of [
    '',
    '{',
    'null',
    '[]',
    '{}',
    JSON.stringify(withoutSeed),
    JSON.stringify({ ...results, seed: 1.5 }),
    JSON.stringify({ ...results, results: [{ ...row, protocol: 'guessed' }] }),
    JSON.stringify({ ...results, results: [{ ...row, arm: 'as published' }] }),
    JSON.stringify({ ...results, results: [{ ...row, seconds: NaN }] }),
  ]) {
    writeFileSync(join(directory, resultsFileName), content);
    assert.throws(
      () => readResults(directory),
      userError(/damaged.results\.json is damaged: delete its folder\.$/),
      content,
    );
  }
});

test('all results below a folder are read in order, damaged ones passed over', () => {
  const all = join(folder, 'all');
  assert.deepEqual(readAllResults(all), []);
  for (const runId of ['b', 'a']) writeResults(join(all, runId), { ...results, runId });
  mkdirSync(join(all, 'c'));
  writeFileSync(join(all, 'c', resultsFileName), '{');
  mkdirSync(join(all, 'empty'));
  writeFileSync(join(all, 'index.html'), '');
  assert.deepEqual(
    readAllResults(all).map(({ runId }) => runId),
    ['a', 'b'],
  );
});

test('a hash stands for a value, whatever the order of its keys', () => {
  assert.match(shortHash({}), /^[0-9a-f]{10}$/);
  assert.equal(
    shortHash({ a: 1, b: { c: 2, d: [3, { e: 4, f: 5 }] } }),
    shortHash({ b: { d: [3, { f: 5, e: 4 }], c: 2 }, a: 1 }),
  );
  assert.equal(shortHash({ a: 1, b: undefined }), shortHash({ a: 1 }));
  const values = [
    {},
    [],
    { a: 1 },
    { a: '1' },
    { a: 1, b: 2 },
    { b: 1 },
    [1, 2],
    [2, 1],
    { a: { b: 1 } },
    { a: null },
    'a',
    1,
  ];
  assert.equal(new Set(values.map(shortHash)).size, values.length);
});

test('a run is named by its notebook and its parameters', () => {
  const id = runIdOf('01', { epochs: 6, seed: 42 });
  assert.equal(runIdOf('01', { seed: 42, epochs: 6 }), id);
  assert.notEqual(runIdOf('02', { epochs: 6, seed: 42 }), id);
  assert.notEqual(runIdOf('01', { epochs: 6, seed: 43 }), id);
  // Folders of earlier runs are named so: a change of the rule would orphan them.
  assert.equal(id, '205aae3239');
});
