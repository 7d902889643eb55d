import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';

import { splitNames, type Dataset } from '../../lib/data/dataset';
import { createParameters, disposeParameters } from '../../lib/models/parameters';
import { outputsDirectory } from '../../lib/paths';
import { readResults, runIdOf, type Results } from '../../lib/runs/results';
import {
  comparableResults,
  discardRun,
  openRun,
  openTraining,
  recordResults,
  type NotebookRun,
} from '../../lib/runs/notebook-run';
import type { HistoryRow } from '../../lib/training/events';
import { adamW } from '../../lib/training/optimizers';
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

test('a run has the folder of its notebook and parameters, or the one that a command names', () => {
  const run = openRun(notebook, parameters);
  assert.equal(run.runId, runIdOf(notebook, parameters));
  assert.equal(run.directory, join(outputsDirectory, notebook, run.runId));
  assert.notEqual(openRun(notebook, { ...parameters, seed: 4 }).directory, run.directory);
  process.env.NOTEBOOK_RUN_DIRECTORY = folder;
  assert.deepEqual(openRun(notebook, parameters), { ...run, directory: folder });
});

test('a training’s results are recorded with all that they depend on', () => {
  const run = openRun(notebook, parameters);
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
  assert.equal(existsSync(run.directory), false);
});

test('the same training again takes the place of its rows, another one is added', () => {
  const run = openRun(notebook, parameters);
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

test('a damaged record is not written over', () => {
  const run: NotebookRun = { ...openRun(notebook, parameters), directory: folder };
  writeFileSync(join(folder, 'results.json'), '{');
  assert.throws(() => recordResults(run, data, 'k1', rows('k1'), history), userError(/results\.json is damaged/));
  rmSync(join(folder, 'results.json'));
});

test('comparable are the runs of the same notebook on the same data, this one last', () => {
  const runs = [1, 2, 3, 4].map((seed) => openRun(notebook, { ...parameters, seed }));
  runs.forEach((run, index) => recordResults(run, index === 3 ? datasetOf('bb') : data, 'k', rows('k'), history));
  const seeds = (run: NotebookRun, dataset = data): number[] => comparableResults(run, dataset).map(({ seed }) => seed);
  for (const [index, run] of runs.slice(0, 3).entries()) {
    const found = seeds(run);
    assert.deepEqual([...found].sort(), [1, 2, 3]);
    assert.equal(found[2], index + 1);
  }
  assert.deepEqual(seeds(runs[3], datasetOf('bb')), [4]);
  // A command has its folder elsewhere: this run counts once, and what it has recorded there counts.
  process.env.NOTEBOOK_RUN_DIRECTORY = folder;
  const command = openRun(notebook, { ...parameters, seed: 1 });
  assert.deepEqual(seeds(command).sort(), [2, 3]);
  recordResults(command, data, 'k', rows('k', 'of the command'), history);
  const [, , own] = comparableResults(command, data);
  assert.deepEqual([own.seed, own.results[0].model], [1, 'of the command']);
  runs.forEach(discardRun);
});

/** Saves the checkpoint of a training with one parameter. */
async function saveCheckpoint(run: NotebookRun, finished: boolean): Promise<void> {
  const { checkpoints } = await openTraining(run, 'k1');
  const model = createParameters({ a: { shape: [2], kind: 'vector', initial: 1 } }, 1);
  const optimizer = adamW(model, ['a']);
  await checkpoints.save(
    { epoch: 1, learningRateFactor: 1, recoveries: 0, history, finished },
    undefined,
    model,
    optimizer,
  );
  optimizer.dispose();
  disposeParameters(model);
}

test('an unfinished training is continued, in JupyterLab and by a command', async () => {
  for (const command of [false, true]) {
    if (command) process.env.NOTEBOOK_RUN_DIRECTORY = join(folder, 'command');
    const run = openRun(notebook, parameters);
    await saveCheckpoint(run, false);
    const training = await openTraining(run, 'k1');
    assert.equal((await training.checkpoints.load())?.epoch, 1);
    const other = await openTraining(run, 'k2');
    assert.equal(await other.checkpoints.load(), undefined);
    discardRun(run);
  }
});

test('a finished training is done anew by hand, and kept while a command executes the notebook', async () => {
  const byHand = openRun(notebook, parameters);
  await saveCheckpoint(byHand, true);
  assert.equal(await (await openTraining(byHand, 'k1')).checkpoints.load(), undefined);
  process.env.NOTEBOOK_RUN_DIRECTORY = join(folder, 'finished');
  const byCommand = openRun(notebook, parameters);
  await saveCheckpoint(byCommand, true);
  const kept = await openTraining(byCommand, 'k1');
  assert.equal((await kept.checkpoints.load())?.finished, true);
  kept.close();
  assert.equal((await (await openTraining(byCommand, 'k1')).checkpoints.load())?.finished, true);
  discardRun(byHand);
});

test('by hand, nothing is kept of a training that has come to its end', async () => {
  const run = openRun(notebook, parameters);
  await saveCheckpoint(run, false);
  (await openTraining(run, 'k1')).close();
  assert.equal(existsSync(join(run.directory, 'checkpoints', 'k1')), false);
  discardRun(run);
});
