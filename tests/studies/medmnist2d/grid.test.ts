import assert from 'node:assert/strict';
import { gridRecipe } from '../../../lib/studies/medmnist2d/networks';
import { cosine } from '../../../lib/training/schedules';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import type { Dataset } from '../../../lib/data/dataset';
import { findDataset } from '../../../lib/data/registry';
import { syntheticTaskCounts } from '../../../lib/data/synthetic-tasks';
import { placeImage, isIdentity } from '../../../lib/data/transform';
import { scorePanels } from '../../../lib/display/score-panels';
import { countParameters } from '../../../lib/models/parameters';
import { findPretrained } from '../../../lib/models/pretrained';
import { resnetConfigs, resnetParameters } from '../../../lib/models/resnet';
import { swinConfigs, swinParameters } from '../../../lib/models/swin';
import { createRandom } from '../../../lib/random';
import {
  comparisonsOf,
  gridArms,
  gridNetworks,
  gridOptimizers,
  gridSchedule,
  gridSeeds,
  networkPairs,
} from '../../../lib/studies/medmnist2d/study';
import type { GridConfiguration } from '../../../lib/studies/medmnist2d/grid';
import { imagenetNormalization } from '../../../lib/data/normalization';
import { gridConfigurations, gridRunId } from '../grid-of';
import { referenceTo, namedReference } from '../../../lib/data/dataset-references';
import { describeGridDatasets, publishedTarget } from '../../../lib/studies/medmnist2d/published';
import {
  compareMethods,
  gridResultSchema,
  methodTitle,
  readSnapshot,
  seedScores,
  type GridFinishedRun,
  type GridResult,
  type GridView,
} from '../../../lib/studies/medmnist2d/results';
import { gridRanks, networkPanels, optimizerPanels } from '../../../lib/studies/medmnist2d/figures';
import { comparisonSummaryRows } from '../../../lib/workbench/method-comparisons';
import { openRunStore } from '../../../lib/runs/store';
import { userError } from '../../data/user-error';

const gridComparisons = comparisonsOf(networkPairs.study);

const golden: { learningRates: { learningRate: number; epochs: number; warmupEpochs: number; values: number[] }[] } =
  JSON.parse(readFileSync(join(__dirname, '../../fixtures/medmnist2d_schedule.json'), 'utf8'));

const all = gridConfigurations();

