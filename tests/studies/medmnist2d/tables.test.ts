import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, describe, it } from 'node:test';

import { medmnistAuc } from '../../../lib/metrics/auc';
import { writePredictionFile } from '../../../lib/metrics/medmnist-files';
import { createRandom } from '../../../lib/random';
import { findDataset } from '../../../lib/data/registry';
import { claimRows, curvesFigure, epochsTo95, roughness, sizeFigure } from '../../../lib/studies/medmnist2d/claims';
import { comparisonsOf, networkPairs } from '../../../lib/studies/medmnist2d/study';
import { networkFigure, optimizerFigure, publishedFigure, rankFigure } from '../../../lib/studies/medmnist2d/figures';
import type { GridConfiguration } from '../../../lib/studies/medmnist2d/grid';
import { gridConfigurations } from '../grid-of';
import type { TestLabels } from '../../../lib/data/dataset-references';
import { incompleteRows, progressMessage, progressRows } from '../../../lib/runs/grid-state';
import {
  compareMethods,
  gridResultSchema,
  methodTitle,
  readPredictions,
  readSnapshot,
  type GridMethod,
  type GridMethodComparison,
  type GridResult,
  type GridSnapshot,
} from '../../../lib/studies/medmnist2d/results';
import {
  multiLabelRows,
  numericRows,
  publishedRows,
  roundingRows,
  scoreMatrixRows,
} from '../../../lib/studies/medmnist2d/tables';
import {
  compareOnTestImages,
  differenceFigure,
  meanWithDeviation,
  noteRows,
  overallRows,
  pairedTestRows,
  type PredictionSource,
} from '../../../lib/workbench/method-comparisons';
import { openRunStore } from '../../../lib/runs/store';
import { userError } from '../../data/user-error';

