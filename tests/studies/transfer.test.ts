import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';

import { exportParameters } from '../../lib/models/parameters';
import { arms, armDefinitions, fineTuneSettings, testedAs } from '../../lib/studies/arms';
import { cacheReport } from '../../lib/studies/cache-report';
import { dinoStudy } from '../../lib/studies/dino-frozen';
import { fineTune } from '../../lib/studies/fine-tuning';
import { frozenSource, runOtherProbe, trainFrozenHead, type HeadSettings } from '../../lib/studies/frozen-head';
import { classifierOf, networkName, openNetwork } from '../../lib/studies/networks';
import { readResults, type ClassificationRow, type Results } from '../../lib/runs/results';
import { openRun, type NotebookRun } from '../../lib/runs/notebook-run';
import { checkTransferNetwork, openTransferStudy } from '../../lib/studies/transfer-study';
import { vitStudy } from '../../lib/studies/vit-frozen-and-finetuned';
import { tf } from '../../lib/tf';
import type { TrainedClassifier } from '../../lib/training/classifier';
import { openFeatureCache } from '../../lib/training/feature-cache';
import { userError } from '../data/user-error';
import { cells } from './cells';

const folder = mkdtempSync(join(tmpdir(), 'transfer-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
  delete process.env.NOTEBOOK_RUN_DIRECTORY;
});

const tour = { profile: 'tour', model: 'auto', weights: 'random' };
const settings: HeadSettings = {
  epochs: 4,
  batchSize: 16,
  learningRate: 1e-2,
  weightDecay: 1e-5,
  seed: 3,
  cache: true,
};
const open = () => openNetwork({ ...tour, size: 28, seed: 1 }, vitStudy.model);

let serial = 0;
let run: NotebookRun;
/** Each test has a run and a cache of its own. */
beforeEach(() => {
  process.env.NOTEBOOK_RUN_DIRECTORY = join(folder, String(serial++));
  run = openRun('test', { profile: 'tour', seed: 3 });
});

const rowsOf = (): (ClassificationRow & Record<string, unknown>)[] =>
  (readResults(run.directory) as Results).results as unknown as (ClassificationRow & Record<string, unknown>)[];

describe('which network', () => {
  it('is the study’s but in the tour with random weights', () => {
    const name = (choice: Partial<typeof tour>): string => networkName({ ...tour, ...choice }, vitStudy.model);
    assert.equal(name({}), 'vit_tour_patch4');
    assert.equal(name({ profile: 'paper' }), vitStudy.model);
    assert.equal(name({ weights: 'hub' }), vitStudy.model);
    assert.equal(name({ weights: 'x.safetensors' }), vitStudy.model);
    assert.equal(name({ model: 'vit_base_patch16_224' }), 'vit_base_patch16_224');
  });

  it('is refused where it cannot be used, before anything is loaded', () => {
    const check = (choice: Partial<typeof tour>) => () => checkTransferNetwork(vitStudy, { ...tour, ...choice });
    check({})();
    check({ weights: 'hub' })();
    assert.throws(check({ model: 'vit_tiny' }), userError(/^There is no model "vit_tiny"/));
    assert.throws(check({ model: 'resnet18' }), userError(/^resnet18 is a resnet, but this notebook is about vision/));
    assert.throws(
      check({ model: 'vit_tour_patch4', weights: 'hub' }),
      userError(/^There are no weights of vit_tour_patch4: set weights=random/),
    );
    const file = join(folder, 'none.safetensors');
    assert.throws(check({ weights: file }), userError(/^There is no weights file .*none\.safetensors/));
    writeFileSync(file, '');
    check({ weights: file })();
    rmSync(file);
  });

  it('has random weights by the seed alone', async () => {
    const before = tf.memory().numTensors;
    const [one, same] = [await open(), await open()];
    const other = await openNetwork({ ...tour, size: 28, seed: 2 }, vitStudy.model);
    assert.equal(one.weightsKey, same.weightsKey);
    assert.notEqual(one.weightsKey, other.weightsKey);
    assert.equal(one.weights, 'random');
    for (const network of [one, same, other]) network.dispose();
    assert.equal(tf.memory().numTensors, before);
  });

  it('starts fine-tuning from the frozen network’s values, with a new head', async () => {
    const network = await open();
    const { input } = frozenSource(network, cells(), 'corrected');
    const { table, initial, layerOf } = classifierOf(network, cells(), input);
    assert.deepEqual(table['head.weight'].shape, [3, 96]);
    assert.deepEqual(initial, exportParameters(network.parameters));
    assert.deepEqual(
      ['pos_embed', 'blocks.0.norm1.weight', 'blocks.3.mlp.fc1.weight', 'head.bias'].map((name) => layerOf?.(name)),
      [0, 1, 4, 5],
    );
    network.dispose();
  });
});