describe('the grid', () => {
  it('has 12 datasets × 2 networks × 2 initializations × 2 optimizers × 5 seeds, each run once', () => {
    assert.equal(all.length, 12 * 2 * 2 * 2 * 5);
    assert.equal(new Set(all.map(gridRunId)).size, 480);
    assert.equal(gridConfigurations({ arms: ['as-published', 'corrected'] }).length, 960);
    assert.ok(all.every(({ arm }) => arm === 'corrected'));
  });

  it('does a whole seed before the next, small datasets first', () => {
    assert.deepEqual(
      all.map(({ seed }) => seed),
      [...gridSeeds].flatMap((seed) => Array<number>(96).fill(seed)),
    );
    assert.equal(all[0].dataset.name, 'breastmnist');
    assert.equal(all[95].dataset.name, 'tissuemnist');
  });

  it('has runs that are named by everything they depend on, and by nothing else', () => {
    const [one] = all;
    const ids = [
      one,
      ...gridConfigurations({ datasets: ['breastmnist'], size: 28 }).slice(0, 1),
      ...gridConfigurations({ datasets: ['breastmnist'], arms: ['as-published'] }).slice(0, 1),
      ...gridConfigurations({ datasets: ['breastmnist'], epochs: 50 }).slice(0, 1),
      ...gridConfigurations({ datasets: ['breastmnist'], seeds: [7] }).slice(0, 1),
    ].map(gridRunId);
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(gridRunId(gridConfigurations({ datasets: ['breastmnist'], seeds: [0] })[0]), ids[0]);
    // What a store reads back is the same run.
    assert.equal(gridRunId(JSON.parse(JSON.stringify(one)) as GridConfiguration), ids[0]);
  });

  it('names weights by their full tag, and only those of ImageNet-1k', () => {
    for (const { network, initialization, weights } of all) {
      if (initialization === 'scratch') assert.equal(weights, 'random');
      else {
        assert.equal(weights, gridNetworks[network].pretrained);
        assert.equal(findPretrained(weights).pretrainedOn, 'ImageNet-1k');
        assert.equal(findPretrained(weights).architecture, gridNetworks[network].architecture);
        assert.deepEqual(findPretrained(weights).mean, imagenetNormalization.mean);
        assert.deepEqual(findPretrained(weights).std, imagenetNormalization.std);
      }
    }
  });

  it('gives each task its loss and its outputs', () => {
    const heads = new Map(
      all.map(({ dataset, head }) => [dataset.name, [dataset.task, head.loss, head.activation, head.outputs]]),
    );
    assert.deepEqual(heads.get('chestmnist'), ['multi-label', 'binary-cross-entropy', 'sigmoid', 14]);
    assert.deepEqual(heads.get('breastmnist'), ['binary-class', 'cross-entropy', 'softmax', 2]);
    assert.deepEqual(heads.get('retinamnist'), ['ordinal-regression', 'cross-entropy', 'softmax', 5]);
    assert.deepEqual(heads.get('organsmnist'), ['multi-class', 'cross-entropy', 'softmax', 11]);
    const blood = heads.get('bloodmnist')?.[3] as number;
    assert.equal(countParameters({ table: resnetParameters(resnetConfigs.resnet50, { classes: blood }) }), 23_524_424);
    const swin = swinParameters(swinConfigs.swin_base_patch4_window7_224, { classes: blood });
    assert.equal(countParameters({ table: swin }), 86_743_224 + 8 * 1025);
  });

  it('mirrors no image whose label names a side, but for the arm that does what the study did', () => {
    const mirrored = (arm: string): string[] =>
      gridConfigurations({ arms: [arm], seeds: [0] })
        .filter(({ augmentation }) => !augmentation.horizontalFlip)
        .map(({ dataset }) => dataset.name);
    assert.deepEqual([...new Set(mirrored('corrected'))].sort(), ['organamnist', 'organcmnist', 'organsmnist']);
    assert.deepEqual(mirrored('as-published'), []);
    for (const { dataset } of all) {
      const sided = findDataset(dataset.name).classNames.some((name) => /left|right/.test(name));
      assert.equal(dataset.horizontalFlip, !sided, dataset.name);
    }
  });

  it('leaves images of 224 pixels alone when it is corrected, and cuts a quarter off as published', () => {
    const from = { height: 224, width: 224 };
    const transform = (arm: 'as-published' | 'corrected') => ({
      ...from,
      ...gridArms[arm].evaluation,
      normalization: imagenetNormalization,
    });
    assert.equal(isIdentity(from, transform('corrected')), true);
    const { resized, crop } = placeImage(from, transform('as-published'));
    assert.deepEqual(resized, { height: 256, width: 256 });
    assert.deepEqual(crop, { top: 16, left: 16, height: 224, width: 224 });
    assert.deepEqual(placeImage({ height: 28, width: 28 }, transform('corrected')).resized, from);
  });

  it('has the published targets', () => {
    const targets = describeGridDatasets(
      all.slice(0, 96).map(({ dataset }) => dataset),
      new Map(),
    );
    assert.deepEqual(
      targets.find(({ dataset }) => dataset === 'chestmnist'),
      {
        dataset: 'chestmnist',
        task: 'multi-label',
        outputs: 14,
        loss: 'binary-cross-entropy',
        trainImages: 78468,
        mirroredAsPublished: true,
        mirroredCorrected: true,
        targetAuc: 0.773,
        targetAccuracy: 0.948,
      },
    );
    assert.equal(publishedTarget({ name: 'retinamnist', size: 28 })?.auc, 0.726);
    assert.equal(publishedTarget({ name: 'retinamnist', size: 64 }), undefined);
    assert.equal(publishedTarget({ name: 'synthetic-blood', size: 28 }), undefined);
  });

  it('takes data that are not in the registry as they are', () => {
    const data = {
      name: 'cells.npz',
      height: 28,
      sha256: 'f00',
      task: 'binary-class',
      classNames: ['a', 'b'],
    } as unknown as Dataset;
    const dataset = referenceTo(data, { horizontalFlip: false });
    assert.deepEqual(dataset, {
      name: 'cells.npz',
      size: 28,
      hash: 'f00',
      task: 'binary-class',
      classes: 2,
      horizontalFlip: false,
    });
    const [configuration] = gridConfigurations({ datasets: [dataset], epochs: 2 });
    assert.equal(configuration.head.outputs, 2);
    assert.equal(configuration.augmentation.horizontalFlip, false);
    const blood = namedReference('bloodmnist', 28);
    const described = describeGridDatasets(
      [dataset, blood],
      new Map([['cells.npz', { train: 70, val: 10, test: 20 }]]),
    );
    assert.deepEqual(
      described.map(({ trainImages }) => trainImages),
      [70, 11959],
    );
    assert.throws(() => describeGridDatasets([dataset], new Map()), /How many images cells\.npz has was not told/);
    const [drawn] = gridConfigurations({ datasets: ['synthetic-binary'], epochs: 2 });
    assert.equal(describeGridDatasets([drawn.dataset], new Map())[0].trainImages, syntheticTaskCounts.train);
  });

  it('has small networks for a tour, from scratch alone', () => {
    const tour = gridConfigurations({ datasets: ['breastmnist'], networks: Object.values(networkPairs.tour) });
    assert.equal(tour.length, 2 * 2 * 5);
    const rates = (options: object): Set<number> =>
      new Set(
        gridConfigurations({ datasets: ['breastmnist'], ...options }).map(({ optimizer }) => optimizer.learningRate),
      );
    assert.deepEqual([...rates({ networks: ['swin_tour'] })], [3e-3, 0.05]);
    assert.deepEqual([...rates({ networks: ['swin_tour'], learningRates: [3e-3, 0.02] })], [3e-3, 0.02]);
    assert.deepEqual([...rates({})], [2e-4, 0.01]);
    for (const { network, inputSize, weights, initialization } of tour)
      assert.deepEqual([inputSize, weights, initialization], [gridNetworks[network].inputSize, 'random', 'scratch']);
    const { first, title } = comparisonsOf(networkPairs.tour).scratch;
    assert.deepEqual([first.network, title], ['swin_tour', 'small Swin against small ResNet, from scratch']);
  });

  it('refuses what it does not know in one line', () => {
    const refused = (options: Parameters<typeof gridConfigurations>[0], pattern: RegExp): void =>
      assert.throws(() => gridConfigurations(options), userError(pattern));
    refused({ datasets: ['bloodmist'] }, /no dataset "bloodmist", did you mean "bloodmnist"/);
    refused(
      { networks: ['resnet5'] },
      /no network "resnet5" in this grid, did you mean "resnet50"\? Known are resnet50, swin_b/,
    );
    refused({ networks: ['swin_tour'], initializations: ['pretrained'] }, /no pretrained weights of swin_tour: set/);
    refused({ learningRates: [1, 0] }, /^learningRates is "1,0", but must be auto, or a number for each/);
    refused({ optimizers: ['adam'] }, /did you mean "adamw"/);
    refused({ initializations: ['random'] }, /Known are pretrained, scratch/);
    refused({ arms: ['published'] }, /no arm "published"/);
    refused({ size: 32 }, /no images of 32 pixels/);
    refused({ seeds: [1, 1] }, /Seeds are 1, 1, but each may be there once only/);
    refused({ seeds: [0.5] }, /^seeds is "0\.5", but must be whole numbers/);
    refused({ fractions: [0.5, 0.5] }, /Fractions are 0\.5, 0\.5, but each may be there once only/);
    refused({ epochs: 0 }, /epochs is 0/);
    refused({ batchSize: 1.5 }, /batchSize is 1\.5/);
  });
});