const folder = mkdtempSync(join(tmpdir(), 'medmnist2d-tables-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const seeds = [0, 1, 2];
const datasets = ['breastmnist', 'retinamnist', 'chestmnist', 'bloodmnist'];
const grid = gridConfigurations({ datasets, seeds });

/** What a network would get, were it a matter of these numbers. */
function aucOf({ dataset, network, initialization, optimizer, seed }: GridConfiguration): number {
  const advantage = (network === 'swin_b' ? 0.02 : 0) + (initialization === 'pretrained' ? 0.05 : 0);
  const noise = createRandom(seed, dataset.name, network, initialization, optimizer.name).normal(0, 0.004);
  return 0.8 + advantage + (optimizer.name === 'adamw' ? 0.01 : 0) + noise;
}

function resultOf(configuration: GridConfiguration, testAuc = aucOf(configuration)): GridResult {
  const kappa = configuration.dataset.task === 'ordinal-regression' ? { testKappa: 0.4 } : {};
  const multiLabel = configuration.dataset.task === 'multi-label';
  return {
    ...{ testAuc, testAccuracy: multiLabel ? 0.947 : testAuc - 0.1, testMacroF1: 0.5, valAuc: testAuc, ...kappa },
    ...{ selectedEpoch: 1, epochs: 1, seconds: 1, predictionFile: 'none.csv', history: [] },
  };
}

let stores = 0;

/** A store with some of the runs, as it lies on a disk. */
function snapshotOf(
  keep: (configuration: GridConfiguration) => boolean,
  result: (configuration: GridConfiguration) => GridResult = (configuration) => resultOf(configuration),
  configurations: readonly GridConfiguration[] = grid,
): GridSnapshot {
  const store = openRunStore<GridConfiguration, GridResult>(join(folder, String(stores++)), gridResultSchema);
  for (const one of configurations.filter(keep)) store.claim(one)?.finish(result(one));
  return readSnapshot(store, configurations);
}

const gridComparisons = comparisonsOf(networkPairs.study);
type Kind = keyof typeof gridComparisons;
const compare = (snapshot: GridSnapshot, kind: Kind): GridMethodComparison[] =>
  compareMethods(snapshot, gridComparisons[kind]);

describe('a grid that is half done', () => {
  // All of seed 0, of seed 1 the two small datasets, of seed 2 nothing; and one method has not begun on BloodMNIST.
  const isLate = ({ dataset, network, initialization, optimizer }: GridConfiguration): boolean =>
    dataset.name === 'bloodmnist' && network === 'swin_b' && initialization === 'scratch' && optimizer.name === 'sgd';
  const half = snapshotOf(
    (one) =>
      !isLate(one) && (one.seed === 0 || (one.seed === 1 && ['breastmnist', 'retinamnist'].includes(one.dataset.name))),
  );

  it('is shown as such', () => {
    const { message, complete } = progressMessage(half);
    assert.equal(complete, false);
    assert.equal(
      message,
      '47 of 96 runs are finished, 0 running, 49 missing. Of 32 cells, 1 are empty and 31 lack seeds. ' +
        'Everything below is computed from what is there; each number says of how many seeds.',
    );
    const rows = progressRows(half);
    assert.equal(rows.length, 8);
    assert.deepEqual(rows[7], {
      method: 'Swin-B, from scratch, SGD',
      ChestMNIST: '1 of 3',
      RetinaMNIST: '2 of 3',
      BreastMNIST: '2 of 3',
      BloodMNIST: '0 of 3',
    });
    const incomplete = incompleteRows(half);
    const none = { runningSeeds: '' };
    assert.deepEqual(
      incomplete.filter(({ dataset }) => dataset !== 'BloodMNIST'),
      [
        { dataset: 'ChestMNIST', methods: 'all 8', finishedSeeds: '0', ...none, missingSeeds: '1, 2' },
        { dataset: 'RetinaMNIST', methods: 'all 8', finishedSeeds: '0, 1', ...none, missingSeeds: '2' },
        { dataset: 'BreastMNIST', methods: 'all 8', finishedSeeds: '0, 1', ...none, missingSeeds: '2' },
      ],
    );
    const [others, empty] = incomplete.filter(({ dataset }) => dataset === 'BloodMNIST');
    assert.deepEqual([others.methods.split('; ').length, others.missingSeeds], [7, '1, 2']);
    assert.deepEqual(empty, {
      dataset: 'BloodMNIST',
      methods: 'Swin-B, from scratch, SGD',
      finishedSeeds: '',
      ...none,
      missingSeeds: '0, 1, 2',
    });
  });

  it('tells what is running and begun from what is missing', () => {
    const store = openRunStore<GridConfiguration, GridResult>(join(folder, String(stores++)), gridResultSchema);
    store.claim(grid[0])?.finish(resultOf(grid[0]));
    const claim = store.claim(grid[1]);
    store.claim(grid[2])?.release();
    const snapshot = readSnapshot(store, grid.slice(0, 4));
    claim?.release();
    assert.match(
      progressMessage(snapshot).message,
      /^1 of 4 runs are finished, 1 running, 2 missing \(1 of them begun\)\. Of 4 cells, 3 are empty and 0 lack seeds\./,
    );
    assert.equal(progressRows(snapshot)[1].BreastMNIST, '0 of 1, 1 running');
    assert.equal(incompleteRows(snapshot)[0].runningSeeds, '0');
  });

  it('is told from one that is done and from one that has not begun', () => {
    assert.deepEqual(progressMessage(snapshotOf(() => true)), {
      message: 'All 96 runs of 32 cells are finished.',
      complete: true,
    });
    const none = snapshotOf(() => false);
    assert.match(progressMessage(none).message, /^0 of 96 runs .* There is nothing to compute yet\.$/);
    assert.equal(rankFigure(none), undefined);
    assert.deepEqual(overallRows(compare(none, 'scratch'))[0].datasets, 0);
    assert.deepEqual(
      multiLabelRows(none, () => 0.1),
      [],
    );
    for (const figure of [networkFigure(none, 'scratch'), optimizerFigure(none), publishedFigure(none)])
      assert.ok(figure === undefined || figure.html.length > 0);
  });

  it('has statistics of the seeds that are there, and says which are not', () => {
    const rows = numericRows(half);
    const find = (dataset: string, title: string) =>
      rows.find((row) => row.dataset === dataset && `${row.network}, ${row.optimizer}` === title);
    assert.deepEqual(
      [find('BreastMNIST', 'Swin-B, SGD')?.n, find('BreastMNIST', 'Swin-B, SGD')?.missingSeeds],
      [2, '2'],
    );
    assert.deepEqual([find('ChestMNIST', 'Swin-B, SGD')?.n, find('ChestMNIST', 'Swin-B, SGD')?.deviation], [1, NaN]);
    const matrix = scoreMatrixRows(half, 'corrected') as Record<string, string>[];
    assert.match(matrix[2]['Swin-B, from scratch, SGD'], /^0\.8\d{3} ± 0\.0\d+ \(2\)$/);
    assert.match(matrix[0]['Swin-B, from scratch, SGD'], /^0\.8\d{3} \(1\)$/);
    assert.equal(matrix[3]['Swin-B, from scratch, SGD'], '');

    const scratch = compare(half, 'scratch');
    const paired = pairedTestRows(scratch);
    const sgd = paired.filter(({ setting }) => setting === 'SGD');
    assert.deepEqual(
      sgd.map(({ dataset, pairs }) => [dataset, pairs]),
      [
        ['ChestMNIST', 1],
        ['RetinaMNIST', 2],
        ['BreastMNIST', 2],
        ['BloodMNIST', 0],
      ],
    );
    assert.deepEqual(
      sgd.map(({ p }) => Number.isNaN(p)),
      [true, false, false, true],
    );
    const notes = noteRows(scratch);
    const ofBlood = notes.find(({ where }) => where === 'BloodMNIST (SGD)');
    assert.match(
      ofBlood?.note ?? '',
      /^Swin-B, from scratch, SGD lacks seed 0, 1, 2\. ResNet-50, from scratch, SGD lacks seed 1, 2\. 0 of 3 pairs/,
    );
    assert.ok(
      notes.some(
        ({ note, where }) =>
          note === 'p-values are adjusted for the 2 of 4 datasets that have a test.' && where === 'AdamW; SGD',
      ),
    );
    // Both datasets of one setting that lack the same seed share a note.
    assert.ok(notes.some(({ where }) => where === 'RetinaMNIST (AdamW); BreastMNIST (AdamW)'));
    assert.deepEqual(
      overallRows(scratch).map(({ datasets: count, lowestP }) => [count, lowestP]),
      [
        [4, 0.125],
        [3, 0.25],
      ],
    );
  });

  it('is drawn with gaps, and ranked where nothing is missing', () => {
    const figure = networkFigure(half, 'scratch');
    assert.match(figure?.figure.caption ?? '', /^From 47 of 96 runs; .* –: not there yet\.$/);
    assert.equal(rankFigure(half), undefined);
    const most = snapshotOf((one) => !isLate(one));
    const { caption = '' } = rankFigure(most)?.figure ?? {};
    assert.match(caption, /All datasets rank the methods alike.* Without BloodMNIST, where runs are missing\./);
    assert.doesNotMatch(caption, /p = /);
  });
});

describe('degenerate comparisons', () => {
  const same = snapshotOf(
    () => true,
    (one) => {
      const { dataset, network, seed } = one;
      const steps = [0.75, 0.5, 0.875][seed];
      if (dataset.name === 'breastmnist') return resultOf(one, steps);
      if (dataset.name === 'retinamnist') return resultOf(one, network === 'swin_b' ? steps + 0.125 : steps);
      return resultOf(one);
    },
  );
  const compared = compare(same, 'scratch');

  it('are named: identical samples and a constant difference', () => {
    const rows = pairedTestRows(compared).filter(({ setting }) => setting === 'AdamW');
    assert.deepEqual([rows[2].t, rows[2].p, rows[2].g, rows[2].difference], [0, 1, 0, 0]);
    assert.deepEqual([rows[1].t, rows[1].p, rows[1].g, rows[1].difference], [Infinity, 0, Infinity, 0.125]);
    const notes = noteRows(compared);
    assert.deepEqual(notes, [
      {
        note: 'All differences are equal up to rounding: without a spread, t and p mean nothing.',
        where: 'RetinaMNIST (AdamW); RetinaMNIST (SGD)',
      },
      {
        note: 'The samples are identical: there is no difference to test.',
        where: 'BreastMNIST (AdamW); BreastMNIST (SGD)',
      },
    ]);
  });

  it('are never counted as significant', () => {
    const [row] = overallRows(compared);
    assert.equal(row.comparison, 'Swin-B against ResNet-50, from scratch');
    assert.equal(row.better, '3 : 0');
    const tests = compared[0].datasets.filter(({ dataset }) => dataset === 'chestmnist' || dataset === 'bloodmnist');
    const significant = tests.filter(({ adjustedPValue = 1 }) => adjustedPValue < 0.05).length;
    assert.equal(row.significant, `${significant} : 0`);
    assert.equal(row.uncorrected, tests.filter(({ tTest }) => (tTest?.pValue ?? 1) < 0.05).length);
  });

  it('arise where AUCs have three decimals', () => {
    const close = snapshotOf(
      () => true,
      (one) => resultOf(one, 0.997 + 1e-4 * one.seed + (one.network === 'swin_b' ? 2e-5 * one.seed : 0)),
    );
    const [comparison] = compare(close, 'scratch');
    const [row] = roundingRows(close, comparison);
    assert.ok(row.deviation > 1e-4 && row.p > 0 && row.p < 1);
    assert.deepEqual([row.deviationRounded, row.pRounded], [0, 1]);
    assert.match(row.notes, /identical/);
    const [exact] = roundingRows(same, compared[0]).filter(({ dataset }) => dataset === 'RetinaMNIST');
    assert.equal(exact.deviation, exact.deviationRounded);
  });
});

describe('the tables of scores', () => {
  const all = snapshotOf(() => true);

  it('have kappa for grades only, and no accuracy of a multi-label task', () => {
    for (const { dataset, testKappa, testAccuracy, testAuc, n } of numericRows(all)) {
      assert.equal(Number.isNaN(testKappa), dataset !== 'RetinaMNIST', dataset);
      assert.equal(Number.isNaN(testAccuracy), dataset === 'ChestMNIST', dataset);
      assert.ok(testAuc > 0.7 && n === 3);
    }
    const [chest] = publishedRows(all).filter(({ dataset }) => dataset === 'ChestMNIST');
    assert.deepEqual([chest.publishedAccuracy, chest.accuracy], [NaN, NaN]);
  });

  it('hold our ResNet-50 from scratch against the published one, where the data are the published ones', () => {
    const rows = publishedRows(all);
    assert.deepEqual(
      [...new Set(rows.map(({ ours }) => ours))],
      ['ResNet-50, from scratch, AdamW', 'ResNet-50, from scratch, SGD'],
    );
    assert.equal(rows.length, 8);
    const [blood] = rows.filter(({ dataset }) => dataset === 'BloodMNIST');
    assert.deepEqual([blood.publishedAuc, blood.publishedAccuracy], [0.997, 0.95]);
    assert.equal(blood.difference, blood.auc - 0.997);
    assert.equal(publishedFigure(all)?.figure.data.length, 2);
    const other = gridConfigurations({ datasets: [{ ...grid[0].dataset, name: 'cells.npz' }], seeds });
    const elsewhere = snapshotOf(() => true, undefined, other);
    assert.deepEqual(publishedRows(elsewhere), []);
    assert.equal(publishedFigure(elsewhere), undefined);
  });

  it('say what accuracy finding nothing has', () => {
    const [row, ...others] = multiLabelRows(all, () => 0.053);
    assert.equal(others.length, 0);
    assert.deepEqual(
      [row.dataset, row.accuracyOfFindingNothing, row.lowestAccuracy, row.methods],
      ['ChestMNIST', 0.947, 0.947, 8],
    );
  });

  it('write a mean with its deviation, and of how many seeds it is where that is not all', () => {
    const summary = { n: 3, mean: 0.91234, deviation: 0.0123, missing: [] };
    assert.equal(meanWithDeviation(summary, 4), '0.9123 ± 0.0123');
    assert.equal(meanWithDeviation({ ...summary, missing: [7] }), '0.912 ± 0.012 (3)');
    assert.equal(meanWithDeviation({ ...summary, n: 1, deviation: NaN, missing: [1, 2] }), '0.912 (1)');
    assert.equal(meanWithDeviation({ n: 0, mean: NaN, deviation: NaN, missing: seeds }), '');
  });

  it('become figures of the networks that the grid has', () => {
    assert.equal(
      networkFigure(all, 'pretrained')?.figure.layout.title?.text,
      'Pretrained on ImageNet-1k: ResNet-50 and Swin-B, corrected',
    );
    assert.equal(networkFigure(all, 'pretrained', 'as-published'), undefined);
    assert.match(optimizerFigure(all)?.figure.label ?? '', /on ChestMNIST, BreastMNIST$/);
    const tour = gridConfigurations({ datasets, seeds, networks: ['resnet_tour', 'swin_tour'] });
    const small = snapshotOf(() => true, undefined, tour);
    assert.equal(networkFigure(small, 'pretrained'), undefined);
    assert.match(networkFigure(small, 'scratch')?.figure.layout.title?.text ?? '', /small ResNet and small Swin/);
    assert.equal((optimizerFigure(small)?.figure.layout.xaxis as { tickvals: number[] }).tickvals.length, 2);
    assert.equal(publishedFigure(small), undefined);
  });
});

describe('intervals over test images', () => {
  const truth = Array.from({ length: 60 }, (_, index) => index % 2);
  const labels: TestLabels = { task: 'binary-class', truth, classes: 2 };
  const binary = grid.filter(({ dataset }) => dataset.name === 'breastmnist');
  const store = openRunStore<GridConfiguration, GridResult>(join(folder, 'predictions'), gridResultSchema);

  /** A run as it leaves itself: its predictions in its folder. */
  function finish(configuration: GridConfiguration): void {
    const claim = store.claim(configuration);
    if (claim === undefined) throw new Error('The run is finished already.');
    const random = createRandom(configuration.seed, configuration.network, configuration.optimizer.name);
    const skill = configuration.network === 'swin_b' ? 1.2 : 0.7;
    const scores = Float64Array.from(
      truth,
      (label) => 1 / (1 + Math.exp(-(skill * (2 * label - 1) + random.normal()))),
    );
    const naming = { dataset: 'breastmnist', size: 224, split: 'test', run: claim.id } as const;
    const { path, auc, accuracy } = writePredictionFile(claim.directory, { ...labels, scores }, naming);
    claim.finish({ ...resultOf(configuration, auc), testAccuracy: accuracy, predictionFile: basename(path) });
  }
  for (const one of binary.filter(
    ({ initialization, network, seed }) => initialization === 'scratch' && !(network === 'swin_b' && seed === 2),
  ))
    finish(one);
  const snapshot = readSnapshot(store, binary);
  const [comparison] = compare(snapshot, 'scratch');
  const resampling = { seed: 5, resamples: 200 };
  const sourceOf = (known: TestLabels | undefined): PredictionSource<GridMethod> => ({
    labelsOf: () => Promise.resolve(known),
    predictionsOf: (...of) => readPredictions(snapshot, ...of),
  });

  it('pool the seeds that both sides have', async () => {
    const intervals = await compareOnTestImages([comparison], snapshot.datasets, sourceOf(labels), resampling);
    const [{ datasets: rows }] = intervals ?? [];
    const [{ interval, pairs, images, note }] = rows;
    assert.deepEqual([pairs, images, note], [2, 60, '']);
    assert.ok(interval !== undefined && interval.low < interval.value && interval.value < interval.high);
    assert.ok(Math.abs(interval.value - comparison.datasets[0].meanDifference) < 1e-12);
    const [row] = pairedTestRows([comparison], intervals);
    assert.match(row.interval, /^[+−]?0\.\d{4} to \+0\.\d{4}$/);
    const figure = differenceFigure(intervals ?? []);
    assert.deepEqual(figure?.figure.data[0].x, [interval.value]);
    assert.match(JSON.stringify(figure?.figure.layout), /ResNet-50 is better/);
  });

  it('are of predictions that give the AUC of their run', () => {
    const method = comparison.second;
    const dataset = snapshot.datasets[0];
    const [first] = readPredictions(snapshot, method, dataset, [0], labels);
    const run = snapshot.finished.find(
      ({ configuration: { seed, network, optimizer } }) =>
        seed === 0 && network === 'resnet50' && optimizer.name === method.optimizer,
    );
    assert.equal(medmnistAuc(first), run?.result.testAuc);
    const others = { ...labels, truth: truth.map((label, index) => (index < 4 ? 1 - label : label)) };
    const reread = (wrong: TestLabels, of: readonly number[]) => () =>
      readPredictions(snapshot, method, dataset, of, wrong);
    assert.throws(reread(others, [0]), userError(/gives an AUC of .*, but run [0-9a-f]{10} recorded/));
    assert.throws(reread(labels, [9]), userError(/^No run of seed 9 on breastmnist is finished\.$/));
    const path = join(snapshot.folder, run?.id ?? '', run?.result.predictionFile ?? '');
    writeFileSync(path, '0,0.5,0.5\n');
    assert.throws(reread(labels, [0]), userError(/has 1 images with 2 scores each; expected are 60 images/));
  });

  it('say why there are none', async () => {
    const pretrained = compare(snapshot, 'pretrained');
    const [none] = (await compareOnTestImages(pretrained, snapshot.datasets, sourceOf(labels), resampling)) ?? [];
    assert.deepEqual(
      [none.datasets[0].interval, none.datasets[0].note],
      [undefined, 'No seed is finished on both sides.'],
    );
    const [unlabelled] =
      (await compareOnTestImages([comparison], snapshot.datasets, sourceOf(undefined), resampling)) ?? [];
    assert.match(unlabelled.datasets[0].note, /not on this machine, so that there is no interval: npm run data/);
    const { data, caption = '' } = differenceFigure([unlabelled])?.figure ?? { data: [] };
    assert.deepEqual(data[0].x, [comparison.datasets[0].meanDifference]);
    assert.match(caption, /^Points without a bar: the test labels are not on this machine\./);
    assert.ok(noteRows([], [unlabelled]).some(({ where }) => where === 'BreastMNIST (AdamW)'));
    assert.equal(differenceFigure([]), undefined);
  });

  it('are stopped softly', async () => {
    const events: string[] = [];
    const stopped = await compareOnTestImages([comparison], snapshot.datasets, sourceOf(labels), {
      ...resampling,
      signal: AbortSignal.abort(),
      onProgress: ({ kind }) => events.push(kind),
    });
    assert.deepEqual([stopped, events], [undefined, ['stopped']]);
  });

  it('leave nothing beside what the runs wrote', () => {
    const [run] = snapshot.finished;
    assert.deepEqual(
      readdirSync(join(snapshot.folder, run.id)).sort(),
      [run.result.predictionFile, 'configuration.json', 'result.json'].sort(),
    );
    assert.equal(methodTitle(comparison.first), 'Swin-B, from scratch, AdamW');
  });
});

describe('the claims of the study', () => {
  const curve = (optimizer: string): number[] => (optimizer === 'adamw' ? [0.7, 0.9, 0.85, 0.9] : [0.6, 0.7, 0.8, 0.9]);
  const withHistory = (one: GridConfiguration, testAuc = aucOf(one)): GridResult => ({
    ...resultOf(one, testAuc),
    history: curve(one.optimizer.name).map((valAuc, at) => ({ epoch: at + 1, trainLoss: 1, valAuc })),
  });
  const claimsOf = (snapshot: GridSnapshot) =>
    new Map(claimRows({ snapshot, counts: new Map() }).map((row) => [row.claim, row]));
  const ahead = 'Pretrained, Swin-B beats ResNet-50 on most datasets (AdamW)';

  it('are told by intervals over seeds and datasets, and by the curves', () => {
    const rows = claimsOf(snapshotOf(() => true, withHistory));
    assert.equal(rows.get(ahead)?.verdict, 'confirmed');
    assert.ok(Math.abs(Number(rows.get(ahead)?.estimate?.mean) - 0.02) < 0.005);
    assert.match(String(rows.get(ahead)?.why), /ahead on 4 of 4 datasets/);
    assert.equal(rows.get('From scratch, ResNet-50 matches or beats Swin-B (SGD)')?.verdict, 'contradicted');
    assert.equal(rows.get('AdamW is faster')?.ours, '+2.0'); // 0.95 · 0.9 is reached in epochs 2 and 4
    assert.equal(rows.get('AdamW is faster')?.verdict, 'confirmed');
    assert.equal(rows.get('SGD is smoother')?.verdict, 'confirmed');
    const gains = rows.get('AdamW gains most on ChestMNIST and BreastMNIST');
    assert.equal(gains?.verdict, 'cannot be told here');
    const interaction = rows.get('Swin-B depends on the optimizer more than ResNet-50, from scratch');
    assert.ok(Math.abs(Number(interaction?.estimate?.mean)) < 0.006);
  });

  it('see a slope over the training images, of datasets and of shares of them', () => {
    const few = 'ResNet-50 is ahead above all where data are few, from scratch';
    const auc = (one: GridConfiguration): number => {
      const images = (one.fraction ?? 1) * findDataset(one.dataset.name).splits.train;
      return 0.8 + (one.network === 'swin_b' ? 0.02 * Math.log10(images) : 0) + 1e-4 * one.seed;
    };
    const of = (configurations: readonly GridConfiguration[]) =>
      claimsOf(
        snapshotOf(
          () => true,
          (one) => withHistory(one, auc(one)),
          configurations,
        ),
      ).get(few);
    assert.deepEqual([of(grid)?.ours, of(grid)?.verdict], ['+0.020', 'confirmed']);
    const shares = gridConfigurations({ datasets: datasets.slice(0, 2), seeds, fractions: [0.1, 0.5, 1] });
    assert.deepEqual([of(shares)?.ours, of(shares)?.verdict], ['+0.020', 'confirmed']);
    assert.equal(of(grid.filter(({ dataset }) => dataset.name === 'bloodmnist'))?.verdict, 'not tested');
  });

  it('cannot be told from one seed, and not tested without what they are about', () => {
    const rows = claimsOf(snapshotOf(({ seed, initialization }) => seed === 0 && initialization === 'scratch'));
    const scratch = rows.get('From scratch, ResNet-50 matches or beats Swin-B (AdamW)');
    assert.equal(scratch?.verdict, 'cannot be told here');
    assert.match(String(scratch?.interval), / \(datasets only\)$/);
    assert.equal(rows.get(ahead)?.verdict, 'not tested');
    assert.match(String(rows.get('SGD is smoother')?.why), /three epochs/);
    assert.deepEqual([epochsTo95([0.9]), roughness([0.5, 0.7])], [undefined, undefined]);
    const alone = claimsOf(snapshotOf(({ network }) => network === 'resnet50'));
    assert.match(
      String(alone.get('ResNet-50 is ahead above all where data are few, from scratch')?.why),
      /several shares/,
    );
  });

  it('have figures: differences from few images to many, and a curve for each way of training', () => {
    const snapshot = snapshotOf(() => true, withHistory);
    const bySize = sizeFigure({ snapshot, counts: new Map() })?.figure;
    assert.match(JSON.stringify(bySize?.table?.[0]), /BreastMNIST, 546 images/);
    assert.equal(curvesFigure(snapshot)?.figure.data.length, 8);
  });
});
