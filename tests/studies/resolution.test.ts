import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { halfNormalization } from '../../lib/data/batches';
import { splitNames } from '../../lib/data/dataset';
import { writeNpz, type NpzArray } from '../../lib/data/npz-writer';
import { transformBatch } from '../../lib/data/transform';
import { medmnistPlusBlood } from '../../lib/studies/medmnist-plus';
import { openSizes, parseSizes, reducedDataset, type SizedData } from '../../lib/studies/resolution-data';
import {
  checkResolutionNetworks,
  resolutionNetworks,
  resolutionStudy,
  sizesRequest,
} from '../../lib/studies/resolution-study';
import { inputFor, sweepCnn, type SweepState } from '../../lib/studies/resolution-sweeps';
import { readResults, type ClassificationRow, type Results } from '../../lib/runs/results';
import { openRun } from '../../lib/runs/notebook-run';
import { userError } from '../data/user-error';
import { cells } from './cells';

const folder = mkdtempSync(join(tmpdir(), 'resolution-'));
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

const request = { sizes: 'auto', automatic: [28, 64], syntheticImages: 100 };

test('sizes are read in order, each once, and of a registry’s dataset only published ones', () => {
  assert.deepEqual(parseSizes('64,28,64', 'cells.npz'), [28, 64]);
  assert.deepEqual(parseSizes('224', 'bloodmnist'), [224]);
  assert.throws(() => parseSizes('28,40', 'bloodmnist'), userError(/^bloodmnist is published at 28, 64, 128, 224 pixels, not 40/)); // prettier-ignore
});

test('the parameters say which sizes are allowed; a single number may come as one', () => {
  const sizes = (given: unknown): string => resolutionStudy({ sizes: given as string }).parameters.sizes;
  assert.equal(sizes(28), '28');
  assert.equal(sizes(undefined), 'auto');
  for (const wrong of ['', '28;64', '7', '225', '28,', 'big', 300])
    assert.throws(() => sizes(wrong), userError(/^sizes is .*, but must be auto, or whole numbers from 8 to 224/));
  assert.deepEqual(sizesRequest({ ...resolutionStudy({}).parameters, profile: 'paper' }).automatic, [28, 64, 128, 224]);
});

test('synthetic images are the same cells at each size', async () => {
  const data = await openSizes({ ...request, dataset: 'synthetic-blood', sizes: '16,24' });
  assert.deepEqual([...data.bySize].map(([size, { height }]) => [size, height]), [[16, 16], [24, 24]]); // prettier-ignore
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
  const transform = { height: 28, width: 28, interpolation: 'bicubic', cropFraction: 1, normalization: halfNormalization } as const; // prettier-ignore
  assert.deepEqual(pixels, transformBatch(whole, [2, 40, 40, 3], transform));
  data.close();
  const own = await openSizes({ ...request, dataset, automatic: [64, 128] });
  assert.deepEqual(own.sizes, [40], 'its own where all are larger');
  own.close();
  await assert.rejects(openSizes({ ...request, dataset, sizes: '28,64' }), userError(/has 40×40 pixels, which cannot be 64/)); // prettier-ignore
});

test('a reduced dataset is another one to the cache, and itself at its own size', () => {
  const dataset = cells(40);
  assert.equal(reducedDataset(dataset, 40), dataset);
  const hashes = [20, 28].map((size) => reducedDataset(dataset, size).sha256);
  assert.equal(new Set([...hashes, dataset.sha256]).size, 3);
});

test('inputs are the source’s pixels, enlarged ones, or the source on black', async () => {
  const expected = { ...halfNormalization, interpolation: 'bicubic', cropFraction: 0.9 } as const;
  const keys = (['native', 'resized', 'zero-padded'] as const).map((mode) => inputFor(mode, expected, 28, 64).key);
  assert.deepEqual(keys, ['bicubic 28×28, crop 1', 'bicubic 64×64, crop 1', 'zero-padded 64×64']);
  const bytes = new Uint8Array(28 * 28 * 3).fill(9);
  assert.equal(await inputFor('native', expected, 28, 64).apply(bytes, [1, 28, 28, 3]), bytes);
});

test('the study’s two networks run frozen but for the tour’s random weights; one file fits one network', () => {
  const choice = { profile: 'paper', model: 'auto', weights: 'hub' };
  assert.deepEqual(resolutionNetworks(choice), {
    models: ['vit_tiny_patch16_224.augreg_in21k', 'vit_small_patch14_dinov2.lvd142m'],
    input: 224,
  });
  assert.deepEqual(resolutionNetworks({ ...choice, profile: 'tour', weights: 'random' }), {
    models: ['vit_tour_patch4'],
    input: 64,
  });
  checkResolutionNetworks(choice);
  assert.throws(
    () => checkResolutionNetworks({ ...choice, weights: 'x.safetensors' }),
    userError(/^weights is one file, but there are 2 networks: set model/),
  );
});