describe('the schedule', () => {
  it("has the learning rates of PyTorch's LambdaLR in the study's code", () => {
    for (const { learningRate, values, ...schedule } of golden.learningRates) {
      const { epochs, warmupEpochs } = schedule;
      const rate = cosine({ learningRate, warmup: warmupEpochs, peakInWarmup: true }).rate({
        epochs,
        stepsPerEpoch: 1,
      });
      values.forEach((value, epoch) => assert.ok(Math.abs(rate(epoch) - value) <= 1e-15, `epoch ${epoch}`));
    }
    const [configuration] = gridConfigurations({ datasets: ['breastmnist'], optimizers: ['sgd'] });
    const { schedule } = gridRecipe(configuration);
    assert.ok(typeof schedule === 'object');
    assert.equal(schedule.rate({ epochs: gridSchedule.epochs, stepsPerEpoch: 1 })(4), gridOptimizers.sgd.learningRate);
  });

  it('warms up for the same share of fewer epochs', () => {
    const warmup = (epochs: number): number =>
      gridConfigurations({ datasets: ['breastmnist'], epochs })[0].schedule.warmupEpochs;
    assert.deepEqual([1, 2, 9, 10, 20, 100, 200].map(warmup), [0, 0, 0, 1, 1, 5, 10]);
  });
});

