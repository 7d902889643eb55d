import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';

import { main } from '../../lib/cli/data';
import { writeReport } from '../../lib/cli/data-report';
import { splitNames, type SplitName } from '../../lib/data/dataset';
import { writeNpz, type NpzArray } from '../../lib/data/npz-writer';
import { medmnist } from '../../lib/data/registry-medmnist';
import { openNpzDataset } from '../../lib/data/npz-dataset';
import { verifyDataset, verifyImages } from '../../lib/data/verify';
import { createRandom } from '../../lib/random';
import { writeFiles } from './pair-folder';
import { userError } from './user-error';

const folder = mkdtempSync(join(tmpdir(), 'verify-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'cells.npz');
const options = { cacheDirectory: join(folder, 'cache') };

type Image = readonly number[];

/** RGB images of two pixels a split, and one label each. */
function write(images: Record<SplitName, readonly Image[]>, labels: Record<SplitName, readonly number[]>): void {
  const arrays: Record<string, NpzArray> = {};
  for (const name of splitNames) {
    const bytes = Uint8Array.from(images[name].flat());
    arrays[`${name}_images`] = { type: '|u1', shape: [images[name].length, 1, 2, 3], bytes };
    arrays[`${name}_labels`] = { type: '|u1', shape: [labels[name].length], bytes: Uint8Array.from(labels[name]) };
  }
  writeNpz(path, arrays);
}

const image = (first: number): Image => [first, 0, 0, 0, 0, 100];
const clean = {
  train: [image(1), image(2), image(3), image(4)],
  val: [image(5), image(6)],
  test: [image(7), image(8)],
};
const labels = { train: [0, 1, 0, 2], val: [2, 1], test: [1, 1] };
const md5 = (): string => createHash('md5').update(readFileSync(path)).digest('hex');

test('a file in order: what it is, its checksums, and each split', async () => {
  write(clean, labels);
  const { ok, lines } = await verifyDataset(path, options);
  assert.equal(ok, true);
  assert.deepEqual(lines, [
    'cells.npz: 0.0 MB, 8 images of 1×2 pixels, RGB; multi-class, 3 classes',
    `MD5 ${md5()}: no file of the registry`,
    'CRC of 6 arrays: all right',
    'val has no image of class 0: the choice of an epoch does not see it',
    'test has no image of class 0, class 2: there is no AUC, and macro-F1 counts them as 0',
    'train: 4 images, pixel values 0 to 100, mean 17.08',
    '  class 0: 2, class 1: 1, class 2: 1',
    'val: 2 images, pixel values 0 to 100, mean 17.58',
    '  class 0: 0, class 1: 1, class 2: 1',
    'test: 2 images, pixel values 0 to 100, mean 17.92',
    '  class 0: 0, class 1: 2, class 2: 0',
    'no two images are equal or look alike',
  ]);
});

test('constant images and duplicates are counted, within a split and between splits', async () => {
  // The same colour in both pixels; equal bytes are not what counts.
  const red: Image = [200, 7, 7, 200, 7, 7];
  const black: Image = [0, 0, 0, 0, 0, 0];
  const images = {
    train: [image(1), red, image(2), image(1), image(1), black],
    val: [image(3), image(4), image(3)],
    test: [image(5), image(2), image(3), image(2), image(1)],
  };
  write(images, { train: [0, 1, 0, 1, 0, 1], val: [0, 1, 0], test: [0, 1, 0, 1, 0] });
  const { ok, lines } = await verifyDataset(path, options);
  assert.equal(ok, true, 'duplicates do not make a file wrong');
  assert.deepEqual(
    lines.filter((line) => /single colour|equal/.test(line)),
    [
      '  2 images of a single colour (1, 5)',
      'train: images equal to an earlier one: 2 (3 = 0, 4 = 0)',
      'equal images with different labels: 3 (3 = 0: class 1, class 0, 1 = 2: class 1, class 0, 3 = 2: class 1, class 0)',
      'val: images equal to an earlier one: 1 (2 = 0)',
      'leak: images of test equal to one of train: 3 (1 = 2, 3 = 2, 4 = 0)',
      'leak: images of test equal to one of val: 1 (2 = 0)',
      'test: images equal to an earlier one: 1 (3 = 1)',
    ],
  );
});

test('only the first few of many are named', async () => {
  const many = Array.from({ length: 9 }, () => image(1));
  write({ ...clean, train: many }, { ...labels, train: [0, 1, 2, 0, 1, 2, 0, 1, 2] });
  const { lines } = await verifyDataset(path, options);
  const line = 'train: images equal to an earlier one: 8 (1 = 0, 2 = 0, 3 = 0, 4 = 0, 5 = 0, …)';
  assert.ok(lines.includes(line), lines.join('\n'));
});

test('more images than a batch holds are all looked at', async () => {
  // A batch is of 8 MiB, so it has 4 of these images, and the last one 3. The last image of each split is constant, and equal.
  const size = 750;
  const bytes = size * size * 3;
  const count = 11;
  const arrays: Record<string, NpzArray> = {};
  for (const name of splitNames) {
    const values = new Uint8Array(count * bytes);
    for (let index = 0; index < count; index++) values.fill(index * 20, index * bytes, (index + 1) * bytes);
    for (let index = 0; index < count - 1; index++) values.set([1, splitNames.indexOf(name)], index * bytes + 3);
    arrays[`${name}_images`] = { type: '|u1', shape: [count, size, size, 3], bytes: values };
    arrays[`${name}_labels`] = {
      type: '|u1',
      shape: [count],
      bytes: Uint8Array.from({ length: count }, (_, i) => i % 2),
    };
  }
  writeNpz(path, arrays);
  const { lines } = await verifyDataset(path, options);
  assert.equal(lines[3], 'train: 11 images, pixel values 0 to 200, mean 100.00');
  assert.deepEqual(
    lines.filter((line) => /single colour|equal to/.test(line)),
    [
      '  1 image of a single colour (10)',
      '  1 image of a single colour (10)',
      '  1 image of a single colour (10)',
      'leak: images of val equal to one of train: 1 (10 = 10)',
      'leak: images of test equal to one of train: 1 (10 = 10)',
      'leak: images of test equal to one of val: 1 (10 = 10)',
    ],
  );
});

test('several labels an image count for each', async () => {
  const arrays: Record<string, NpzArray> = {};
  for (const name of splitNames) {
    const count = clean[name].length;
    arrays[`${name}_images`] = { type: '|u1', shape: [count, 1, 6], bytes: Uint8Array.from(clean[name].flat()) };
    arrays[`${name}_labels`] = {
      type: '|u1',
      shape: [count, 2],
      bytes: Uint8Array.from({ length: count * 2 }, (_, i) => (i % 2 === 0 ? 1 : Number(i === 3))),
    };
  }
  writeNpz(path, arrays);
  const { lines } = await verifyDataset(path, options);
  assert.match(lines[0], /8 images of 1×6 pixels, grey; multi-label, 2 classes/);
  assert.ok(lines.includes('  label 0: 4, label 1: 1'), lines.join('\n'));
});

test('a damaged array makes the file wrong', async () => {
  write(clean, labels);
  const bytes = readFileSync(path);
  const at = bytes.indexOf(Buffer.from(clean.val[0]));
  bytes[at + 5] ^= 1;
  writeFileSync(path, bytes);
  const { ok, lines } = await verifyDataset(path, options);
  assert.equal(ok, false);
  assert.deepEqual(lines, ['CRC of 6 arrays: wrong in val_images.npy; copy or download the file again']);
  let output = '';
  await assert.rejects(
    main(['verify', path], { output: { write: (text) => (output += text) } }),
    userError(/cells\.npz is not in order; what is wrong is said above\.$/),
  );
  assert.equal(output, `${lines.join('\n')}\n`);
});

test('a file of the registry is named, and its classes are', async (context) => {
  write(clean, labels);
  // The registry's files are megabytes; this one stands for one of them.
  const { files, classNames } = medmnist.bloodmnist;
  const published = files[64];
  context.after(() => Object.assign(files, { 64: published }));
  Object.assign(files, { 64: { md5: md5() } });
  const { lines } = await verifyDataset(path, options);
  assert.equal(lines[1], `MD5 ${md5()}: BloodMNIST 64×64 of the registry`);
  assert.ok(lines.some((line) => line.startsWith(`  ${classNames[0]}: 2, ${classNames[1]}: 1, `)));
});

test('images of small values are told', async () => {
  const dim = (first: number): Image => [first, 0, 0, 0, 0, 1];
  write({ train: [dim(0), dim(1)], val: [dim(0)], test: [dim(1)] }, { train: [0, 1], val: [0], test: [1] });
  const { lines } = await verifyDataset(path, options);
  assert.ok(lines.includes('nearly black: no pixel value is above 1 of 255; "images = images * 255" spreads them'));
});

test('what cannot be read as a dataset is refused in one line', async () => {
  write(clean, labels);
  const whole = readFileSync(path);
  for (const length of [0, 100, whole.length >> 1, whole.length - 1]) {
    writeFileSync(path, whole.subarray(0, length));
    const said = length === 0 ? /cells\.npz is no \.npz file \(it is empty\)/ : /cells\.npz is not a whole \.npz file/;
    await assert.rejects(verifyDataset(path, options), userError(said));
  }
  await assert.rejects(verifyDataset(join(folder, 'none.npz')), userError(/^There is no file .*none\.npz/));
  await assert.rejects(verifyDataset(folder), userError(/is not a file: give the path of an \.npz file/));
  writeNpz(path, { a: { type: '|u1', shape: [1], bytes: Uint8Array.of(1) } });
  await assert.rejects(verifyDataset(path), userError(/cells\.npz has no array "train_images"/));
});

test('a folder of classes: sizes, broken files, groups, twins and labels; and a page of it', async () => {
  const root = join(folder, 'cells');
  const picture = (seed: number, size = 40): Promise<Buffer> => {
    const random = createRandom(seed, 'verify');
    const bytes = Buffer.from(Array.from({ length: 64 }, () => random.integer(256)));
    return sharp(bytes, { raw: { height: 8, width: 8, channels: 1 } })
      .resize(size, size, { kernel: 'nearest' })
      .png()
      .toBuffer();
  };
  const files: Record<string, Buffer | string> = {
    'train/a/broken.jpg': 'no image',
    'train/a/x.dcm': '',
    'val/a/p9_1.png': await picture(90),
    'val/b/p8_1.png': await picture(80),
  };
  for (let index = 0; index < 6; index++) {
    files[`train/a/p${index}_1.png`] = await picture(index);
    files[`train/b/p${index}_2.png`] = await picture(10 + index, 48);
  }
  files['test/a/p20_1.png'] = files['train/b/p3_2.png'];
  files['test/b/p1_3.png'] = await sharp(await picture(2))
    .rotate(90)
    .jpeg({ quality: 85 })
    .toBuffer();
  writeFiles(root, files);
  const { ok, lines } = await verifyImages(root, { ...options, groupBy: '^p\\d+|^broken' });
  assert.equal(ok, false);
  const has = (line: string | RegExp): void =>
    assert.ok(
      lines.some((each) => (typeof line === 'string' ? each === line : line.test(each))),
      `${String(line)}\n${lines.join('\n')}`,
    );
  has('cells: 16 images; binary-class, 2 classes');
  has('sizes: 40×40: 9, 48×48: 7');
  has('1 file is no image and was left out: 1 .dcm (DICOM: export as PNG)');
  has('leak: 1 group of 9 in more than one split (p1)');
  has('leak: images of test equal to one of train: 1 (test/a/p20_1.png = train/b/p3_2.png)');
  has('equal images with different labels: 1 (test/a/p20_1.png = train/b/p3_2.png: a, b)');
  has(
    /^leak: images of test that look like one of train: 1 \(test\/b\/p1_3\.png = train\/a\/p2_1\.png at \d+, turned\)$/,
  );
  has('broken: 1 file');
  has(/^ {2}train\/a\/broken\.jpg: .*broken\.jpg cannot be read as an image/);

  const page = join(folder, 'report.html');
  let printed = '';
  const output = { write: (text: string) => (printed += text) };
  const context = { output, progress: { write: () => undefined }, cacheDirectory: options.cacheDirectory };
  await assert.rejects(main(['verify', root, '--html', page], context), userError(/cells is not in order/));
  assert.match(printed, /report\.html\n$/);
  const html = readFileSync(page, 'utf8');
  assert.match(html, /<h1>Data: cells<\/h1>/);
  assert.ok(!html.includes(folder), 'files are named relative to the data');
  assert.match(html, /<li>train: \d+ images, [^<]*\n<br>a: \d/, 'a line that is set in belongs to the one above');
  await writeReport(root, page, { ok: true, lines: ['leak: images of test equal to one of train: 1'], tables: [] });
  assert.match(readFileSync(page, 'utf8'), /All of it can be read, but there are leaks between splits\./);
  for (const text of ['Files that cannot be read', 'Sizes of the files', 'train/b/p3_2.png', 'data:image/webp;base64'])
    assert.ok(html.includes(text), text);
  assert.doesNotMatch(html, /https?:\/\/[^"'\s]*\.(js|css)/);
});

test('converted images are an .npz with the same pixels, labels and names', async () => {
  const root = writeFiles(join(folder, 'convert'), {});
  const bytes = (seed: number): Buffer =>
    Buffer.from(Array.from({ length: 48 }, (_, at) => (at * 7 + seed * 31) % 256));
  const files: Record<string, Buffer> = {};
  for (const [at, name] of ['train/x/1', 'train/y/2', 'val/x/3', 'val/y/4', 'test/y/5', 'test/x/6'].entries())
    files[`${name}.png`] = await sharp(bytes(at), { raw: { height: 4, width: 4, channels: 3 } })
      .png()
      .toBuffer();
  writeFiles(root, files);
  const out = join(folder, 'converted.npz');
  let printed = '';
  const context = {
    output: { write: (text: string) => (printed += text) },
    progress: { write: () => undefined },
    cacheDirectory: options.cacheDirectory,
  };
  await main(['convert', root, '--size', '4', '--out', out], context);
  assert.equal(printed, `${out}: 2 train, 2 val, 2 test; x, y\n`);
  const dataset = await openNpzDataset(out, {}, options);
  assert.deepEqual(
    [dataset.classNames, dataset.task, [...dataset.splits.test.labels]],
    [['x', 'y'], 'binary-class', [0, 1]],
  );
  const pixels = new Uint8Array(48);
  dataset.splits.val.readImages([1], pixels);
  assert.deepEqual(Buffer.from(pixels), bytes(3));
  dataset.close();
  await assert.rejects(main(['convert', root], context), userError(/^--out is missing: give the name of a file/));
  await assert.rejects(main(['convert', root, '--out', out, '--size', 'x'], context), userError(/^--size is "x", but/));
  const again = main(['convert', out, '--out', join(folder, 'again.npz')], context);
  await assert.rejects(again, userError(/converted\.npz is an \.npz already: give a folder of classes or a table/));
});