test('a stopped sweep goes on where it was, a finished one begins anew', async () => {
  process.env.NOTEBOOK_RUN_DIRECTORY = join(folder, 'run');
  const run = openRun('test', { profile: 'tour', seed: 3 });
  const state: SweepState = { run, input: 20, finished: new Set() };
  const bySize = new Map([16, 20].map((size) => [size, cells(size, { train: 24, val: 12, test: 12 })]));
  const { name, splits } = bySize.get(16) as ReturnType<typeof cells>;
  const data: SizedData = { sizes: [16, 20], bySize, all: { name, splits, sha256: 'all' }, close: () => undefined };
  const settings = { epochs: 1, batchSize: 12, learningRate: 1e-3, weightDecay: 0, seed: 1, inputs: ['native', 'resized'] } as const; // prettier-ignore
  const recorded = () => (readResults(run.directory) as Results).results as unknown as ClassificationRow[];
  const stop = new AbortController();
  const add = state.finished.add.bind(state.finished);
  state.finished.add = (key) => {
    stop.abort(); // after the first point
    return add(key);
  };
  assert.equal(await sweepCnn(state, data, settings, { signal: stop.signal }), false);
  assert.equal(recorded().length, 1);
  const [{ seconds }] = recorded();
  assert.equal(await sweepCnn(state, data, settings, {}), true);
  assert.deepEqual(
    recorded().map((row) => [row.settings.sourceSize, row.settings.inputMode, row.settings.inputSize]),
    [
      [16, 'native', 16],
      [16, 'resized', 20],
      [20, 'native', 20],
    ],
  );
  assert.equal(recorded()[0].seconds, seconds, 'the first point was not trained again');
  assert.equal((readResults(run.directory) as Results).data.sha256, 'all');
  assert.equal(state.finished.size, 0);
});

test('the chart and the table show each line at all sizes, and the benchmark only beside BloodMNIST', async () => {
  process.env.NOTEBOOK_RUN_DIRECTORY = join(folder, 'chart');
  const study = resolutionStudy({ epochs: 2, cnnEpochs: 1, batchSize: 32 });
  const counts = { train: 48, val: 24, test: 24 };
  const bySize = new Map([28, 64].map((size) => [size, cells(size, counts)]));
  const { splits } = cells(28, counts);
  const all = { name: 'cells.npz', sha256: 'chart', splits };
  const data: SizedData = { sizes: [28, 64], bySize, all, close: () => undefined };
  assert.equal(await study.sweepFrozen(data, { ...study.headSettings, cache: false }), true);
  const rows = study.bySize(data) as unknown as Record<string, unknown>[];
  assert.deepEqual(
    rows.map(({ model, training, input }) => [model, training, input].join(', ')),
    [
      'small ViT, linear, resized',
      'small ViT, kNN, resized',
      'small ViT, linear, zero-padded',
      'small ViT, kNN, zero-padded',
    ],
  );
  // At the input's own size there is nothing to pad: both lines end in the same point.
  for (const [padded, resized] of [[2, 0], [3, 1]]) assert.equal(rows[padded]['64 px'], rows[resized]['64 px']); // prettier-ignore
  assert.ok(rows.every((row) => Number.isFinite(row['28 px'])));
  assert.equal(study.comparison(data).length, 6);
  assert.equal(study.chart(data).figure.data.length, 4);
  const blood = { ...data, all: { ...all, name: 'bloodmnist' } };
  const dotted = study.chart(blood).figure.data.slice(4) as unknown as { name: string; y: number[] }[];
  assert.deepEqual(dotted.map(({ name }) => name), ['ResNet-18, end to end (MedMNIST+)', 'ResNet-18, linear (MedMNIST+)', 'ViT-B/16, linear (MedMNIST+)', 'DINO ViT-B/16, linear (MedMNIST+)']); // prettier-ignore
  assert.deepEqual(dotted[3].y, [0.8879, 0.9715, 0.9825, 0.987]);
});

test('the benchmark’s figures are fractions that rise with the source size', () => {
  assert.equal(medmnistPlusBlood.length, 11);
  for (const { accuracy } of medmnistPlusBlood) {
    const values = [accuracy[28], accuracy[64], accuracy[128], accuracy[224]];
    assert.ok(values.every((value, at) => value > 0.6 && value < 1 && (at === 0 || value > values[at - 1])));
  }
});
