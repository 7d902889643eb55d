import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import { writeNpz, type NpzArray } from '../../../lib/data/npz-writer';
import { createRandom } from '../../../lib/random';
import { declaredHere } from '../../../lib/studies/medmnist2d';
import { medmnist2dBenchmark } from '../../../lib/studies/medmnist2d/benchmark';
import { defaultGridStore, gridStoreFolder, medmnist2dNotebook, medmnist2dParameterSpecs, planGrid, type GivenMedmnist2dParameters } from '../../../lib/studies/medmnist2d/parameters'; // prettier-ignore
import { readTestLabels } from '../../../lib/studies/medmnist2d/predictions';
import type { GridRow } from '../../../lib/studies/medmnist2d/rows';
import { parameterCount } from '../../../lib/studies/medmnist2d/rows';
import { gridConfigurations } from '../../../lib/studies/medmnist2d/grid';
import { resolveParameters } from '../../../lib/runs/parameters';
import { readResults } from '../../../lib/runs/results';
import type { TrainingEvent } from '../../../lib/training/events';
import { tf } from '../../../lib/tf';
import { userError } from '../../data/user-error';

const folder = mkdtempSync(join(tmpdir(), 'medmnist2d-benchmark-'));
const before = process.env.NOTEBOOK_RUN_DIRECTORY;
after(() => {
  if (before === undefined) delete process.env.NOTEBOOK_RUN_DIRECTORY;
  else process.env.NOTEBOOK_RUN_DIRECTORY = before;
  rmSync(folder, { recursive: true, force: true });
});

const counts = { train: 16, val: 8, test: 12 };

/** Two classes that differ in brightness. */
function writeImages(name: string, seed: number): string {
  const path = join(folder, name);
  const arrays: Record<string, NpzArray> = {};
  for (const [split, count] of Object.entries(counts)) {
    const random = createRandom(seed, split);
    const labels = Uint8Array.from({ length: count }, (_, index) => index % 2);
    const bytes = Uint8Array.from({ length: count * 28 * 28 }, (_, at) => 60 * labels[Math.floor(at / 784)] + random.integer(120)); // prettier-ignore
    arrays[`${split}_images`] = { type: '|u1', shape: [count, 28, 28], bytes };
    arrays[`${split}_labels`] = { type: '|u1', shape: [count, 1], bytes: labels };
  }
  writeNpz(path, arrays);
  return path;
}
const files = [writeImages('cells.npz', 1), writeImages('nodes.npz', 2)];

const small = {
  ...{ datasets: files.join(','), networks: 'resnet_tour', optimizers: 'adamw,sgd', seeds: '0,1' },
  ...{ epochs: 1, batchSize: 8, resamples: 100, store: join(folder, 'store') },
} satisfies GivenMedmnist2dParameters;

let opened = 0;

/** As a command does it: what is written goes to a folder of its own. */
function openStudy(given: GivenMedmnist2dParameters = {}) {
  const directory = join(folder, `run-${opened++}`);
  process.env.NOTEBOOK_RUN_DIRECTORY = directory;
  return { directory, study: medmnist2dBenchmark({ ...small, ...given }) };
}

const rowsOf = (directory: string): GridRow[] => readResults(directory)?.results as unknown as GridRow[];

/** When each result was written. */
const resultTimes = (store: string): Record<string, number> =>
  Object.fromEntries(readdirSync(store).sort().map((id) => [id, statSync(join(store, id, 'result.json')).mtimeMs])); // prettier-ignore

