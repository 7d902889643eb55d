import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { splitNames, type Dataset } from '../../lib/data/dataset';
import { openDataset, syntheticBlood } from '../../lib/data/open';
import { writeNpz, type NpzArray } from '../../lib/data/npz-writer';
import { renderBloodCell, syntheticBloodClasses, syntheticBloodLabels } from '../../lib/data/synthetic-blood';
import { userError } from './user-error';

const folder = mkdtempSync(join(tmpdir(), 'open-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const cacheDirectory = join(folder, 'cache');
const offline: typeof fetch = () => {
  throw Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error(), { code: 'ENOTFOUND' }) });
};

const open = (syntheticImages: number, size = 28, directory = cacheDirectory): Promise<Dataset> =>
  openDataset(syntheticBlood, { syntheticImages, size, cacheDirectory: directory });

const imagesOf = (dataset: Dataset, name: (typeof splitNames)[number]): Uint8Array => {
  const { count, readImages } = dataset.splits[name];
  const target = new Uint8Array(count * dataset.height * dataset.width * dataset.channels);
  readImages(
    Array.from({ length: count }, (_, index) => index),
    target,
  );
  return target;
};

test('synthetic blood is made once, marked as such, in the proportions of the study’s data', async () => {
  const dataset = await open(100);
  const { name, title, height, width, channels, task, classNames, synthetic, splits } = dataset;
  assert.deepEqual(
    { name, title, height, width, channels, task, synthetic },
    {
      name: 'synthetic-blood',
      title: 'Synthetic blood 28×28',
      height: 28,
      width: 28,
      channels: 3,
      task: 'multi-class',
      synthetic: true,
    },
  );
  assert.deepEqual(classNames, syntheticBloodClasses);
  // 11959, 1712 and 3421 by 100 / 11959; every split has room for each class.
  assert.deepEqual(
    splitNames.map((split) => splits[split].count),
    [100, 14, 29],
  );
  assert.match(dataset.citation, /no patient, no microscope/);
  dataset.close();
});

test('its images and labels are those of the generator', async () => {
  const dataset = await open(100);
  for (const split of splitNames) {
    const { count, labels } = dataset.splits[split];
    assert.deepEqual([...labels], [...syntheticBloodLabels({ count, seed: 7, split })]);
    const bytes = imagesOf(dataset, split);
    const index = count - 1;
    const last = renderBloodCell({ classIndex: labels[index], size: 28, seed: 7, split, index });
    assert.deepEqual(bytes.subarray(-last.length), Uint8Array.from(last));
  }
  dataset.close();
});

test('what was made is not made again, and is the same if it is', async () => {
  const synthetic = join(cacheDirectory, 'synthetic');
  (await open(100)).close();
  const [file, ...others] = readdirSync(synthetic);
  assert.deepEqual(others, []);
  const path = join(synthetic, file);
  const bytes = readFileSync(path);
  const past = new Date('2001-02-03');
  utimesSync(path, past, past);
  const again = await open(100);
  assert.equal(statSync(path).mtimeMs, past.getTime());
  const { sha256 } = again;
  again.close();
  rmSync(path);
  const anew = await open(100);
  assert.equal(anew.sha256, sha256);
  assert.deepEqual(readFileSync(path), bytes);
  anew.close();
});

test('each size and number of images has a file of its own', async () => {
  const small = await open(100, 16);
  assert.deepEqual([small.height, small.width, small.splits.train.count], [16, 16, 100]);
  const few = await open(8, 16);
  assert.deepEqual(
    splitNames.map((name) => few.splits[name].count),
    [8, 8, 8],
  );
  assert.notEqual(small.sha256, few.sha256);
  assert.equal(readdirSync(join(cacheDirectory, 'synthetic')).length, 3);
  small.close();
  few.close();
});

test('a path opens that file', async () => {
  const path = join(folder, 'cells.npz');
  const arrays: Record<string, NpzArray> = {};
  for (const name of splitNames) {
    arrays[`${name}_images`] = { type: '|u1', shape: [2, 3, 3], bytes: new Uint8Array(18) };
    arrays[`${name}_labels`] = { type: '|u1', shape: [2], bytes: Uint8Array.of(0, 1) };
  }
  writeNpz(path, arrays);
  const dataset = await openDataset(path);
  assert.deepEqual([dataset.name, dataset.synthetic, dataset.splits.test.count], ['cells.npz', false, 2]);
  dataset.close();
});

test('a name that is none is refused with the nearest and all others', async () => {
  const refused = (name: string, pattern: RegExp): Promise<void> =>
    assert.rejects(openDataset(name, { cacheDirectory, fetch: offline }), userError(pattern));
  await refused(
    'bloodmist',
    /^There is no dataset "bloodmist", did you mean "bloodmnist"\? Known are synthetic-blood, /,
  );
  await refused('sinthetic-blood', /did you mean "synthetic-blood"\?/);
  await refused(
    'frobnicate',
    /^There is no dataset "frobnicate": Known are synthetic-blood, .*, or give the path of a folder of classes, a CSV table or an \.npz file\.$/,
  );
  await refused('', /^There is no dataset ""/);
});

test('a path that leads nowhere, or to a folder, is refused', async () => {
  await assert.rejects(
    openDataset(join(folder, 'none.npz')),
    userError(/^There is no file or folder ".*none\.npz": tried \/.*none\.npz\.$/),
  );
  await assert.rejects(
    openDataset('none.npz'),
    userError(/^There is no file or folder "none\.npz": tried \/.*none\.npz\.$/),
  );
  for (const directory of [folder, join(folder, 'folder.npz')]) {
    mkdirSync(directory, { recursive: true });
    await assert.rejects(
      openDataset(directory),
      userError(/has no folder with images: a folder for each class is expected/),
    );
  }
});

test('a registry name that cannot be downloaded leaves nothing that looks like it', async () => {
  const directory = join(folder, 'offline');
  await assert.rejects(
    openDataset('bloodmnist', {
      cacheDirectory: directory,
      medmnistRoot: folder,
      fetch: offline,
      retries: 1,
      retryDelayMilliseconds: 1,
    }),
    userError(/^Could not download BloodMNIST 28×28: zenodo\.org cannot be found/),
  );
  await assert.rejects(
    openDataset('bloodmnist', { size: 30, cacheDirectory: directory }),
    userError(/no images of 30 pixels/),
  );
  assert.equal(existsSync(join(directory, 'medmnist', 'bloodmnist.npz')), false);
});
