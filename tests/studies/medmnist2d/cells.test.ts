import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import { writeNpz, type NpzArray } from '../../../lib/data/npz-writer';
import { createRandom } from '../../../lib/random';
import { declaredHere } from '../../../lib/studies/medmnist2d/study';
import * as medmnist2d from '../../../lib/studies/medmnist2d/cells';
import { readTestLabels } from '../../../lib/data/dataset-references';
import { gridRecipe } from '../../../lib/studies/medmnist2d/networks';
import {
  defaultGridStore,
  gridStoreFolder,
  medmnist2dParameterSpecs,
} from '../../../lib/studies/medmnist2d/parameters';
import { parameters } from '../../../lib/notebooks';
import type { GridRow } from '../../../lib/studies/medmnist2d/rows';
import { parameterCount } from '../../../lib/studies/medmnist2d/rows';
import { planGrid } from '../../../lib/studies/medmnist2d/grid';
import { gridConfigurations } from '../grid-of';
import { resolveParameters } from '../../../lib/runs/parameters';
import { readResults } from '../../../lib/runs/results';
import { adamW } from '../../../lib/training/create-optimizer';
import { flip } from '../../../lib/training/augmentations';
import { differenceRows } from '../../../lib/workbench/differences';
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
function writeImages(
  name: string,
  seed: number,
  [height, width] = [28, 28],
  labelOf: (index: number, split: string) => number = (index) => index % 2,
): string {
  const path = join(folder, name);
  const arrays: Record<string, NpzArray> = {};
  for (const [split, count] of Object.entries(counts)) {
    const random = createRandom(seed, split);
    const labels = Uint8Array.from({ length: count }, (_, index) => labelOf(index, split));
    const bytes = Uint8Array.from(
      { length: count * height * width },
      (_, at) => 60 * labels[Math.floor(at / (height * width))] + random.integer(120),
    );
    arrays[`${split}_images`] = { type: '|u1', shape: [count, height, width], bytes };
    arrays[`${split}_labels`] = { type: '|u1', shape: [count, 1], bytes: labels };
  }
  writeNpz(path, arrays);
  return path;
}
const files = [writeImages('cells.npz', 1), writeImages('nodes.npz', 2)];

const small = {
  ...{ datasets: files.join(','), networks: 'resnet_tour', optimizers: 'adamw,sgd', arms: 'corrected', seeds: '0,1' },
  ...{ epochs: 1, batchSize: 8, resamples: 100, store: join(folder, 'store') },
};

let opened = 0;

type Given = Parameters<typeof parameters<'05'>>[1];

/** As a command does it: what is written goes to a folder of its own. */
async function openStudy(given: Given = {}, recipe?: medmnist2d.OpenGrid['recipe']) {
  const directory = join(folder, `run-${opened++}`);
  process.env.NOTEBOOK_RUN_DIRECTORY = directory;
  const settings = parameters('05', { ...small, ...given });
  const data = await medmnist2d.openData(settings);
  const runs = medmnist2d.runsOf(settings, data);
  return { directory, data, grid: medmnist2d.openGrid(settings, data, { runs, recipe }) };
}

/** What is told meanwhile. */
async function train(grid: medmnist2d.OpenGrid) {
  const events: TrainingEvent[] = [];
  const snapshot = await medmnist2d.trainGrid(grid, { onProgress: (event) => events.push(event as TrainingEvent) });
  return { events, snapshot };
}

const rowsOf = (directory: string): GridRow[] => (readResults(directory)?.results ?? []) as GridRow[];

/** When each result was written. */
const resultTimes = (store: string): Record<string, number> =>
  Object.fromEntries(
    readdirSync(store)
      .sort()
      .map((id) => [id, statSync(join(store, id, 'result.json')).mtimeMs]),
  );