describe('a grid in a notebook', () => {
  it('is done by itself, recorded as the contract has it, and never done again', async () => {
    const { study, directory } = openStudy();
    const grid = await study.openGrid();
    assert.equal(grid.configurations.length, 2 * 2 * 2);
    assert.deepEqual(grid.images.map(({ name }) => name), ['cells.npz', 'nodes.npz']); // prettier-ignore
    assert.equal(study.describeDatasets(grid)[0].trainImages, 16);
    assert.deepEqual(
      study
        .optimizers(grid)
        .map(({ optimizer, learningRate, further, from }) => [optimizer, learningRate, further, from]),
      [
        ['AdamW', 3e-3, 'beta1 0.9, beta2 0.999, epsilon 1e-8', 'chosen here'],
        ['SGD', 0.05, 'momentum 0.9, nesterov true', 'chosen here'],
      ],
    );
    assert.match(study.progress(study.look(grid)).message, /^0 of 8 runs/);
    assert.deepEqual(rowsOf(directory), []);

    const events: TrainingEvent[] = [];
    const first = await study.runMissing(grid, { onProgress: (event) => events.push(event) });
    assert.deepEqual(study.progress(first), { message: 'All 8 runs of 4 cells are finished.', complete: true });
    assert.deepEqual(events.filter(({ kind }) => kind === 'done').length, 1);
    const steps = events.flatMap((event) => (event.kind === 'batch' ? [event.step] : []));
    assert.equal(steps[steps.length - 1], 8);

    const results = readResults(directory);
    assert.equal(results?.notebook, medmnist2dNotebook);
    assert.equal(results?.data.name, 'cells.npz, nodes.npz');
    assert.deepEqual(results?.data.splits, { train: 32, val: 16, test: 24 });
    assert.deepEqual(results?.grid, { runs: 8, finished: 8 });
    const rows = rowsOf(directory);
    assert.equal(rows.length, 8);
    for (const row of rows) {
      assert.deepEqual([row.model, row.weights, row.protocol, row.arm], ['small ResNet', 'random', 'scratch', 'corrected']); // prettier-ignore
      assert.ok(row.parameters > 1000 && row.parameters === row.trainableParameters);
      const scores = [row.bestValAccuracy, row.testAccuracy, row.testMacroF1, Number(row.testAuc), row.valAuc];
      assert.ok(scores.every((score) => score >= 0 && score <= 1), JSON.stringify(row)); // prettier-ignore
      assert.ok(row.seconds > 0 && row.epoch === 1 && row.settings.epochs === 1);
      assert.ok(readdirSync(join(small.store, row.trainingKey)).includes(row.predictionFile));
      assert.equal(results?.history[row.trainingKey].length, 1);
    }

    const times = resultTimes(small.store);
    const again = openStudy();
    const regrid = await again.study.openGrid();
    const none: TrainingEvent[] = [];
    const tensors = tf.memory().numTensors;
    await again.study.runMissing(regrid, { onProgress: (event) => none.push(event) });
    assert.deepEqual(none, []);
    assert.deepEqual(resultTimes(small.store), times);
    assert.deepEqual(rowsOf(again.directory), rows);
    assert.equal(tf.memory().numTensors, tensors);
  });

  it('that grows does only what is new', async () => {
    const times = resultTimes(small.store);
    const { study } = openStudy({ seeds: '0,1,2', datasets: files[0] });
    const grid = await study.openGrid();
    const half = study.look(grid);
    assert.match(study.progress(half).message, /^4 of 6 runs are finished, 0 running, 2 missing\. Of 2 cells, 0 are empty and 2 lack seeds/); // prettier-ignore
    assert.equal(study.numbers(half)[0].missingSeeds, '2');
    const whole = await study.runMissing(grid);
    assert.equal(study.progress(whole).complete, true);
    const after = resultTimes(small.store);
    assert.equal(Object.keys(after).length, 10);
    for (const [id, time] of Object.entries(times)) assert.equal(after[id], time);
  });

  it('has comparisons, intervals from the predictions on the disk, and figures', async () => {
    const { study } = openStudy();
    const grid = await study.openGrid();
    const snapshot = study.look(grid);
    assert.deepEqual(study.compare(snapshot, 'pretrained'), []);
    assert.deepEqual(study.compare(snapshot, 'scratch'), []);
    const compared = study.compare(snapshot, 'optimizer');
    assert.deepEqual(compared.map(({ title }) => title), ['AdamW against SGD (small ResNet, from scratch)']); // prettier-ignore
    const intervals = await study.intervals(grid, snapshot, compared);
    const [{ datasets }] = intervals ?? [];
    for (const [at, { interval, images }] of datasets.entries()) {
      assert.equal(images, counts.test);
      assert.ok(Math.abs((interval?.value ?? NaN) - compared[0].datasets[at].meanDifference) < 1e-12);
    }
    assert.equal(study.overall(compared)[0].datasets, 2);
    assert.ok(study.differenceFigure(intervals) !== undefined);
    assert.equal(study.differenceFigure(undefined), undefined);
    assert.equal(study.networkFigure(snapshot, 'pretrained'), undefined);
    assert.deepEqual(await study.multiLabelAccuracy(grid, snapshot), []);
    assert.deepEqual(study.published(snapshot), []);
  });

  it('is stopped softly, and looks on without training where it is told to', async () => {
    const { study } = openStudy({ store: join(folder, 'stopped') });
    const grid = await study.openGrid();
    const events: TrainingEvent[] = [];
    const stopped = await study.runMissing(grid, { signal: AbortSignal.abort(), onProgress: (event) => events.push(event) }); // prettier-ignore
    assert.equal(stopped.finished.length, 0);
    assert.deepEqual(events.map(({ kind }) => kind), ['stopped']); // prettier-ignore
    const { study: reader } = openStudy({ store: join(folder, 'stopped'), train: false });
    assert.equal((await reader.runMissing(await reader.openGrid())).finished.length, 0);
  });

  it('says which run failed, and keeps the others', async () => {
    const { study } = openStudy({ store: join(folder, 'failed'), seeds: '0', optimizers: 'sgd' });
    const grid = await study.openGrid();
    const changed = readFileSync(files[1]);
    writeImages('nodes.npz', 9);
    await assert.rejects(study.runMissing(grid), userError(/^1 of 2 runs failed, the first of them [0-9a-f]{10}: .*nodes\.npz has the SHA-256/)); // prettier-ignore
    writeFileSync(files[1], changed);
    assert.equal(study.look(grid).finished.length, 1);
    assert.equal((await study.runMissing(grid)).finished.length, 2);
  });
});

