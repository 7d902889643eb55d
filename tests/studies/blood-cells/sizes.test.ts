import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { halfNormalization } from '../../../lib/data/normalization';
import { splitNames } from '../../../lib/data/dataset';
import { writeNpz, type NpzArray } from '../../../lib/data/npz-writer';
import { transformBatch } from '../../../lib/data/transform';
import { resnet18 } from '../../../lib/models/networks';
import { openBackbone } from '../../../lib/models/open-backbone';
import { beginRun, currentRun } from '../../../lib/runs/current-run';
import { resolveParameters } from '../../../lib/runs/parameters';
import { classificationRows, readResults, type ClassificationRow, type Results } from '../../../lib/runs/results';
import { medmnistPlusBlood } from '../../../lib/studies/blood-cells/published';
import {
  anyFeatures,
  checkNetworks,
  dinoSmall,
  sizeNetworks,
  vitTiny,
} from '../../../lib/studies/blood-cells/networks';
import { resolutionParameterSpecs } from '../../../lib/studies/blood-cells/parameters';
import { sizePoints } from '../../../lib/studies/blood-cells/size-points';
import { sizeChart, sizeRows, sizeSeries } from '../../../lib/studies/blood-cells/size-tables';
import { openSizes, parseSizes, reducedDataset, type SizedData } from '../../../lib/data/sizes';
import { adamW } from '../../../lib/training/create-optimizer';
import { cosine } from '../../../lib/training/schedules';
import { features, probe } from '../../../lib/workbench/backbones';
import { untilStopped } from '../../../lib/workbench/in-turn';
import { evaluate, train } from '../../../lib/workbench/training';
import { userError } from '../../data/user-error';
import { cells } from '../cells';

const folder = mkdtempSync(join(tmpdir(), 'resolution-'));
before(() => {
  process.env.NOTEBOOK_RUN_DIRECTORY = join(folder, 'run');
  beginRun('test', { profile: 'tour', seed: 3 });
});
after(() => {
  rmSync(folder, { recursive: true, force: true });
  delete process.env.NOTEBOOK_RUN_DIRECTORY;
});

/** The cells as a file. */
function cellsFile(size: number): string {
  const dataset = cells(size);
  const arrays: Record<string, NpzArray> = {};
  for (const name of splitNames) {
    const { count, labels, readImages } = dataset.splits[name];
    const bytes = new Uint8Array(count * size * size * 3);
    readImages(
      labels.map((_, index) => index),
      bytes,
    );
    arrays[`${name}_images`] = { type: '|u1', shape: [count, size, size, 3], bytes };
    arrays[`${name}_labels`] = { type: '|u1', shape: [count, 1], bytes: Uint8Array.from(labels) };
  }
  const path = join(folder, `cells-${size}.npz`);
  writeNpz(path, arrays);
  return path;
}

const request = { profile: 'tour', sizes: 'auto', syntheticImages: 100 };

test('sizes are read in order, each once, and of a registry’s dataset only published ones', () => {
  assert.deepEqual(parseSizes('64,28,64', 'cells.npz'), [28, 64]);
  assert.deepEqual(parseSizes('224', 'bloodmnist'), [224]);
  assert.throws(
    () => parseSizes('28,40', 'bloodmnist'),
    userError(/^bloodmnist is published at 28, 64, 128, 224 pixels, not 40/),
  );
});

test('the parameters say which sizes are allowed; a single number may come as one', () => {
  const sizes = (given: unknown) => resolveParameters(resolutionParameterSpecs, { sizes: given }).sizes;
  assert.equal(sizes(28), '28');
  assert.equal(sizes(undefined), 'auto');
  for (const wrong of ['', '28;64', '7', '513', '28,', 'big', 600])
    assert.throws(() => sizes(wrong), userError(/^sizes is .*, but must be auto, or whole numbers from 8 to 512/));
});

test('synthetic images are the same cells at each size', async () => {
  const data = await openSizes({ ...request, dataset: 'synthetic-blood', sizes: '16,24' });
  assert.deepEqual(
    [...data.bySize].map(([size, { height }]) => [size, height]),
    [
      [16, 16],
      [24, 24],
    ],
  );
  assert.match(data.all.sha256, /^[0-9a-f]{64}$/);
  data.close();
});

