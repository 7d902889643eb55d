import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { splitNames } from '../../lib/data/dataset';
import { openSegmentationDataset, type OpenSegmentationOptions } from '../../lib/data/open-segmentation';
import type { SegmentationDataset } from '../../lib/data/segmentation-dataset';
import { renderLesion } from '../../lib/data/synthetic-lesions';
import { pairFiles, writeFiles } from './pair-folder';
import { userError } from './user-error';

const scratch = mkdtempSync(join(tmpdir(), 'open-segmentation-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const cacheDirectory = join(scratch, 'cache');

const open = (
  options: Partial<OpenSegmentationOptions> = {},
  name = 'synthetic-lesions',
): Promise<SegmentationDataset> =>
  openSegmentationDataset(name, { size: 48, syntheticImages: 20, cacheDirectory, ...options });

test('synthetic lesions are marked as such, in the proportions of ISIC 2017', async () => {
  const { name, title, height, width, splits, origins, synthetic, broken, notes, citation, close } = await open();
  assert.deepEqual(
    { name, title, height, width, synthetic, broken, notes },
    {
      name: 'synthetic-lesions',
      title: 'Synthetic lesions 48×48',
      height: 48,
      width: 48,
      synthetic: true,
      broken: [],
      notes: [],
    },
  );
  assert.deepEqual(
    splitNames.map((split) => [split, splits[split].count, origins[split]]),
    [
      ['train', 20, 'official'],
      ['val', 2, 'official'],
      ['test', 6, 'official'],
    ],
  );
  assert.deepEqual(splits.val.ids, ['val_00000', 'val_00001']);
  assert.match(citation, /no patient, no dermatoscope/);
  close();
});

test('images and masks are those of the generator', async () => {
  const dataset = await open();
  for (const split of splitNames) {
    const { count, readImages, readMasks, nativeMask } = dataset.splits[split];
    for (let index = 0; index < count; index++) {
      const drawn = renderLesion({ size: 48, seed: 7, split, index });
      const [image, mask] = [new Uint8Array(48 * 48 * 3), new Uint8Array(48 * 48)];
      readImages([index], image);
      readMasks([index], mask);
      assert.deepEqual(image, drawn.image);
      assert.deepEqual(mask, drawn.mask);
      assert.deepEqual(nativeMask(index), { height: 48, width: 48, pixels: drawn.mask });
    }
  }
  dataset.close();
});

test('they are drawn once, the same anywhere, and others for another size or number', async () => {
  const drawn: string[] = [];
  const onProgress: OpenSegmentationOptions['onProgress'] = ({ phase, done, total }) =>
    drawn.push(`${phase} ${done} ${total}`);
  const hashOf = async (options: Partial<OpenSegmentationOptions>): Promise<string> => {
    const dataset = await open({ onProgress, ...options });
    dataset.close();
    return dataset.sha256;
  };
  const first = await hashOf({});
  assert.deepEqual(drawn, []);
  const elsewhere = join(scratch, 'elsewhere');
  assert.equal(await hashOf({ cacheDirectory: elsewhere }), first);
  assert.equal(drawn.length, 28);
  assert.equal(drawn[27], 'images 28 28');
  assert.notEqual(await hashOf({ size: 49 }), first);
  assert.notEqual(await hashOf({ syntheticImages: 21 }), first);
  const [folder] = readdirSync(join(elsewhere, 'synthetic'));
  assert.match(folder, /^synthetic-lesions-48-20-[0-9a-f]{10}$/);
  const { mtimeMs } = statSync(join(elsewhere, 'synthetic', folder, 'images.npy'));
  await Promise.all([hashOf({ cacheDirectory: elsewhere }), hashOf({ cacheDirectory: elsewhere })]);
  assert.equal(statSync(join(elsewhere, 'synthetic', folder, 'images.npy')).mtimeMs, mtimeMs);
});

test('two that open at once draw once', async () => {
  const directory = join(scratch, 'at-once');
  let drawn = 0;
  const options = { cacheDirectory: directory, syntheticImages: 4, onProgress: () => void drawn++ };
  const both = await Promise.all([open(options), open(options)]);
  assert.equal(drawn, 6);
  assert.equal(both[0].sha256, both[1].sha256);
  for (const dataset of both) dataset.close();
});

test('a folder is opened by its path', async () => {
  const files = await pairFiles('images', 'masks', ['a', 'b', 'c', 'd']);
  const folder = writeFiles(join(scratch, 'folder'), { ...files, LICENSE: 'free' });
  const { name, title, license, citation, synthetic, splits, close } = await open({ size: 8 }, folder);
  assert.deepEqual(
    { name, title, license, citation, synthetic },
    { name: 'folder', title: 'folder', license: 'see LICENSE in the folder', citation: 'folder', synthetic: false },
  );
  assert.deepEqual(splitNames.flatMap((split) => splits[split].ids).sort(), ['a', 'b', 'c', 'd']);
  close();
});

test('what cannot be opened says what can', async () => {
  await assert.rejects(
    open({}, 'synthetic-lesion'),
    userError(/^There is no dataset "synthetic-lesion", did you mean "synthetic-lesions"\? Known is/),
  );
  await assert.rejects(
    open({}, 'isic'),
    userError(/^There is no dataset "isic": Known is synthetic-lesions, or give the path/),
  );
  await assert.rejects(open({}, join(scratch, 'nowhere')), userError(/^There is no file or folder .*nowhere/));
  const file = join(scratch, 'data.npz');
  writeFileSync(file, '');
  await assert.rejects(open({}, file), userError(/data\.npz is a file; images with masks come as a folder/));
  await assert.rejects(
    open({ size: 40 }),
    userError(/^size is 40; allowed for synthetic-lesions are whole numbers from 48 to 512\.$/),
  );
  await assert.rejects(
    open({ syntheticImages: 0 }),
    userError(/^syntheticImages is 0; allowed .* from 1 to 100000\.$/),
  );
  await assert.rejects(open({ size: 0 }, scratch), userError(/^size is 0; allowed are whole numbers of pixels from 1/));
});