describe('the parameters', () => {
  it('name the study’s grid in the paper profile, and a small one of every task in the tour', async () => {
    const paper = await planGrid(resolveParameters(medmnist2dParameterSpecs, { profile: 'paper' }));
    assert.deepEqual(paper.configurations, gridConfigurations());
    const tour = await planGrid(resolveParameters(medmnist2dParameterSpecs, {}));
    assert.deepEqual(
      tour.datasets.map(({ task }) => task),
      ['multi-class', 'binary-class', 'multi-label', 'ordinal-regression'],
    );
    const networks = new Set(tour.configurations.map(({ network }) => network));
    assert.deepEqual([...networks], ['resnet_tour', 'swin_tour']);
  });

  it('refuse in one line what they do not know', async () => {
    const refused = (given: Record<string, unknown>, pattern: RegExp) =>
      assert.rejects(async () => planGrid(resolveParameters(medmnist2dParameterSpecs, given)), userError(pattern));
    await refused({ datasets: 'bloodmist' }, /no dataset "bloodmist", did you mean "bloodmnist"/);
    await refused({ datasets: '/nowhere/x.npz' }, /x\.npz/);
    await refused({ datasets: 'a, b' }, /^datasets is "a, b", but must be stand-ins, all, names or paths/);
    await refused({ networks: 'resnet5' }, /no network "resnet5".*did you mean "resnet50"/);
    await refused({ seeds: '1,1' }, /each may be there once only/);
    await refused({ seeds: 'x' }, /^seeds is "x", but must be whole numbers with commas between them/);
    await refused({ initializations: 'pretrained' }, /no pretrained weights of resnet_tour/);
    await refused({ size: 32 }, /^size is 32, but must be one of 28, 64, 128, 224/);
    assert.throws(() => medmnist2dBenchmark({ dataset: 'x' } as GivenMedmnist2dParameters), userError(/no parameter "dataset", did you mean "datasets"/)); // prettier-ignore
  });

  it('find the store of the command, or one of their own', () => {
    const run = { notebook: medmnist2dNotebook, runId: 'x', directory: join(folder, 'x'), parameters: {} };
    assert.equal(gridStoreFolder({ profile: 'paper', store: 'auto' }, run), defaultGridStore);
    assert.equal(gridStoreFolder({ profile: 'tour', store: 'auto' }, run), join(folder, 'x', 'checkpoints', 'runs'));
    assert.equal(gridStoreFolder({ profile: 'paper', store: '/data/grid' }, run), '/data/grid');
  });
});

describe('what is told of the grid', () => {
  it('has the size of each network', () => {
    const sizes = (networks: string[], name: string): number[] =>
      gridConfigurations({ datasets: [name], networks, initializations: ['scratch'], optimizers: ['sgd'], seeds: [0] }).map(parameterCount); // prettier-ignore
    assert.deepEqual(sizes(['resnet50', 'swin_b'], 'bloodmnist'), [23_524_424, 86_743_224 + 8 * 1025]);
    const [eight, two] = ['bloodmnist', 'breastmnist'].map((name) => sizes(['resnet_tour'], name)[0]);
    assert.ok(eight > two);
  });

  it('has no settings of networks that have no weights', () => {
    const weights = declaredHere.find(({ what }) => what === 'Weights');
    assert.equal(weights?.choice, 'resnet50.a1_in1k, swin_base_patch4_window7_224.ms_in1k');
  });

  it('knows the labels of what is on this machine only', async () => {
    const { datasets, source } = await planGrid(resolveParameters(medmnist2dParameterSpecs, { datasets: `synthetic-multi-label,${files[0]}` })); // prettier-ignore
    const [signs, cells] = await Promise.all(datasets.map((dataset) => readTestLabels(dataset, source)));
    assert.deepEqual([signs?.task, signs?.classes, signs?.truth.length], ['multi-label', 6, 6 * 240]);
    assert.deepEqual([cells?.task, cells?.truth.length], ['binary-class', counts.test]);
    const paper = await planGrid(resolveParameters(medmnist2dParameterSpecs, { datasets: 'breastmnist', size: 28 }));
    const nowhere = { cacheDirectory: join(folder, 'none'), medmnistRoot: join(folder, 'none') };
    assert.equal(await readTestLabels(paper.datasets[0], nowhere), undefined);
  });
});