test('a file is reduced to sizes below its own, and not enlarged', async () => {
  const dataset = cellsFile(40);
  const data = await openSizes({ ...request, dataset });
  assert.deepEqual(data.sizes, [28], 'of the automatic sizes those that are possible');
  const reduced = data.bySize.get(28);
  const original = cells(40);
  const pixels = new Uint8Array(2 * 28 * 28 * 3);
  reduced?.splits.val.readImages([3, 1], pixels);
  const whole = new Uint8Array(2 * 40 * 40 * 3);
  original.splits.val.readImages([3, 1], whole);
  const transform = {
    height: 28,
    width: 28,
    interpolation: 'bicubic',
    cropFraction: 1,
    normalization: halfNormalization,
  } as const;
  assert.deepEqual(pixels, transformBatch(whole, [2, 40, 40, 3], transform));
  data.close();
  const own = await openSizes({ ...request, dataset: cellsFile(24) });
  assert.deepEqual(own.sizes, [24], 'its own where all are larger');
  own.close();
  await assert.rejects(
    openSizes({ ...request, dataset, sizes: '28,64' }),
    userError(/has 40×40 pixels, which cannot be 64/),
  );
});

test('a reduced dataset is another one to the cache, and itself at its own size', () => {
  const dataset = cells(40);
  assert.equal(reducedDataset(dataset, 40), dataset);
  const hashes = [20, 28].map((size) => reducedDataset(dataset, size).sha256);
  assert.equal(new Set([...hashes, dataset.sha256]).size, 3);
});

/** Three sizes of the same few images. */
function sizedCells(sizes: readonly number[], counts = { train: 48, val: 24, test: 24 }): SizedData {
  const bySize = new Map(sizes.map((size) => [size, cells(size, counts)]));
  const { splits } = cells(sizes[0], counts);
  return { sizes, bySize, all: { name: 'cells.npz', sha256: `all ${sizes.join()}`, splits }, close: () => undefined };
}

test('points are the source’s pixels, enlarged ones, or the source on black, but none twice', async () => {
  const data = sizedCells([16, 20]);
  const told = sizePoints(data, { modes: ['native', 'resized'], size: 20 }).map((point) => [
    point.title,
    point.input.key,
    point.recording.settings.inputSize,
  ]);
  assert.deepEqual(told, [
    ['16 px, native', 'bicubic 16×16, crop 1', 16],
    ['16 px, resized', 'bicubic 20×20, crop 1', 20],
    ['20 px, native', 'bicubic 20×20, crop 1', 20],
  ]);
  const backbone = await openBackbone({ model: 'vit_mini_patch4', weights: 'random', size: 20 });
  const keys = sizePoints(data, { modes: ['resized', 'zero-padded'], backbone }).map(({ input }) => input.key);
  assert.deepEqual(keys, ['bicubic 20×20, crop 1', 'zero-padded 20×20', 'bicubic 20×20, crop 1']);
  const [published] = sizePoints(data, { modes: ['resized'], backbone, arm: 'as-published' });
  assert.deepEqual(
    [published.title, published.input.key, published.tested, published.recording.arm],
    ['16 px, resized, as published', 'bicubic 20×20, crop 0.9', 'last', 'as-published'],
  );
});

test('the study’s networks are run but for embedded weights and the tour’s random ones; one file fits one network', () => {
  const choice = { profile: 'paper', dataset: 'bloodmnist', sizes: 'auto', model: 'auto', weights: 'hub' };
  const [vit, dino] = ['vit_tiny_patch16_224.augreg_in21k', 'vit_small_patch14_dinov2.lvd142m'];
  assert.deepEqual(sizeNetworks(choice), [
    { model: vit, size: 224 },
    { model: dino, size: 224 },
  ]);
  const tour = { ...choice, profile: 'tour', dataset: 'synthetic-blood', weights: 'random' };
  const own = (size: number) => [{ model: 'vit_mini_patch4', size }];
  assert.deepEqual(sizeNetworks(tour), own(48));
  assert.deepEqual(sizeNetworks({ ...tour, sizes: '28,40' }), own(48));
  for (const larger of [{ sizes: '28,64' }, { dataset: 'bloodmnist' }, { dataset: 'cells.npz' }])
    assert.deepEqual(sizeNetworks({ ...tour, ...larger }), own(64));
  assert.deepEqual(sizeNetworks({ ...choice, weights: 'embedded' }), own(64));
  assert.deepEqual([vitTiny(tour).size, dinoSmall(tour).size], [28, 32]);
  assert.deepEqual(vitTiny({ ...tour, weights: 'hub' }), { model: vit, size: 224 });
  assert.deepEqual(dinoSmall({ ...tour, model: 'vit_base_patch16_224' }), { model: 'vit_base_patch16_224', size: 224 });
  checkNetworks(sizeNetworks(choice), 'hub');
  const larger = sizeNetworks({ ...choice, model: 'convnext_tiny.dinov3_lvd1689m', inputSize: 512 });
  assert.deepEqual(larger, [{ model: 'convnext_tiny.dinov3_lvd1689m', size: 512 }]);
  checkNetworks(larger, 'hub', anyFeatures);
  assert.throws(
    () => checkNetworks(larger, 'hub'),
    userError(/is a convnext, but this notebook is about vision transf/),
  );
  assert.throws(
    () => checkNetworks(sizeNetworks({ ...choice, inputSize: 512 }), 'hub', anyFeatures),
    userError(
      /^Images of 512×512 do not divide into patches: height and width must be multiples of 14, such as 504\.$/,
    ),
  );
  assert.throws(
    () => checkNetworks(sizeNetworks(choice), 'x.safetensors'),
    userError(/^weights is one file or folder, but there are 2 networks: set model/),
  );
  const check = (model: string) => () => checkNetworks([{ model, size: 224 }], 'random');
  assert.throws(check('resnet18'), userError(/^resnet18 is a resnet, but this notebook is about vision transformers/));
  assert.throws(check('vit_tiny'), userError(/^There is no model "vit_tiny"/));
});