describe('a grid in a notebook', () => {
  it('is done by itself, recorded as the contract has it, and never done again', async () => {
    const { grid, directory, data } = await openStudy();
    assert.equal(grid.configurations.length, 2 * 2 * 2);
    assert.deepEqual(
      data.images.map(({ name }) => name),
      ['cells.npz', 'nodes.npz'],
    );
    assert.equal(medmnist2d.describeGridDatasets(data.datasets, data.counts)[0].trainImages, 16);
    const byOptimizer = medmnist2d.byValue(grid.configurations, 'optimizer', medmnist2d.recipe);
    assert.deepEqual(
      differenceRows(byOptimizer).map(({ setting, AdamW, SGD }) => [setting, AdamW, SGD]),
      [
        ['optimizer', 'adamw', 'sgd'],
        ['beta1', '0.9', 'not set'],
        ['beta2', '0.999', 'not set'],
        ['epsilon', '1e-8', 'not set'],
        ['weightDecay', '0.02', '0.0001'],
        ['learningRate', '0.003', '0.05'],
        ['momentum', 'not set', '0.9'],
        ['nesterov', 'not set', 'true'],
      ],
    );
    assert.match(medmnist2d.progressMessage(medmnist2d.look(grid)).message, /^0 of 8 runs/);
    assert.deepEqual(rowsOf(directory), []);

    const { snapshot, events } = await train(grid);
    assert.deepEqual(medmnist2d.progressMessage(snapshot), {
      message: 'All 8 runs of 4 cells are finished.',
      complete: true,
    });
    assert.deepEqual(events.filter(({ kind }) => kind === 'done').length, 1);
    const steps = events.flatMap((event) => (event.kind === 'batch' ? [event.step] : []));
    assert.equal(steps[steps.length - 1], 8);

    const results = readResults(directory);
    assert.equal(results?.notebook, '05_medmnist2d_benchmark');
    assert.equal(results?.data.name, 'cells.npz, nodes.npz');
    assert.deepEqual(results?.data.splits, { train: 32, val: 16, test: 24 });
    assert.deepEqual(results?.grid, { runs: 8, finished: 8 });
    const rows = rowsOf(directory);
    assert.equal(rows.length, 8);
    for (const row of rows) {
      assert.deepEqual(
        [row.model, row.weights, row.protocol, row.arm],
        ['small ResNet', 'random', 'scratch', 'corrected'],
      );
      assert.ok(row.parameters > 1000 && row.parameters === row.trainableParameters);
      const scores = [row.bestValAccuracy, row.testAccuracy, row.testMacroF1, Number(row.testAuc), row.valAuc];
      assert.ok(
        scores.every((score) => score >= 0 && score <= 1),
        JSON.stringify(row),
      );
      assert.ok(row.seconds > 0 && row.epoch === 1 && row.settings.epochs === 1);
      assert.ok(readdirSync(join(small.store, row.trainingKey)).includes(row.predictionFile));
      assert.equal(results?.history[row.trainingKey].length, 1);
    }

    const times = resultTimes(small.store);
    const again = await openStudy();
    const tensors = tf.memory().numTensors;
    assert.deepEqual((await train(again.grid)).events, []);
    assert.deepEqual(resultTimes(small.store), times);
    assert.deepEqual(rowsOf(again.directory), rows);
    assert.equal(tf.memory().numTensors, tensors);
  });

  it('that grows does only what is new', async () => {
    const times = resultTimes(small.store);
    const { grid } = await openStudy({ seeds: '0,1,2', datasets: files[0] });
    const half = medmnist2d.look(grid);
    assert.match(
      medmnist2d.progressMessage(half).message,
      /^4 of 6 runs are finished, 0 running, 2 missing\. Of 2 cells, 0 are empty and 2 lack seeds/,
    );
    assert.equal(medmnist2d.numericRows(half)[0].missingSeeds, '2');
    const { snapshot } = await train(grid);
    assert.equal(medmnist2d.progressMessage(snapshot).complete, true);
    const after = resultTimes(small.store);
    assert.equal(Object.keys(after).length, 10);
    for (const [id, time] of Object.entries(times)) assert.equal(after[id], time);
  });

  it('has comparisons, intervals from the predictions on the disk, and figures', async () => {
    const { grid } = await openStudy();
    const snapshot = medmnist2d.look(grid);
    assert.deepEqual(medmnist2d.compare(snapshot, 'pretrained'), []);
    assert.deepEqual(medmnist2d.compare(snapshot, 'scratch'), []);
    const compared = medmnist2d.compare(snapshot, 'optimizer');
    assert.deepEqual(
      compared.map(({ title }) => title),
      ['AdamW against SGD (small ResNet, from scratch)'],
    );
    const intervals = await medmnist2d.intervals(grid, snapshot, compared);
    for (const [at, { interval, images }] of intervals[0].datasets.entries()) {
      assert.equal(images, counts.test);
      assert.ok(Math.abs((interval?.value ?? NaN) - compared[0].datasets[at].meanDifference) < 1e-12);
    }
    assert.deepEqual(medmnist2d.intervalsOf(intervals, compared), intervals);
    assert.equal(medmnist2d.overallRows(compared)[0].datasets, 2);
    assert.ok(medmnist2d.differenceFigure(intervals) !== undefined);
    assert.equal(medmnist2d.differenceFigure([]), undefined);
    assert.equal(medmnist2d.networkFigure(snapshot, 'pretrained'), undefined);
    assert.equal(medmnist2d.fractionFigure(snapshot), undefined);
    assert.deepEqual(await medmnist2d.multiLabelAccuracy(grid, snapshot), []);
    assert.deepEqual(medmnist2d.publishedRows(snapshot), []);
    assert.deepEqual(medmnist2d.roundingRows(snapshot, undefined), []);
  });

  it('looks on without training where it is told to', async () => {
    const { grid } = await openStudy({ store: join(folder, 'looked'), train: false });
    const { snapshot, events } = await train(grid);
    assert.deepEqual([snapshot.finished.length, events], [0, []]);
  });

  it('says which run failed, and keeps the others', async () => {
    const { grid } = await openStudy({ store: join(folder, 'failed'), seeds: '0', optimizers: 'sgd' });
    const changed = readFileSync(files[1]);
    writeImages('nodes.npz', 9);
    await assert.rejects(
      train(grid),
      userError(/^1 of 2 runs failed, the first of them [0-9a-f]{10}: .*nodes\.npz has the SHA-256/),
    );
    writeFileSync(files[1], changed);
    assert.equal(medmnist2d.look(grid).finished.length, 1);
    assert.equal((await train(grid)).snapshot.finished.length, 2);
  });

  it('with a recipe of one’s own has runs of their own, beside those of the study', async () => {
    const given = { store: join(folder, 'own'), seeds: '0', optimizers: 'sgd', datasets: files[0] };
    const study = await openStudy(given, (run) => ({ ...gridRecipe(run) }));
    assert.deepEqual((await openStudy(given)).grid.configurations, study.grid.configurations);
    const own = await openStudy(given, (run) => ({
      ...gridRecipe(run),
      optimizer: adamW({ weightDecay: 0.5 }),
      augment: [flip('vertical')],
    }));
    assert.notEqual(
      own.grid.store.idOf(own.grid.configurations[0]),
      study.grid.store.idOf(study.grid.configurations[0]),
    );
    await train(study.grid);
    assert.equal(medmnist2d.look(own.grid).finished.length, 0);
    const { snapshot } = await train(own.grid);
    assert.notDeepEqual(snapshot.finished[0].result.history, medmnist2d.look(study.grid).finished[0].result.history);
    const [{ settings }] = rowsOf(own.directory);
    assert.deepEqual(
      [settings.optimizer, settings.weightDecay, settings.augment],
      ['adamw', 0.5, 'flip (vertical, 0.5)'],
    );
  });

  it('trains on shares of the training images, and draws their curve', async () => {
    const given = { store: join(folder, 'shares'), fractions: '0.25,1', datasets: files[0], optimizers: 'sgd' };
    const { grid, directory } = await openStudy(given);
    assert.deepEqual(
      grid.configurations.map(({ fraction }) => fraction),
      [0.25, undefined, 0.25, undefined],
    );
    const { snapshot } = await train(grid);
    const rows = medmnist2d.numericRows(snapshot);
    assert.deepEqual(
      rows.map(({ n, fraction }) => [n, fraction]),
      [
        [2, 0.25],
        [2, undefined],
      ],
    );
    assert.notEqual(rows[0].testAuc, rows[1].testAuc);
    assert.deepEqual(
      rowsOf(directory).map(({ fraction }) => fraction),
      [0.25, undefined, 0.25, undefined],
    );
    const figure = medmnist2d.fractionFigure(snapshot);
    assert.match(figure?.text ?? '', /AUC by the share of the training images/);
    const { methods } = snapshot;
    assert.deepEqual(methods.map(medmnist2d.methodTitle), [
      'small ResNet, from scratch, SGD, 25 % of the training images',
      'small ResNet, from scratch, SGD',
    ]);
  });

  it('takes synthetic-blood', async () => {
    const given = {
      store: join(folder, 'blood'),
      datasets: 'synthetic-blood',
      syntheticImages: 100,
      seeds: '0',
      optimizers: 'sgd',
      keepModel: true,
    };
    const { grid, data, directory } = await openStudy(given);
    assert.deepEqual([data.images[0].splits.train.count, data.datasets[0].horizontalFlip], [100, true]);
    const { finished } = (await train(grid)).snapshot;
    assert.deepEqual(
      readdirSync(join(directory, 'models')),
      finished.map(({ id }) => id),
    );
    assert.equal(finished.length, 1);
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
    await refused({ networks: 'resnet_tour,resnet_tour' }, /network "resnet_tour" is named twice/);
    await refused({ fractions: '0' }, /^fractions is "0", but must be numbers above 0 and at most 1/);
    await refused({ learningRates: '1e-3' }, /^learningRates has 1 numbers, but there are 2 optimizers \(adamw, sgd\)/);
    await refused({ learningRates: 'fast' }, /^learningRates is "fast", but must be auto, or a number for each/);
    await refused({ augmentation: 'crops' }, /^augmentation is "crops", but must be one of crop and flip, crop/);
    await refused({ resnetWeights: 'resnet50' }, /must be one of resnet50\.a1_in1k, resnet50\.tv_in1k/);
    await refused({ size: 32 }, /^size is 32, but must be one of 28, 64, 128, 224/);
    assert.throws(
      () => parameters('05', { dataset: 'x' } as Given),
      userError(/no parameter "dataset", did you mean "datasets"/),
    );
  });

  it('set learning rates, weight decays, augmentation and the weights of ResNet-50', async () => {
    const given = {
      profile: 'paper',
      datasets: 'breastmnist',
      learningRates: '1e-3,0.05',
      weightDecays: '0.1,0',
      augmentation: 'none',
      resnetWeights: 'resnet50.tv_in1k',
    };
    const { configurations } = await planGrid(resolveParameters(medmnist2dParameterSpecs, given));
    const seen = new Set(
      configurations.map(({ optimizer, augmentation, network, weights }) =>
        JSON.stringify([
          optimizer.name,
          optimizer.learningRate,
          optimizer.weightDecay,
          augmentation.scale[0],
          augmentation.horizontalFlip,
          network,
          weights,
        ]),
      ),
    );
    assert.equal(seen.size, 2 * 2 * 2);
    assert.ok(seen.has('["adamw",0.001,0.1,1,false,"resnet50","resnet50.tv_in1k"]'));
    assert.ok(seen.has('["sgd",0.05,0,1,false,"swin_b","swin_base_patch4_window7_224.ms_in1k"]'));
  });

  it('tell files of one name apart, and refuse the same images twice', async () => {
    const plan = (...paths: string[]) =>
      planGrid(resolveParameters(medmnist2dParameterSpecs, { datasets: paths.join(',') }));
    mkdirSync(join(folder, 'other'), { recursive: true });
    const other = writeImages('other/cells.npz', 3);
    const { datasets, source } = await plan(files[0], other);
    const [{ name: first }, second] = datasets;
    assert.deepEqual([first, second.name], [files[0].split('/').slice(-2).join('/'), 'other/cells.npz']);
    assert.equal(source.files?.['other/cells.npz'], other);
    assert.notEqual(datasets[0].hash, second.hash);
    await assert.rejects(plan(files[0], files[0]), userError(/cells\.npz twice, but each may be there once only/));
    await assert.rejects(
      plan(files[0], writeImages('other/copy.npz', 1)),
      userError(/copy\.npz has the same images as cells\.npz/),
    );
    await assert.rejects(plan('breastmnist', 'breastmnist'), userError(/names breastmnist twice/));
  });

  it('refuse before the start images that no run of the grid could take', async () => {
    const plan = (path: string) => planGrid(resolveParameters(medmnist2dParameterSpecs, { datasets: path }));
    await assert.rejects(
      plan(writeImages('wide.npz', 4, [28, 40])),
      userError(/^wide\.npz has images of 28×40 pixels, but the grid takes square ones/),
    );
    await assert.rejects(
      plan(writeImages('one.npz', 4, [28, 28], (index, split) => (split === 'test' ? 0 : index % 2))),
      userError(/^The AUC of one\.npz is undefined on its test split/),
    );
  });

  it('find the store of the command, or one of their own', () => {
    const run = { directory: join(folder, 'x') };
    assert.equal(gridStoreFolder({ profile: 'paper', store: 'auto' }, run), defaultGridStore);
    assert.equal(gridStoreFolder({ profile: 'tour', store: 'auto' }, run), join(folder, 'x', 'checkpoints', 'runs'));
    assert.equal(gridStoreFolder({ profile: 'paper', store: '/data/grid' }, run), '/data/grid');
  });
});

