import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';

import { splitNames, type Dataset } from '../../lib/data/dataset';
import { outputsDirectory } from '../../lib/paths';
import { beginRun, kernelRunId } from '../../lib/runs/current-run';
import { readResults, runIdOf, type Results } from '../../lib/runs/results';
import { comparableResults, recordResults, type NotebookRun } from '../../lib/runs/notebook-run';
import type { HistoryRow } from '../../lib/training/events';
import { userError } from '../data/user-error';

const folder = mkdtempSync(join(tmpdir(), 'run-'));
/** A notebook that there is not, so that its folder below `outputs` is this test's own. */
const notebook = `test-${process.pid}`;
after(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(join(outputsDirectory, notebook), { recursive: true, force: true });
});

/** As in JupyterLab, unless the test says otherwise. */
beforeEach(() => delete process.env.NOTEBOOK_RUN_DIRECTORY);

const parameters = { profile: 'tour', seed: 3, epochs: 2 };
const datasetOf = (sha256: string): Dataset =>
  ({
    name: 'cells',
    sha256,
    splits: Object.fromEntries(splitNames.map((name, index) => [name, { count: 10 + index }])),
  }) as unknown as Dataset;
const data = datasetOf('aa');

const rows = (trainingKey: string, model = 'ResNet-18'): Results['results'] =>
  (['as-published', 'corrected'] as const).map((arm) => ({
    trainingKey,
    model,
    weights: 'random',
    protocol: 'scratch',
    arm,
    parameters: 10,
    trainableParameters: 10,
    seconds: 1.5,
  }));
const history = [{ epoch: 1, trainLoss: 0.5 } as HistoryRow];

/** The run of a command in the usual folder. */
function openRun(given: typeof parameters): NotebookRun {
  const runId = runIdOf(notebook, given);
  return { notebook, runId, directory: join(outputsDirectory, notebook, runId), parameters: given };
}

const discardRun = ({ directory }: NotebookRun): void => rmSync(directory, { recursive: true, force: true });

test('a run of a command has the folder that it names, one of a kernel its notebook’s own', () => {
  const byHand = beginRun(notebook, parameters);
  assert.deepEqual([byHand.runId, byHand.directory], [kernelRunId, join(outputsDirectory, notebook, kernelRunId)]);
  process.env.NOTEBOOK_RUN_DIRECTORY = folder;
  assert.deepEqual(beginRun(notebook, parameters), { ...openRun(parameters), directory: folder });
  assert.notEqual(beginRun(notebook, { ...parameters, seed: 4 }).runId, openRun(parameters).runId);
});

test('a training’s results are recorded with all that they depend on', () => {
  const run = openRun(parameters);
  recordResults(run, data, 'k1', rows('k1'), history);
  const { environment, ...results } = readResults(run.directory) as Results;
  assert.deepEqual(results, {
    notebook,
    runId: run.runId,
    profile: 'tour',
    parameters,
    seed: 3,
    data: { name: 'cells', sha256: 'aa', splits: { train: 10, val: 11, test: 12 } },
    results: rows('k1').map((row) => ({ ...row, dataSha256: 'aa' })),
    history: { k1: history },
  });
  assert.deepEqual([environment.node, environment.device], [process.versions.node, 'CPU']);
  discardRun(run);
});

test('the same training again takes the place of its rows, another one is added', () => {
  const run = openRun(parameters);
  recordResults(run, data, 'k1', rows('k1', 'first'), history);
  recordResults(run, data, 'k2', rows('k2', 'second'), []);
  recordResults(run, data, 'k1', rows('k1', 'again'), [...history, ...history]);
  const results = readResults(run.directory) as Results;
  assert.deepEqual(
    results.results.map(({ model, arm }) => `${model} ${arm}`),
    ['second as-published', 'second corrected', 'again as-published', 'again corrected'],
  );
  assert.deepEqual([results.history.k1.length, results.history.k2.length], [2, 0]);
  discardRun(run);
});

test('scores on worse images stand beside those on the images as they are, and the run stays one on the latter', () => {
  const run = openRun(parameters);
  recordResults(run, data, 'k1', rows('k1', 'as they are'), history);
  recordResults(run, { ...datasetOf('bb'), derivedFrom: data }, 'k1', rows('k1', 'worse'), history);
  const results = readResults(run.directory) as Results;
  assert.deepEqual(
    results.results.map(({ model, dataSha256 }) => `${model} ${dataSha256}`),
    ['as they are aa', 'as they are aa', 'worse bb', 'worse bb'],
  );
  assert.equal(results.data.sha256, 'aa');
  discardRun(run);
});

test('a damaged record is not written over', () => {
  const run: NotebookRun = { ...openRun(parameters), directory: folder };
  writeFileSync(join(folder, 'results.json'), '{');
  assert.throws(() => recordResults(run, data, 'k1', rows('k1'), history), userError(/results\.json is damaged/));
  rmSync(join(folder, 'results.json'));
});

test('comparable are the runs of the same notebook on the same data, this one last', () => {
  const runs = [1, 2, 3, 4].map((seed) => openRun({ ...parameters, seed }));
  runs.forEach((run, index) => recordResults(run, index === 3 ? datasetOf('bb') : data, 'k', rows('k'), history));
  const seeds = (run: NotebookRun, dataset = data): number[] => comparableResults(run, dataset).map(({ seed }) => seed);
  for (const [index, run] of runs.slice(0, 3).entries()) {
    const found = seeds(run);
    assert.deepEqual([...found].sort(), [1, 2, 3]);
    assert.equal(found[2], index + 1);
  }
  assert.deepEqual(seeds(runs[3], datasetOf('bb')), [4]);
  // A command has its folder elsewhere: this run counts once, and what it has recorded there counts.
  const command = { ...openRun({ ...parameters, seed: 1 }), directory: folder };
  assert.deepEqual(seeds(command).sort(), [2, 3]);
  recordResults(command, data, 'k', rows('k', 'of the command'), history);
  const [, , own] = comparableResults(command, data);
  assert.deepEqual([own.seed, own.results[0].model], [1, 'of the command']);
  runs.forEach(discardRun);
});
