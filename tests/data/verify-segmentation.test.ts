import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';

import { main } from '../../lib/cli/data';
import { hashFiles } from '../../lib/data/file-hashes';
import { verifySegmentationFolder } from '../../lib/data/verify-segmentation';
import { readRecord, recordText } from '../../lib/files';
import { drawing, pairFiles, photograph, writeFiles } from './pair-folder';
import { userError } from './user-error';

const scratch = mkdtempSync(join(tmpdir(), 'verify-segmentation-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const cacheDirectory = join(scratch, 'cache');
const verify = (path: string) => verifySegmentationFolder(path);

test('a folder in order is described', async () => {
  const folder = writeFiles(join(scratch, 'good'), {
    'images/a.png': await photograph(1, 10, 12),
    'masks/a_segmentation.png': await drawing(9, 10, 12),
    'images/b.png': await photograph(2, 20, 8),
    'masks/b_segmentation.png': await drawing(10, 20, 8, 1),
    'images/c.png': await photograph(1, 10, 12),
    'masks/c_segmentation.png': await sharp(await drawing(3, 10, 12))
      .blur(1)
      .png()
      .toBuffer(),
  });
  const { ok, lines, tables } = await verify(folder);
  assert.deepEqual(
    { ok, lines },
    {
      ok: true,
      lines: [
        'good: images and masks, 3 images with a mask',
        'no official splits: 3 images in images and masks',
        'height 10 to 20, width 8 to 12 pixels',
        'the mask covers 10.0 % to 70.0 % of an image, 43.3 % on average',
        'masks by value: 1 of 0 and 255, 1 of 0 and 1, 1 of 0, 70, 185, 255, above 128',
        'images equal to an earlier one: 1 (c = a)',
        'broken: none',
      ],
    },
  );
  assert.deepEqual(tables[0], {
    caption: 'Masks by value',
    rows: [
      { values: '0 and 255', masks: 1 },
      { values: '0 and 1', masks: 1 },
      { values: '0, 70, 185, 255, above 128', masks: 1 },
    ],
  });
  assert.deepEqual(
    tables[1].rows.filter((row) => (row as { masks: number }).masks > 0),
    [
      { 'covers, %': '5 to 10', masks: 1 },
      { 'covers, %': '25 to 50', masks: 1 },
      { 'covers, %': '50 to 75', masks: 1 },
    ],
  );
});

test('official splits are counted, what is missing is named, and an image in two splits is a leak', async () => {
  const files: Record<string, Buffer> = {
    ...(await pairFiles('ISIC2018_Task1-2_Training_Input', 'ISIC2018_Task1_Training_GroundTruth', ['a', 'b'])),
    ...(await pairFiles('ISIC2018_Task1-2_Test_Input', 'ISIC2018_Task1_Test_GroundTruth', ['c'])),
  };
  files['ISIC2018_Task1-2_Test_Input/c.png'] = files['ISIC2018_Task1-2_Training_Input/b.png'];
  const { ok, lines } = await verify(writeFiles(join(scratch, 'official'), files));
  assert.ok(ok);
  assert.deepEqual(lines.slice(0, 4), [
    'official: ISIC 2018 task 1, 3 images with a mask',
    'train: 2 images in ISIC2018_Task1-2_Training_Input and ISIC2018_Task1_Training_GroundTruth',
    'test: 1 image in ISIC2018_Task1-2_Test_Input and ISIC2018_Task1_Test_GroundTruth',
    'the official val images are not there (no folder ISIC2018_Task1-2_Validation_Input)',
  ]);
  assert.ok(lines.includes('leak: images of test equal to one of train: 1 (c = b)'), lines.join('\n'));
});

test('everything that is broken is listed, and the command fails', async () => {
  const files: Record<string, Buffer | string> = await pairFiles('images', 'masks', ['a', 'b', 'c', 'd']);
  delete files['masks/b_segmentation.png'];
  files['images/c.png'] = 'damaged';
  files['masks/d_segmentation.png'] = await drawing(10);
  files['masks/x_segmentation.png'] = await drawing(1);
  const folder = writeFiles(join(scratch, 'bad'), files);
  const { ok, lines } = await verify(folder);
  assert.equal(ok, false);
  const from = lines.findIndex((line) => line.startsWith('broken'));
  assert.equal(
    lines[from],
    'broken: 4 (1 without mask, 1 without image, 1 with an unreadable image, 1 with a mask without foreground)',
  );
  const patterns = [
    /^ {2}b: images\/b\.png has no mask in masks$/,
    /^ {2}c: .*c\.png cannot be read as an image/,
    /^ {2}d: the mask of d has no foreground$/,
    /^ {2}x: masks\/x_segmentation\.png has no image in images$/,
  ];
  assert.equal(lines.length, from + 1 + patterns.length);
  patterns.forEach((pattern, at) => assert.match(lines[from + 1 + at], pattern));

  let printed = '';
  const context = {
    cacheDirectory,
    output: { write: (text: string) => (printed += text) },
    progress: { write: () => undefined },
  };
  await assert.rejects(
    main(['verify', folder], context),
    userError(/bad is not in order; what is wrong is said above/),
  );
  assert.equal(printed, `${lines.join('\n')}\n`);
  await assert.rejects(
    main(['verify', scratch], context),
    userError(/has one class only|is not in order|no folder with images/),
  );
});

test('checksums are remembered until a file changes', async () => {
  const path = join(scratch, 'file');
  const memory = join(scratch, 'memory', 'checksums.json');
  writeFileSync(path, 'first');
  const [first] = await hashFiles([path], { memory });
  assert.equal(first, 'a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e');
  const remember = (laterMilliseconds: number): void => {
    const entries = readRecord(memory) as Record<string, { changed: number; hashed: number; sha256: string }>;
    entries[path].hashed = entries[path].changed + laterMilliseconds;
    entries[path].sha256 = 'remembered';
    writeFileSync(memory, recordText(entries));
  };
  remember(60_000);
  assert.deepEqual(await hashFiles([path], { memory }), ['remembered']);
  // Read so soon after the change that a further one may have left no trace.
  remember(500);
  assert.deepEqual(await hashFiles([path], { memory }), [first]);
  remember(60_000);
  writeFileSync(path, 'other');
  assert.notEqual((await hashFiles([path], { memory }))[0], 'remembered');
  writeFileSync(memory, 'damaged');
  const gone = join(scratch, 'gone');
  assert.deepEqual((await hashFiles([gone, path], { memory }))[0], 'unreadable');
});