describe('the tables', () => {
  const folder = mkdtempSync(join(tmpdir(), 'medmnist2d-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const datasets = ['bloodmnist', 'breastmnist', 'retinamnist', 'dermamnist'];
  const grid = gridConfigurations({ datasets });
  const advantage = {
    pretrained: 0.05,
    scratch: 0,
    swin_b: 0.02,
    resnet50: 0,
    swin_tour: 0,
    resnet_tour: 0,
    adamw: 0.01,
    sgd: 0,
  };

  function resultOf({ dataset, network, initialization, optimizer, seed }: GridConfiguration): GridResult {
    const noise = createRandom(seed, dataset.name, network, initialization, optimizer.name).normal(0, 0.002);
    const testAuc = 0.8 + advantage[network] + advantage[initialization] + advantage[optimizer.name] + noise;
    const scores = { testAuc, testAccuracy: testAuc - 0.1, testMacroF1: 0.5, valAuc: testAuc };
    return { ...scores, selectedEpoch: 3, epochs: 13, seconds: 1, predictionFile: 'x.csv', history: [] };
  }

  const runs: GridFinishedRun[] = grid.map((configuration) => ({
    id: gridRunId(configuration),
    configuration,
    result: resultOf(configuration),
  }));
  const store = openRunStore<GridConfiguration, GridResult>(join(folder, 'none'), gridResultSchema);
  const { methods } = readSnapshot(store, grid);
  const order = datasets.map((name) => grid.map(({ dataset }) => dataset).find((one) => one.name === name)!);
  const viewOf = (finished: readonly GridFinishedRun[]): GridView => {
    return { finished, methods, datasets: order, seeds: gridSeeds };
  };
  const view = viewOf(runs);

  it('are made of what a store of runs holds', () => {
    const store = openRunStore<GridConfiguration, GridResult>(folder, gridResultSchema);
    for (const { configuration, result } of runs.slice(0, 3)) store.claim(configuration)?.finish(result);
    const { finished, missing } = store.overview(grid);
    assert.deepEqual(finished, runs.slice(0, 3));
    assert.equal(missing.length, 157);
  });

  it('have the scores of each method on each dataset', () => {
    assert.equal(methods.length, 8);
    assert.deepEqual(
      order.map(({ name }) => name),
      datasets,
    );
    assert.equal(methodTitle(methods[0]), 'ResNet-50, ImageNet-1k, AdamW');
    const expected = seedScores(view, methods[0], order[0]).get(0);
    assert.equal(
      expected,
      runs.find(({ configuration }) => configuration.dataset.name === 'bloodmnist')?.result.testAuc,
    );
  });

  it('compare what the study compared, for each setting that is left open', () => {
    const compare = (name: keyof typeof gridComparisons) => compareMethods(view, gridComparisons[name]);
    assert.deepEqual(
      compare('pretrained').map(({ title }) => title),
      ['Swin-B against ResNet-50, pretrained (AdamW)', 'Swin-B against ResNet-50, pretrained (SGD)'],
    );
    assert.equal(compare('optimizer').length, 4);
    assert.equal(compare('transfer')[0].title, 'Pretrained against from scratch (ResNet-50, AdamW)');
    for (const comparison of compare('scratch')) {
      assert.equal(comparison.overall?.wins, 4);
      assert.deepEqual(
        comparison.datasets.map(({ dataset }) => dataset),
        datasets,
      );
      for (const row of comparison.datasets) {
        const [p, holmP] = [row.tTest?.pValue ?? NaN, row.adjustedPValue ?? NaN];
        assert.ok(Math.abs(row.meanDifference - 0.02) < 0.006, String(row.meanDifference));
        assert.ok(p <= holmP && holmP < 0.05);
        assert.ok(Math.abs(row.hedgesGz ?? NaN) < Math.abs(row.cohensDz ?? NaN));
        assert.deepEqual([row.first.n, row.second.n, row.paired.length, row.notes], [5, 5, 5, []]);
      }
    }
  });

  it('show what is missing', () => {
    const some = runs.filter(
      ({ configuration: { dataset, network, seed } }) =>
        !(dataset.name === 'breastmnist' && network === 'swin_b' && seed > 0),
    );
    const [compared] = compareMethods(viewOf(some), gridComparisons.pretrained);
    const row = compared.datasets[1];
    assert.deepEqual([row.first.n, row.second.n, row.paired], [1, 5, [0]]);
    assert.equal(row.tTest, undefined);
    assert.match(
      row.notes.join(' '),
      /^Swin-B, ImageNet-1k, AdamW lacks seed 1, 2, 3, 4\. 1 of 5 pairs are compared\./,
    );
    const { ranks, leftOut } = gridRanks(viewOf(some));
    assert.deepEqual(leftOut, ['breastmnist']);
    assert.equal(ranks?.datasets, 3);
    assert.deepEqual(gridRanks(viewOf([])), { ranks: undefined, leftOut: datasets });
  });

  it('rank the methods', () => {
    const { ranks, leftOut } = gridRanks(view);
    assert.deepEqual(leftOut, []);
    assert.equal(
      ranks?.methods[0].name,
      methodTitle({ arm: 'corrected', network: 'swin_b', initialization: 'pretrained', optimizer: 'adamw' }),
    );
    assert.equal(ranks?.methods.length, 8);
    const published = methods.map((method) => ({ ...method, arm: 'as-published' as const }));
    const copies = runs.map((run) => ({
      ...run,
      configuration: { ...run.configuration, arm: 'as-published' as const },
    }));
    const both = gridRanks({ ...viewOf([...runs, ...copies]), methods: [...methods, ...published] }).ranks;
    assert.equal(both?.methods.length, 16);
  });

  it('become the figures of the study', () => {
    const { groups, panels } = networkPanels(view, 'corrected', 'scratch');
    assert.deepEqual(groups, ['AdamW', 'SGD']);
    assert.deepEqual(
      panels.map(({ title }) => title),
      ['BloodMNIST', 'BreastMNIST', 'RetinaMNIST', 'DermaMNIST'],
    );
    assert.equal(panels[0].reference, 0.997);
    const [resnet, swin] = panels[0].series;
    assert.deepEqual([resnet.name, swin.name], ['ResNet-50', 'Swin-B']);
    const method = { arm: 'corrected', network: 'swin_b', initialization: 'scratch', optimizer: 'sgd' } as const;
    assert.deepEqual(swin.scores[1], [...seedScores(view, method, order[0]).values()]);
    assert.equal(swin.scores[1].length, 5);
    scorePanels(
      { title: 'From scratch', ...networkPanels(view, 'corrected', 'scratch') },
      { label: 'Test AUC from scratch' },
    );

    const optimizers = optimizerPanels(viewOf(runs.slice(0, 1)), 'corrected');
    assert.equal(optimizers.groups.length, 4);
    const breast = optimizers.panels[1].series.map(({ scores }) => scores);
    assert.deepEqual(breast, [
      [[runs[0].result.testAuc], [], [], []],
      [[], [], [], []],
    ]);
  });

  it('say in one row a comparison who is better where', () => {
    const compared = compareMethods(view, gridComparisons.transfer);
    const [row] = comparisonSummaryRows(compared);
    assert.equal(row.comparison, 'Pretrained against from scratch (ResNet-50, AdamW)');
    const { firstBetter, firstBetterSignificantly, secondBetter, secondBetterSignificantly, rankBiserial } = row;
    assert.deepEqual(
      [firstBetter, firstBetterSignificantly, secondBetter, secondBetterSignificantly, rankBiserial],
      [4, 4, 0, 0, 1],
    );
    assert.equal(row.wilcoxonPValue, 0.125);
    assert.equal(comparisonSummaryRows(compared, 1e-12)[0].firstBetterSignificantly, 0);
    const swapped = compared.map((one) => ({
      ...one,
      datasets: one.datasets.map((each) => ({ ...each, meanDifference: -each.meanDifference })),
    }));
    assert.equal(comparisonSummaryRows(swapped)[0].secondBetterSignificantly, 4);
    const [none] = comparisonSummaryRows(compareMethods(viewOf([]), gridComparisons.transfer));
    assert.deepEqual([none.datasets, none.firstBetter, none.meanDifference], [0, 0, NaN]);
  });
});