const recorded = (): ClassificationRow[] => classificationRows([readResults(currentRun().directory) as Results]);

test('points go on where they were stopped, and none is drawn where the ResNet is left out', async () => {
  const data = sizedCells([16, 20], { train: 24, val: 12, test: 12 });
  const points = sizePoints(data, { modes: ['native', 'resized'], size: 20 });
  const recipe = {
    batchSize: 12,
    seed: 1,
    optimizer: adamW({ weightDecay: 0 }),
    schedule: cosine({ learningRate: 1e-3 }),
  };
  let trained = 0;
  const sweep = (epochs: number, most = 3) =>
    untilStopped(points.slice(0, most), async ({ data: images, input, recording }) => {
      const network = resnet18({ classes: images.classNames, input });
      const run = await train(network, images, { ...recipe, epochs });
      if (!run.kept && run.best !== undefined) trained++;
      return (await evaluate(run.best, images, recording))?.row;
    });
  assert.equal((await sweep(1, 1)).length, 1); // the rest was stopped
  const rows = await sweep(1);
  assert.equal(trained, 3, 'the first point was not trained again');
  assert.deepEqual(
    recorded().map(({ settings }) => [settings.sourceSize, settings.inputMode, settings.inputSize]),
    [
      [16, 'native', 16],
      [16, 'resized', 20],
      [20, 'native', 20],
    ],
  );
  assert.equal((readResults(currentRun().directory) as Results).data.sha256, data.all.sha256);
  const drawn = sizeChart(rows, data).figure.data as unknown as { name: string; x: number[] }[];
  assert.deepEqual(
    drawn.map(({ name, x }) => [name, x.length]),
    [
      ['ResNet-18, from scratch, native', 2],
      ['ResNet-18, from scratch, resized', 2],
    ],
  );

  // `cnnEpochs=0`: nothing is trained, and what an earlier run has recorded is not drawn.
  assert.deepEqual(await sweep(0), []);
  assert.equal(trained, 3);
  assert.equal(recorded().length, 3);
});

const row = (change: Partial<ClassificationRow>, settings: ClassificationRow['settings']): ClassificationRow => ({
  ...{ trainingKey: JSON.stringify([change, settings]), model: 'ResNet-18', weights: 'random', protocol: 'scratch' },
  ...{ arm: 'corrected', parameters: 1, trainableParameters: 1, seconds: 1, epoch: 1, bestValAccuracy: 0.5 },
  ...{ testAccuracy: 0.5, testMacroF1: 0.5, testAuc: 0.5 },
  settings: {
    epochs: 4,
    learningRate: 1e-3,
    seed: 42,
    sourceSize: 28,
    inputMode: 'native',
    inputSize: 28,
    input: 'bicubic 28×28, crop 1',
    ...settings,
  },
  ...change,
});
const at64 = { sourceSize: 64, inputSize: 64, input: 'bicubic 64×64, crop 1' };

test('a line never mixes learning rates, epochs, seeds or weights, and tells what sets it apart', () => {
  for (const [name, other] of [
    ['learningRate', 1e-4],
    ['epochs', 20],
    ['seed', 7],
  ] as const) {
    const rows = [row({}, {}), row({}, { ...at64, [name]: other }), row({}, at64)];
    const series = sizeSeries(rows);
    assert.deepEqual(
      series.map(({ rows: own }) => own.length),
      [2, 1],
      name,
    );
    assert.equal(series[1].apart, `${name} ${other}`);
    assert.ok(series[0].rows.every(({ settings }) => settings[name] !== other));
  }
  const frozen = { model: 'small ViT', protocol: 'frozen' } as const;
  const rows = ['aaaaaaaaaa', 'bbbbbbbbbb'].map((weightsSha256) => row({ ...frozen, weightsSha256 }, {}));
  const series = sizeSeries(rows);
  assert.deepEqual(
    series.map(({ apart }) => apart),
    ['weights aaaaaaaa', 'weights bbbbbbbb'],
  );
  // Random weights have their seed, others none: that these are random says more.
  const learned = { ...frozen, protocol: 'knn', weights: 'embedded', weightsSha256: 'cccccccccc' } as const;
  const beside = [row(learned, { seed: 0 }), row({ ...learned, weights: 'random', weightsSha256: 'd' }, {})];
  assert.deepEqual(
    sizeSeries(beside).map(({ apart }) => apart),
    ['weights embedded', 'weights random'],
  );
  // What was selected on the validation split may differ along a line.
  const knn = [row({ protocol: 'knn' }, { k: 5 }), row({ protocol: 'knn' }, { ...at64, k: 20 })];
  assert.deepEqual(
    sizeSeries(knn).map(({ rows: own, apart }) => [own.length, apart]),
    [[2, '']],
  );
});