describe('parameters', () => {
  it('are checked, weights and cache too', () => {
    for (const study of [vitStudy, dinoStudy]) {
      const open = (given: object) => () => openTransferStudy(study, given);
      assert.throws(open({ weights: 'embedded' }), userError(/there are no embedded weights yet/));
      assert.throws(open({ weights: 'hubb' }), userError(/^weights is "hubb", but must be hub, random or the path/));
      assert.throws(open({ cache: 'no' }), userError(/^cache is "no", but must be true or false/));
      assert.throws(open({ epochs: 'abc' }), userError(/^epochs is "abc"/));
      assert.throws(open({ fineTuneEpoch: 3 }), userError(/did you mean "fineTuneEpochs"/));
      const { parameters } = openTransferStudy(study, { profile: 'paper' });
      const { epochs, fineTuneEpochs, batchSize, learningRate, weightDecay, seed, weights, dataset, size } = parameters;
      assert.deepEqual(
        [epochs, fineTuneEpochs, batchSize, learningRate, weightDecay, seed, weights, dataset, size],
        [20, 20, 128, 1e-3, 1e-5, 42, 'hub', 'bloodmnist', 28],
      );
    }
  });
});

describe('arms', () => {
  it('differ in what the network sees, in the tested weights and in the recipe', async () => {
    const network = await open();
    const keys = arms.map((arm) => frozenSource(network, cells(), arm).input.key);
    assert.deepEqual(keys, ['bicubic 28×28, crop 0.9', 'bicubic 28×28, crop 1']);
    network.dispose();
    assert.deepEqual(
      arms.map((arm) => [armDefinitions[arm].tested, armDefinitions[arm].recipe]),
      [
        ['last', 'as-published'],
        ['best', 'corrected'],
      ],
    );
    const trained = { test: { epoch: 2 }, testOfLast: { epoch: 5 } } as unknown as TrainedClassifier;
    assert.equal(testedAs('as-published', trained).test?.epoch, 5);
    assert.equal(testedAs('corrected', trained).test?.epoch, 2);
  });

  it('fine-tune as the study does, or as its weights allow', () => {
    const given = { fineTuneEpochs: 6, batchSize: 64, learningRate: 1e-3, weightDecay: 1e-5, seed: 4 };
    const common = { epochs: 6, batchSize: 64, seed: 4 };
    const published = {
      ...common,
      recipe: 'as-published',
      learningRate: 1e-3,
      weightDecay: 1e-5,
      layerDecay: 1,
    } as const;
    for (const weights of ['hub', 'random'])
      assert.deepEqual(fineTuneSettings('as-published', given, weights), published);
    const corrected = { ...common, recipe: 'corrected', weightDecay: 0.05 } as const;
    assert.deepEqual(fineTuneSettings('corrected', given, 'hub'), {
      ...corrected,
      learningRate: 1.25e-4,
      layerDecay: 0.75,
    });
    assert.deepEqual(fineTuneSettings('corrected', given, 'random'), {
      ...corrected,
      learningRate: 1e-3,
      layerDecay: 1,
    });
  });
});

