import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { runsSections } from '../../lib/cli/runs-section';
import { compareRuns } from '../../lib/workbench/compare-runs';
import { listRuns } from '../../lib/runs/run-index';
import { userError } from '../data/user-error';
import { recordRuns } from './recorded-runs';

const base = mkdtempSync(join(tmpdir(), 'compare-runs-'));
after(() => rmSync(base, { recursive: true, force: true }));
const notebook = '01_resnet_from_scratch';
let folder: string;
beforeEach(() => {
  delete process.env.NOTEBOOK_RUN_DIRECTORY;
  folder = mkdtempSync(join(base, 'outputs-'));
});

const trainings = [
  { learningRate: 1e-3, epochs: 3, bestValAccuracy: 0.81, testAccuracy: 0.79 },
  { learningRate: 3e-4, epochs: 4, bestValAccuracy: 0.88, testAccuracy: 0.7 },
];

test('all trainings that are kept are listed with settings, scores and history; what is damaged is passed over', () => {
  recordRuns(folder, notebook, trainings);
  mkdirSync(join(folder, notebook, 'damaged'));
  writeFileSync(join(folder, notebook, 'damaged/results.json'), '{');
  const runs = listRuns({ notebook, folder });
  assert.equal(runs.length, 4, 'two arms of two trainings');
  const best = runs.find(({ scores, arm }) => scores.bestValAccuracy === 0.88 && arm === 'corrected');
  assert.deepEqual(best?.settings, { epochs: 4, batchSize: 32, learningRate: 3e-4, seed: 1 });
  assert.deepEqual(best.scores, { bestValAccuracy: 0.88, testAccuracy: 0.7 });
  assert.deepEqual(
    best.history.map(({ epoch }) => epoch),
    [1, 2, 3, 4],
  );
  assert.deepEqual(listRuns({ notebook: '02_vit_frozen_and_finetuned', folder }), []);
});

test('the run that is under way counts, wherever it is', () => {
  recordRuns(folder, notebook, trainings);
  const [{ runId }] = listRuns({ notebook, folder });
  process.env.NOTEBOOK_RUN_DIRECTORY = join(folder, notebook, runId);
  assert.equal(listRuns({ notebook, folder }).length, 4, 'not twice');
  assert.deepEqual(
    listRuns({ notebook, folder: join(base, 'none') }).map((run) => run.runId),
    [runId, runId],
  );
});

test('what differs is compared, the rest is said once, and the validation split decides what is marked', () => {
  recordRuns(folder, notebook, trainings);
  const { html, text } = compareRuns('01', { folder });
  assert.match(text, /^2 trainings on cells /);
  assert.match(text, /Epochs +Arm +Best val accuracy +Test accuracy +Learning rate/);
  assert.match(
    text,
    /The same in all: model ResNet-18, weights random, protocol scratch, profile tour, batch size 32, seed 1\./,
  );
  assert.match(text, /the highest validation accuracy has epochs 4$/m);
  assert.equal(html.match(/<figure /g)?.length, 2);
  assert.equal(html.match(/<tbody>/g)?.length, 2, 'the comparison, and the losses');
  assert.equal(html.match(/nb-best/g)?.length, 2, 'the corrected arm of the one that the validation images choose');
});

test('one training is a table; trainings on other data stand apart', () => {
  recordRuns(folder, notebook, trainings.slice(0, 1));
  assert.doesNotMatch(compareRuns('01', { folder }).html, /<figure/);
  recordRuns(folder, notebook, [{ ...trainings[1], data: 'others' }]);
  const { html, text } = compareRuns('01', { folder });
  assert.doesNotMatch(html, /<figure/, 'scores on different data are not compared');
  assert.equal(text.match(/One training on/g)?.length, 2);
});

test('where nothing is kept, it says what to do; where there is no such notebook, which there are', () => {
  assert.match(
    compareRuns('01', { folder }).text,
    /No training of 01_resnet_from_scratch is kept yet: run .*`npm run notebook -- 01`/,
  );
  assert.throws(() => compareRuns('99', { folder }), userError(/There is no notebook "99"/));
});

test('the index has a section of all runs', () => {
  assert.deepEqual(runsSections(folder), []);
  recordRuns(folder, notebook, trainings.slice(0, 1));
  const [one] = runsSections(folder);
  assert.match(one, /<summary>ResNet-18 from scratch on blood cells \(one training\)<\/summary>/);
  recordRuns(folder, notebook, trainings.slice(1));
  assert.match(runsSections(folder)[0], / \(2 trainings\)<\/summary>/);
});