test('the chart and the table show each line at all sizes, and the benchmark only beside BloodMNIST', async () => {
  const data = sizedCells([28, 64]);
  const backbone = await openBackbone({ model: 'vit_mini_patch4', weights: 'random', size: 64, seed: 1 });
  const head = { epochs: 2, batchSize: 32, learningRate: 1e-3, weightDecay: 0, seed: 3 };
  const points = sizePoints(data, { modes: ['resized', 'zero-padded'], backbone });
  const found = await untilStopped(points, async ({ data: images, input, recording }) => {
    const from = await features(backbone, images, { input, cache: false });
    const linear = await probe(from, 'linear', head, { ...recording, progress: false });
    const knn = await probe(from, 'knn', { k: [1, 5] }, { ...recording, progress: false });
    return linear?.recorded && knn?.recorded && [linear.recorded, knn.recorded];
  });
  const all = found.flat();
  const rows = sizeRows(all, data) as unknown as Record<string, unknown>[];
  assert.deepEqual(
    rows.map(({ model, training, input }) => [model, training, input].join(', ')),
    [
      'mini ViT, linear, resized',
      'mini ViT, kNN, resized',
      'mini ViT, linear, zero-padded',
      'mini ViT, kNN, zero-padded',
    ],
  );
  // At the input's own size there is nothing to pad: both lines end in the same point.
  for (const [padded, resized] of [
    [2, 0],
    [3, 1],
  ])
    assert.equal(rows[padded]['64 px'], rows[resized]['64 px']);
  assert.ok(rows.every((each) => Number.isFinite(each['28 px'])));
  assert.equal(sizeChart(all, data).figure.data.length, 4);
  const blood = { ...data, all: { ...data.all, name: 'bloodmnist' } };
  const dotted = sizeChart(all, blood).figure.data.slice(4) as unknown as { name: string; y: number[] }[];
  assert.deepEqual(
    dotted.map(({ name }) => name),
    [
      'ResNet-18, end to end (MedMNIST+)',
      'ResNet-18, linear (MedMNIST+)',
      'ViT-B/16, linear (MedMNIST+)',
      'DINO ViT-B/16, linear (MedMNIST+)',
    ],
  );
  assert.deepEqual(dotted[3].y, [0.8879, 0.9715, 0.9825, 0.987]);
});

test('the benchmark’s figures are fractions that rise with the source size', () => {
  assert.equal(medmnistPlusBlood.length, 11);
  for (const { accuracy } of medmnistPlusBlood) {
    const values = [accuracy[28], accuracy[64], accuracy[128], accuracy[224]];
    assert.ok(values.every((value, at) => value > 0.6 && value < 1 && (at === 0 || value > values[at - 1])));
  }
});

test('what notebook 04 says of the benchmark is so', () => {
  const gain = (training: string, model: string, from: 28 | 64 = 28): number => {
    const row = medmnistPlusBlood.find((one) => one.training === training && one.model === model);
    assert.ok(row);
    return Math.round(100 * (row.accuracy[224] - row.accuracy[from]));
  };
  const [dino, supervised] = ['DINO ViT-B/16', 'ViT-B/16'];
  assert.deepEqual([gain('linear', dino), gain('linear', dino) - gain('linear', dino, 64)], [10, 8]);
  assert.deepEqual([gain('linear', supervised), gain('end to end', supervised)], [17, 8]);
  const of = (training: string, model: string) =>
    medmnistPlusBlood.find((one) => one.training === training && one.model === model)?.accuracy ?? assert.fail();
  for (const size of [64, 128, 224] as const) assert.ok(of('linear', dino)[size] > of('end to end', supervised)[size]);
  assert.ok(of('linear', dino)[28] < of('end to end', supervised)[28]);
  const text = readFileSync(join(__dirname, '../../../notebooks/04_resolution_study.ipynb'), 'utf8');
  assert.match(text, /gain 10 points, 8 of them by 64 pixels\. But those of the supervised transformer gain 17/);
});