describe('what is told of the grid', () => {
  it('has the size of each network', () => {
    const sizes = (networks: string[], name: string): number[] =>
      gridConfigurations({
        datasets: [name],
        networks,
        initializations: ['scratch'],
        optimizers: ['sgd'],
        seeds: [0],
      }).map(parameterCount);
    assert.deepEqual(sizes(['resnet50', 'swin_b'], 'bloodmnist'), [23_524_424, 86_743_224 + 8 * 1025]);
    const [eight, two] = ['bloodmnist', 'breastmnist'].map((name) => sizes(['resnet_tour'], name)[0]);
    assert.ok(eight > two);
  });

  it('has no settings of networks that have no weights', () => {
    const weights = declaredHere.find(({ what }) => what === 'Weights');
    assert.equal(weights?.choice, 'resnet50.a1_in1k, swin_base_patch4_window7_224.ms_in1k');
  });

  it('knows the labels of what is on this machine only', async () => {
    const { datasets, source } = await planGrid(
      resolveParameters(medmnist2dParameterSpecs, { datasets: `synthetic-multi-label,${files[0]}` }),
    );
    const [signs, cells] = await Promise.all(datasets.map((dataset) => readTestLabels(dataset, source)));
    assert.deepEqual([signs?.task, signs?.classes, signs?.truth.length], ['multi-label', 6, 6 * 240]);
    assert.deepEqual([cells?.task, cells?.truth.length], ['binary-class', counts.test]);
    const paper = await planGrid(resolveParameters(medmnist2dParameterSpecs, { datasets: 'breastmnist', size: 28 }));
    const nowhere = { cacheDirectory: join(folder, 'none'), medmnistRoot: join(folder, 'none') };
    assert.equal(await readTestLabels(paper.datasets[0], nowhere), undefined);
  });
});