describe('a frozen network’s head', () => {
  it('has the same history and scores to the last bit with the cache, from it, and without it', async () => {
    const network = await open();
    const before = tf.memory().numTensors;
    const store = openFeatureCache({ directory: join(folder, `cache-${serial}`) });
    const source = { ...frozenSource(network, cells(), 'corrected'), store };
    const train = (cache: boolean) => trainFrozenHead(run, source, 'corrected', { ...settings, cache }, {});
    const computed = await train(true);
    assert.equal(rowsOf()[0].features, 'computed once');
    const found = await train(true);
    assert.equal(rowsOf()[0].features, 'in the cache');
    const anew = await train(false);
    assert.equal(tf.memory().numTensors, before);
    const numbers = (run: typeof computed) => {
      assert.ok(run?.test && run.testOfLast);
      return {
        history: run.history.map(({ seconds, ...row }) => (assert.ok(seconds >= 0), row)),
        scores: [run.test.probabilities, run.testOfLast.probabilities],
        accuracy: run.test.accuracy,
      };
    };
    assert.deepEqual(numbers(found), numbers(computed));
    assert.deepEqual(numbers(anew), numbers(computed));
    assert.ok((computed?.bestValAccuracy ?? 0) > 0.5, 'something has been learned');
    const rows = rowsOf();
    assert.deepEqual(
      rows.map(({ features, protocol, arm, settings: { cache } }) => [features, protocol, arm, cache]),
      [
        ['in the cache', 'frozen', 'corrected', 'true'],
        ['computed in every epoch', 'frozen', 'corrected', 'false'],
      ],
    );
    const [kept, everyEpoch] = cacheReport([readResults(run.directory) as Results]);
    assert.equal(everyEpoch.secondsWithoutCache, everyEpoch.seconds);
    assert.equal(everyEpoch.share, '100.0 %');
    assert.ok(kept.secondsWithoutCache > kept.headSeconds);
    network.dispose();
  });

  it('adds a row for other settings, and takes the place of its own for equal ones', async () => {
    const network = await open();
    const store = openFeatureCache({ directory: join(folder, `cache-${serial}`) });
    const train = async (arm: (typeof arms)[number], change: Partial<HeadSettings>) => {
      const source = { ...frozenSource(network, cells(), arm), store };
      return trainFrozenHead(run, source, arm, { ...settings, ...change }, {});
    };
    const last = await train('as-published', {});
    await train('corrected', {});
    await train('corrected', { learningRate: 1e-3 });
    await train('corrected', {});
    const rows = rowsOf();
    assert.deepEqual(
      rows.map(({ arm, settings: { learningRate } }) => [arm, learningRate]),
      [
        ['as-published', 1e-2],
        ['corrected', 1e-3],
        ['corrected', 1e-2],
      ],
    );
    assert.deepEqual([rows[0].epoch, last?.test?.epoch], [4, 4], 'as published, the last epoch is tested');
    assert.deepEqual([rows[0].parameters - rows[0].trainableParameters, rows[0].trainableParameters], [457152, 291]);
    network.dispose();
  });

  it('stops softly during the features, with the cache and without', async () => {
    const network = await open();
    const dataset = cells(28, { train: 200, val: 24, test: 200 });
    for (const cache of [true, false]) {
      const store = openFeatureCache({ directory: join(folder, `cache-${serial}-${cache}`) });
      const stop = new AbortController();
      const source = { ...frozenSource(network, dataset, 'corrected'), store };
      const progress = () => () => stop.abort();
      const result = await trainFrozenHead(run, source, 'corrected', { ...settings, cache }, { signal: stop.signal, progress }); // prettier-ignore
      assert.equal(result, undefined);
      assert.equal(readResults(run.directory), undefined);
    }
    network.dispose();
  });

  it('has neighbours and logistic regression beside it', async () => {
    const network = await open();
    const store = openFeatureCache({ directory: join(folder, `cache-${serial}`) });
    const source = { ...frozenSource(network, cells(), 'corrected'), store };
    await runOtherProbe(run, source, 'knn', settings, {});
    await runOtherProbe(run, source, 'logistic', settings, {});
    assert.deepEqual(
      rowsOf().map(({ protocol, trainableParameters, settings: { probe } }) => [protocol, trainableParameters, probe]),
      [
        ['knn', 0, 'kNN'],
        ['linear', 291, 'logistic regression'],
      ],
    );
    network.dispose();
  });
});

describe('fine-tuning', () => {
  it('records the arm’s row and keeps the best values; no epochs, no training', async () => {
    const network = await open();
    const before = tf.memory().numTensors;
    const given = { fineTuneEpochs: 2, batchSize: 24, learningRate: 1e-3, weightDecay: 1e-5, seed: 4 };
    const train = (arm: (typeof arms)[number], fineTuneEpochs = 2) =>
      fineTune(run, network, cells(), arm, fineTuneSettings(arm, { ...given, fineTuneEpochs }, 'random'), {});
    const published = await train('as-published');
    const corrected = await train('corrected');
    assert.equal(await train('corrected', 0), undefined);
    assert.equal(tf.memory().numTensors, before);
    assert.equal(published?.test?.epoch, 2);
    const rows = rowsOf();
    assert.deepEqual(
      rows.map(({ protocol, arm, trainableParameters, parameters }) => [
        protocol,
        arm,
        trainableParameters === parameters,
      ]),
      [
        ['fine-tuned', 'as-published', true],
        ['fine-tuned', 'corrected', true],
      ],
    );
    const values = corrected?.bestValues;
    assert.deepEqual([...(values?.keys() ?? [])].sort(), [...Object.keys(network.backbone.table), 'head.bias', 'head.weight'].sort()); // prettier-ignore
    assert.notDeepEqual(values?.get('norm.weight'), exportParameters(network.parameters).get('norm.weight'));
    network.dispose();
  });
});
