import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';

import { splitNames } from '../../lib/data/dataset';
import { openIsicFolder, type IsicFolderOptions } from '../../lib/data/isic-folder';
import { encodeRuns, decodeRuns } from '../../lib/data/mask-runs';
import type { SegmentationDataset, SegmentationSplit } from '../../lib/data/segmentation-dataset';
import pairs from '../fixtures/image_pairs.json';
import { drawing, pairFiles, photograph, writeFiles } from './pair-folder';
import { userError } from './user-error';

const scratch = mkdtempSync(join(tmpdir(), 'isic-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const cacheDirectory = join(scratch, 'cache');

const open = (path: string, options: Partial<IsicFolderOptions> = {}): Promise<SegmentationDataset> =>
  openIsicFolder(path, { size: 8, cacheDirectory, ...options });

/** Opens, looks and closes. */
async function look<T>(path: string, options: Partial<IsicFolderOptions>, see: (dataset: SegmentationDataset) => T) {
  const dataset = await open(path, options);
  try {
    return see(dataset);
  } finally {
    dataset.close();
  }
}

const everything = ({ splits }: SegmentationDataset): string[] =>
  splitNames.flatMap((name) => [...splits[name].ids]).sort();
const counts = ({ splits }: SegmentationDataset): number[] => splitNames.map((name) => splits[name].count);
const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

function bitsOf(base64: string, count: number): number[] {
  const bytes = bytesOf(base64);
  return Array.from({ length: count }, (_, at) => (bytes[at >> 3] >> (7 - (at & 7))) & 1);
}

function imageOf({ readImages }: SegmentationSplit, index: number, size: number): Uint8Array {
  const target = new Uint8Array(size * size * 3);
  readImages([index], target);
  return target;
}

function maskOf({ readMasks }: SegmentationSplit, index: number, size: number): Uint8Array {
  const target = new Uint8Array(size * size);
  readMasks([index], target);
  return target;
}

function find(dataset: SegmentationDataset, id: string): [SegmentationSplit, number] {
  const split = splitNames.map((name) => dataset.splits[name]).find(({ ids }) => ids.includes(id));
  assert.ok(split, `${id} is in no split`);
  return [split, split.ids.indexOf(id)];
}

const numbered = (count: number, first = 1): string[] =>
  Array.from({ length: count }, (_, index) => `ISIC_${String(first + index).padStart(7, '0')}`);

const mixed = writeFiles(join(scratch, 'mixed'), {
  ...Object.fromEntries(
    pairs.map(({ id, image }) => [`images/${id}.${image.extension}`, Buffer.from(image.file, 'base64')]),
  ),
  ...Object.fromEntries(
    pairs.map(({ id, mask }, at) => [
      `masks/${id}${at === 1 ? '_Segmentation' : '_segmentation'}.${at === 2 ? 'PNG' : mask.extension}`,
      Buffer.from(mask.file, 'base64'),
    ]),
  ),
  'images/ISIC_0000001_superpixels.png': 'not read',
  'images/ATTRIBUTION.txt': 'not read',
  'images/.hidden.png': 'not read',
  'masks/LICENSE': 'not read',
  'masks/notes.csv': 'not read',
});

for (const size of [32, 48, 7]) {
  test(`images and masks at ${size} pixels are Pillow's, byte for byte, and masks keep their own size`, async () => {
    await look(mixed, { size }, (dataset) => {
      assert.deepEqual(everything(dataset), pairs.map(({ id }) => id).sort());
      for (const { id, native, resized } of pairs) {
        const [split, index] = find(dataset, id);
        const expected = resized.find((candidate) => candidate.size === size);
        assert.ok(expected);
        assert.deepEqual(imageOf(split, index, size), bytesOf(expected.image), id);
        assert.deepEqual([...maskOf(split, index, size)], bitsOf(expected.mask, size * size), id);
        const { height, width, pixels } = split.nativeMask(index);
        assert.deepEqual({ height, width }, { height: native.height, width: native.width });
        assert.deepEqual([...pixels], bitsOf(native.pixels, height * width), id);
      }
    });
  });
}

test('several images are read in the order that is asked for', async () => {
  await look(mixed, { size: 7 }, ({ splits: { train } }) => {
    const all = new Uint8Array(3 * 7 * 7 * 3);
    train.readImages([2, 0, 2], all);
    const each = [2, 0, 2].map((index) => [...imageOf(train, index, 7)]);
    assert.deepEqual([...all], each.flat());
  });
});

test('splits are drawn from the ids by the seed alone', async () => {
  const files = await pairFiles('images', 'masks', numbered(20));
  const folder = writeFiles(join(scratch, 'twenty'), files);
  const idsOf = (dataset: SegmentationDataset): string[][] => splitNames.map((name) => [...dataset.splits[name].ids]);
  const first = await look(folder, { seed: 3 }, (dataset) => {
    assert.deepEqual(counts(dataset), [14, 2, 4]);
    assert.deepEqual(everything(dataset), numbered(20));
    assert.deepEqual(dataset.origins, { train: 'drawn', val: 'drawn', test: 'drawn' });
    assert.deepEqual(dataset.notes, ['no official splits; 70 % train, 10 % val, 20 % test drawn by seed 3']);
    return idsOf(dataset);
  });
  assert.deepEqual(await look(folder, { seed: 3, size: 5 }, idsOf), first);
  assert.notDeepEqual(await look(folder, { seed: 4 }, idsOf), first);
  const fractions = { train: 0.5, val: 0.25, test: 0.25 };
  assert.deepEqual(await look(folder, { fractions }, counts), [10, 5, 5]);
  const without = { train: 0.9, val: 0.1, test: 0 };
  await assert.rejects(
    open(folder, { fractions: without }),
    userError(/^The fractions leave no test image of .*twenty/),
  );
});

test('the official folders of ISIC 2018 give the official splits', async () => {
  const folder = writeFiles(join(scratch, 'isic2018'), {
    ...(await pairFiles('ISIC2018_Task1-2_Training_Input', 'ISIC2018_Task1_Training_GroundTruth', numbered(6))),
    ...(await pairFiles('ISIC2018_Task1-2_Validation_Input', 'ISIC2018_Task1_Validation_GroundTruth', numbered(2, 50))),
    ...(await pairFiles('ISIC2018_Task1-2_Test_Input', 'ISIC2018_Task1_Test_GroundTruth', numbered(3, 70))),
    'ISIC2018_Task1-2_Training_Input/ATTRIBUTION.txt': 'not read',
    'ISIC2018_Task1-2_Training_Input/LICENSE.txt': 'not read',
  });
  await look(folder, {}, (dataset) => {
    assert.deepEqual(
      splitNames.map((name) => dataset.splits[name].ids),
      [numbered(6), numbered(2, 50), numbered(3, 70)],
    );
    assert.deepEqual(dataset.origins, { train: 'official', val: 'official', test: 'official' });
    const { title, license, notes, broken, synthetic } = dataset;
    assert.deepEqual(
      { title, license, notes, broken, synthetic },
      { title: 'ISIC 2018 task 1', license: 'CC BY-NC 4.0', notes: [], broken: [], synthetic: false },
    );
    assert.match(dataset.citation, /Codella .*1902\.03368/);
  });
});

test('official splits that are missing are drawn from the training images, and said to be', async () => {
  const training = await pairFiles('ISIC-2017_Training_Data', 'ISIC-2017_Training_Part1_GroundTruth', numbered(20));
  const some = await pairFiles(
    'ISIC-2017_Test_v2_Data/ISIC-2017_Test_v2_Data',
    'ISIC-2017_Test_v2_Part1_GroundTruth',
    numbered(3, 90),
  );
  const validation = await pairFiles('ISIC-2017_Validation_Data', 'elsewhere', numbered(2, 60));
  const folder = writeFiles(join(scratch, 'isic2017'), { ...training, ...some, ...validation });
  await look(folder, { seed: 5 }, (dataset) => {
    assert.deepEqual(counts(dataset), [18, 2, 3]);
    assert.deepEqual(dataset.splits.test.ids, numbered(3, 90));
    assert.deepEqual([...dataset.splits.train.ids, ...dataset.splits.val.ids].sort(), numbered(20));
    assert.deepEqual(dataset.origins, { train: 'drawn', val: 'drawn', test: 'official' });
    assert.deepEqual(dataset.notes, [
      'the official val images are not there (no folder ISIC-2017_Validation_Part1_GroundTruth)',
      '10 % of the training images drawn for val by seed 5',
    ]);
    assert.deepEqual([dataset.title, dataset.license], ['ISIC 2017 task 1', 'CC0-1.0']);
  });
  const alone = writeFiles(join(scratch, 'isic2017-train'), training);
  await look(alone, {}, (dataset) => {
    assert.deepEqual(counts(dataset), [14, 2, 4]);
    assert.match(
      dataset.notes.join(' | '),
      /official val images.* \| the official test images are not there \(no folder ISIC-2017_Test_v2_Data\) \| 10 % of the training images drawn for val, 20 % of the training images drawn for test by seed 0/,
    );
  });
});

test('what is no such folder says what is expected', async () => {
  const nowhere = join(scratch, 'nowhere');
  await assert.rejects(open(nowhere), userError(/^There is no folder .*nowhere: check the path\.$/));
  const file = join(scratch, 'file.txt');
  writeFileSync(file, '');
  await assert.rejects(open(file), userError(/file\.txt is not a folder; expected are images\/ID\.jpg with masks/));
  const other = writeFiles(join(scratch, 'other'), { 'pictures/a.png': '', 'labels/a.png': '' });
  await assert.rejects(
    open(other),
    userError(/no images with masks .*\(sub-folders: labels, pictures\); expected are images\/ID\.jpg/),
  );
  const strangers = writeFiles(join(scratch, 'strangers'), { 'images/a.png': '', 'masks/b_segmentation.png': '' });
  await assert.rejects(open(strangers), userError(/No image in .*images has a mask in .*masks: ID\.jpg goes with/));
  const both = join(scratch, 'both');
  mkdirSync(join(both, 'ISIC-2017_Training_Data'), { recursive: true });
  mkdirSync(join(both, 'ISIC2018_Task1-2_Training_Input'));
  await assert.rejects(open(both), userError(/folders of ISIC 2017 and of ISIC 2018, which share images/));
  rmSync(join(both, 'ISIC-2017_Training_Data'), { recursive: true });
  await assert.rejects(
    open(both),
    userError(
      /has no training images of ISIC 2018 task 1: ISIC2018_Task1-2_Training_Input and ISIC2018_Task1_Training_GroundTruth are expected/,
    ),
  );
  const few = writeFiles(join(scratch, 'few'), await pairFiles('images', 'masks', ['a', 'b']));
  await assert.rejects(open(few), userError(/^2 images cannot be divided into train, val, test: at least 3/));
});

const brokenFolder = async (name: string): Promise<string> => {
  const files: Record<string, Buffer | string> = await pairFiles('images', 'masks', numbered(20));
  delete files['masks/ISIC_0000003_segmentation.png'];
  delete files['images/ISIC_0000005.png'];
  files['images/ISIC_0000007.jpg'] = await photograph(1);
  files['images/ISIC_0000009.png'] = (files['images/ISIC_0000009.png'] as Buffer).subarray(0, 100);
  files['masks/ISIC_0000011_segmentation.png'] = 'no image';
  files['masks/ISIC_0000012_segmentation.png'] = await sharp(await photograph(2))
    .png()
    .toBuffer();
  files['masks/ISIC_0000013_segmentation.png'] = await drawing(3, 12, 10);
  files['masks/ISIC_0000015_segmentation.png'] = await drawing(10);
  return writeFiles(join(scratch, name), files);
};

test('broken data is refused in one line that counts it, names the first and the way out', async () => {
  const folder = await brokenFolder('broken');
  const pattern =
    /broken has 8 broken images \(1 without mask, 1 without image, 1 with the id of another, 1 with an unreadable image, 2 with an unreadable mask, 1 with image and mask of different size, 1 with a mask without foreground\), the first: images\/ISIC_0000003\.png has no mask in masks; "npm run data -- verify .*broken" lists all, "--set skipBroken=true" leaves them out\.$/;
  await assert.rejects(open(folder), userError(pattern));
  // The second time, what is damaged is known from the cache.
  await assert.rejects(open(folder), userError(pattern));
});

test('with skipBroken it is left out and listed', async () => {
  const folder = await brokenFolder('skipped');
  await look(folder, { skipBroken: true, size: 9 }, (dataset) => {
    assert.deepEqual(
      dataset.broken.map(({ id, kind }) => `${Number(id.slice(5))} ${kind}`),
      [
        '3 no-mask',
        '5 no-image',
        '7 same-id',
        '9 unreadable-image',
        '11 unreadable-mask',
        '12 unreadable-mask',
        '13 sizes-differ',
        '15 empty-mask',
      ],
    );
    for (const { id, reason } of dataset.broken) assert.ok(reason.includes(id), reason);
    const [, , , , , coloured, sizes] = dataset.broken.map(({ reason }) => reason);
    assert.match(
      coloured,
      /is coloured \(.* and more\): a mask is grey, or black and one colour; make one mask of each class$/,
    );
    assert.match(sizes, /is 10×12, but .* is 12×10$/);
    const left = numbered(20).filter((id) => ![3, 5, 9, 11, 12, 13, 15].includes(Number(id.slice(5))));
    assert.deepEqual(everything(dataset), left);
    assert.match(dataset.notes[1], /^left out as broken: 1 without mask, /);
    const [split, index] = find(dataset, 'ISIC_0000016');
    assert.ok(imageOf(split, index, 9).some((value) => value > 0));
  });
});

test('mending a damaged file moves no other into another split', async () => {
  const files = await pairFiles('images', 'masks', numbered(20));
  const whole = writeFiles(join(scratch, 'whole'), files);
  const damaged = writeFiles(join(scratch, 'damaged'), { ...files, 'images/ISIC_0000008.png': 'damaged' });
  const idsOf = (dataset: SegmentationDataset): string[][] =>
    splitNames.map((name) => dataset.splits[name].ids.filter((id) => id !== 'ISIC_0000008'));
  assert.deepEqual(await look(damaged, { skipBroken: true }, idsOf), await look(whole, {}, idsOf));
});

test('a split without a usable image ends it', async () => {
  const files: Record<string, Buffer | string> = await pairFiles('images', 'masks', numbered(3));
  for (const id of numbered(3)) files[`images/${id}.png`] = 'damaged';
  const folder = writeFiles(join(scratch, 'none'), files);
  await assert.rejects(
    open(folder, { skipBroken: true }),
    userError(/no train image is usable \(3 with an unreadable image\): "npm run data -- verify/),
  );
});

test('an id in two official splits is used in the later one only', async () => {
  const folder = writeFiles(join(scratch, 'twice'), {
    ...(await pairFiles('ISIC2018_Task1-2_Training_Input', 'ISIC2018_Task1_Training_GroundTruth', numbered(6))),
    ...(await pairFiles('ISIC2018_Task1-2_Validation_Input', 'ISIC2018_Task1_Validation_GroundTruth', numbered(2, 50))),
    ...(await pairFiles('ISIC2018_Task1-2_Test_Input', 'ISIC2018_Task1_Test_GroundTruth', numbered(3, 4))),
  });
  await assert.rejects(
    open(folder),
    userError(
      /3 broken images \(3 with the id of another\), the first: ISIC2018_Task1-2_Training_Input\/ISIC_0000004\.png has the id of ISIC2018_Task1-2_Test_Input\/ISIC_0000004\.png/,
    ),
  );
  await look(folder, { skipBroken: true }, (dataset) => {
    assert.deepEqual(counts(dataset), [3, 2, 3]);
    assert.deepEqual(dataset.splits.train.ids, numbered(3));
  });
});

test('nothing is decoded twice, and a changed file is', async () => {
  const folder = writeFiles(join(scratch, 'cached'), await pairFiles('images', 'masks', numbered(12)));
  const phases = async (): Promise<string[]> => {
    const seen = new Set<string>();
    await look(folder, { onProgress: ({ phase }) => seen.add(phase) }, () => undefined);
    return [...seen];
  };
  const hash = (): Promise<string> => look(folder, {}, ({ sha256 }) => sha256);
  assert.deepEqual(await phases(), ['checksums', 'images']);
  const before = await hash();
  assert.deepEqual(await phases(), ['checksums']);

  // Same bytes, another time: known by content.
  utimesSync(join(folder, 'images', 'ISIC_0000002.png'), 1, 1);
  assert.deepEqual(await phases(), ['checksums']);
  assert.equal(await hash(), before);

  const changed = await drawing(0);
  writeFileSync(join(folder, 'masks', 'ISIC_0000002_segmentation.png'), changed);
  assert.deepEqual(await phases(), ['checksums', 'images']);
  assert.notEqual(await hash(), before);
  await look(folder, {}, (dataset) => {
    const [split, index] = find(dataset, 'ISIC_0000002');
    assert.equal(
      split.nativeMask(index).pixels.reduce((sum, value) => sum + value),
      120,
    );
  });

  const moved = `${folder}-moved`;
  const now = await hash();
  renameSync(folder, moved);
  assert.equal(await look(moved, {}, ({ sha256 }) => sha256), now, 'where it lies does not matter');
  renameSync(join(moved, 'images', 'ISIC_0000001.png'), join(moved, 'images', 'other.png'));
  renameSync(join(moved, 'masks', 'ISIC_0000001_segmentation.png'), join(moved, 'masks', 'other_segmentation.png'));
  assert.notEqual(await look(moved, {}, ({ sha256 }) => sha256), now, 'names do');
});

test('a store that is damaged or unfinished is made anew', async () => {
  const folder = writeFiles(join(scratch, 'store'), await pairFiles('images', 'masks', numbered(5)));
  const cache = join(scratch, 'store-cache');
  const first = (dataset: SegmentationDataset): string =>
    Buffer.from(imageOf(dataset.splits.train, 0, 8)).toString('hex');
  const expected = await look(folder, { cacheDirectory: cache }, first);
  const stores = readdirSync(join(cache, 'segmentation'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  assert.equal(stores.length, 1);
  const store = join(cache, 'segmentation', stores[0].name);
  const damages: Record<string, () => void> = {
    truncated: () => writeFileSync(join(store, 'images.npy'), readFileSync(join(store, 'images.npy')).subarray(0, 300)),
    missing: () => rmSync(join(store, 'masks.npy')),
    unfinished: () => rmSync(join(store, 'index.json')),
    'no index': () => writeFileSync(join(store, 'index.json'), '{"version":1}'),
  };
  for (const [name, damage] of Object.entries(damages)) {
    damage();
    assert.equal(await look(folder, { cacheDirectory: cache }, first), expected, name);
    assert.deepEqual(readdirSync(store).sort(), ['images.npy', 'index.json', 'masks.npy', 'runs.npy'], name);
  }
});

test('an abort leaves no half of a store', async () => {
  const folder = writeFiles(join(scratch, 'abort'), await pairFiles('images', 'masks', numbered(30)));
  const cache = join(scratch, 'abort-cache');
  const controller = new AbortController();
  const onProgress: IsicFolderOptions['onProgress'] = ({ phase, done }) => {
    if (phase === 'images' && done === 3) controller.abort();
  };
  const options = { cacheDirectory: cache, onProgress, signal: controller.signal };
  await assert.rejects(open(folder, options), { name: 'AbortError' });
  await look(folder, { cacheDirectory: cache }, (dataset) => assert.deepEqual(counts(dataset), [21, 3, 6]));
});

test('masks are found by the names that other datasets give them', async () => {
  const files = await pairFiles('images', 'masks', numbered(10));
  // Kvasir-SEG has masks/ID.jpg; others ID_mask.png.
  const renamed = Object.entries(files).map(([name, content], at) => [
    name.replace('_segmentation', at % 4 === 1 ? '' : '_mask'),
    content,
  ]);
  const folder = writeFiles(join(scratch, 'kvasir'), Object.fromEntries(renamed) as typeof files);
  await look(folder, {}, (dataset) => assert.deepEqual(everything(dataset), numbered(10)));
});

test('names that differ in how an accent is written are the same', async () => {
  const files = await pairFiles('images', 'masks', ['a', 'b', 'Läsion'.normalize('NFC')]);
  const apart = Object.entries(files).map(([name, content]) => [
    name.startsWith('masks') ? name.normalize('NFD') : name,
    content,
  ]);
  const folder = writeFiles(join(scratch, 'accents'), Object.fromEntries(apart) as typeof files);
  await look(folder, {}, (dataset) => {
    assert.deepEqual(everything(dataset), ['Läsion'.normalize('NFC'), 'a', 'b']);
    assert.deepEqual(dataset.broken, []);
  });
});

test('images without a lesion are kept on request', async () => {
  const files = await pairFiles('images', 'masks', numbered(10));
  files['masks/ISIC_0000004_segmentation.png'] = await drawing(10);
  const folder = writeFiles(join(scratch, 'healthy'), files);
  await assert.rejects(
    open(folder),
    userError(/1 broken image \(1 with a mask without foreground\), the first: the mask of ISIC_0000004/),
  );
  await look(folder, { keepEmpty: true }, (dataset) => {
    assert.deepEqual(everything(dataset), numbered(10));
    const [split, index] = find(dataset, 'ISIC_0000004');
    assert.ok(maskOf(split, index, 8).every((value) => value === 0));
    assert.ok(split.nativeMask(index).pixels.every((value) => value === 0));
  });
});

test('an image and its mask are both turned as their EXIF orientation says', async () => {
  const files = await pairFiles('images', 'masks', numbered(4));
  const upright = files['images/ISIC_0000001.png'];
  const turned = (degrees: number, orientation: number): Promise<Buffer> =>
    sharp(upright).rotate(degrees).keepMetadata().withMetadata({ orientation }).png().toBuffer();
  // The same picture as a camera that was upside down, or on its side, would have stored it.
  files['images/ISIC_0000002.png'] = await turned(180, 3);
  files['images/ISIC_0000003.png'] = await turned(270, 6);
  const folder = writeFiles(join(scratch, 'turned'), files);
  await look(folder, {}, (dataset) => {
    const [first, second, third] = [1, 2, 3].map((number) => imageOf(...find(dataset, `ISIC_000000${number}`), 8));
    assert.deepEqual(second, first);
    assert.deepEqual(third, first);
    assert.match(
      dataset.notes.join('\n'),
      /^2 images turned by another EXIF orientation than the mask, and both as they say: look whether they fit \(ISIC_0000002, ISIC_0000003\)$/m,
    );
  });
  files['masks/ISIC_0000003_segmentation.png'] = await drawing(2, 12, 10); // drawn on the picture as it is stored
  const other = writeFiles(join(scratch, 'turned-apart'), files);
  await assert.rejects(
    open(other),
    userError(/is 10×12, but .* is 12×10: the image's EXIF orientation 6 turns it, and the other was made without/),
  );
});

test('a grey photograph of 16 bits is scaled by its depth', async () => {
  const files = await pairFiles('images', 'masks', numbered(4));
  const deep = Uint16Array.from({ length: 120 }, (_, at) => at * 546);
  files['images/ISIC_0000002.png'] = await sharp(deep, { raw: { height: 10, width: 12, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toBuffer();
  const shallow = Uint8Array.from(deep, (value) => value >> 8);
  files['images/ISIC_0000003.png'] = await sharp(shallow, { raw: { height: 10, width: 12, channels: 1 } })
    .png()
    .toBuffer();
  await look(writeFiles(join(scratch, 'deep'), files), {}, (dataset) => {
    const [second, third] = [2, 3].map((number) => imageOf(...find(dataset, `ISIC_000000${number}`), 8));
    assert.deepEqual(second, third);
  });
});

test('images of one patient are never parted where a pattern finds whose they are', async () => {
  const ids = Array.from({ length: 24 }, (_, index) => `patient${Math.floor(index / 4)}_img${index}`);
  const folder = writeFiles(join(scratch, 'patients'), await pairFiles('images', 'masks', ids));
  const patient = (id: string): string => id.split('_')[0];
  await look(folder, {}, ({ notes }) =>
    assert.match(
      notes[1],
      /^names such as patient0_img0 and patient0_img1 look like several images of one patient \(6 such groups, patient0 for one\)/,
    ),
  );
  for (const seed of [1, 2, 3]) {
    await look(folder, { seed, groupBy: '^(patient\\d+)' }, (dataset) => {
      const patients = splitNames.map((name) => new Set(dataset.splits[name].ids.map(patient)));
      assert.equal(
        patients.reduce((sum, { size }) => sum + size, 0),
        6,
      );
      assert.deepEqual(counts(dataset), [16, 4, 4]);
      assert.deepEqual(dataset.splits.test.groups, dataset.splits.test.ids.map(patient));
      assert.deepEqual(dataset.notes, [
        `no official splits; 70 % train, 10 % val, 20 % test drawn by seed ${seed}, 6 groups kept together`,
      ]);
    });
  }
  await assert.rejects(
    open(folder, { groupBy: 'person' }),
    userError(/^groupBy person finds no group in 24 of 24 file names, the first patient0_img0/),
  );
  await assert.rejects(open(folder, { groupBy: '(' }), userError(/^groupBy is \(, but must be a regular expression/));
});

test('the identity covers contents and splits', async () => {
  const folder = writeFiles(join(scratch, 'identity'), await pairFiles('images', 'masks', numbered(20)));
  const hash = (seed: number, size = 8): Promise<string> => look(folder, { seed, size }, ({ sha256 }) => sha256);
  const first = await hash(1);
  assert.equal(await hash(1, 5), first);
  assert.notEqual(await hash(2), first);
  for (const name of readdirSync(join(folder, 'images'))) utimesSync(join(folder, 'images', name), 1, 1);
  assert.equal(await hash(1), first);
});

test('runs of a mask give the mask', () => {
  for (const pixels of [
    [0, 0, 0, 0, 0, 0],
    [1, 1, 1, 1, 1, 1],
    [0, 1, 1, 0, 1, 0],
    [1, 0, 0, 0, 0, 1],
  ]) {
    const mask = decodeRuns(encodeRuns(Uint8Array.from(pixels)), 2, 3);
    assert.deepEqual([mask.height, mask.width, ...mask.pixels], [2, 3, ...pixels]);
  }
  assert.throws(() => decodeRuns(Uint32Array.of(3, 2), 2, 3), /Runs of 5 pixels are no mask of 2×3/);
});

test('images and masks below train, val and test, in their usual spellings, are these splits', async () => {
  const root = writeFiles(join(scratch, 'splits'), {
    ...(await pairFiles('train/images', 'train/masks', ['a1', 'a2', 'a3'])),
    ...(await pairFiles('Valid/images', 'Valid/masks', ['b1'])),
    ...(await pairFiles('testing/images', 'testing/masks', ['c1', 'c2'])),
  });
  await look(root, {}, (dataset) => {
    assert.deepEqual(counts(dataset), [3, 1, 2]);
    assert.deepEqual(dataset.origins, { train: 'official', val: 'official', test: 'official' });
    assert.deepEqual(dataset.splits.test.ids, ['c1', 'c2']);
  });
  rmSync(join(root, 'testing'), { recursive: true });
  await look(root, {}, ({ origins, notes }) => {
    assert.deepEqual(origins, { train: 'drawn', val: 'official', test: 'drawn' });
    assert.ok(notes.some((note) => /no folder test/.test(note)));
  });
});
