import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import sharp from 'sharp';

import { listClassFolder } from '../../lib/data/class-folder';
import { decodeImage } from '../../lib/data/decode-image';
import { describeFacts, type FileFacts, type NamedFacts } from '../../lib/data/file-facts';
import { describeLeftOut, folderBatches, isImageName, listImages, type FolderBatch } from '../../lib/data/image-folder';
import { inOrder, startImageDecoders, startImageWorkers, type ImageWorkers } from '../../lib/data/image-workers';
import { startProcesses } from '../../lib/data/threads';
import { transformBatch, type ImageTransform } from '../../lib/data/transform';
import { UserError } from '../../lib/errors';
import { userError } from './user-error';

const images = join(__dirname, '..', 'fixtures', 'images');
const scratch = mkdtempSync(join(tmpdir(), 'folder-'));
const transform: ImageTransform = {
  height: 6,
  width: 6,
  interpolation: 'bicubic',
  cropFraction: 0.9,
  normalization: { mean: [0, 0, 0], std: [1, 1, 1] },
};

let workers: ImageWorkers;
before(() => (workers = startImageWorkers(2)));
after(async () => {
  await workers.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** A folder with these files, each a copy of an image of the fixtures, or damaged where that is undefined. */
function folderOf(name: string, files: Record<string, string | undefined>): string {
  const folder = join(scratch, name);
  for (const [file, source] of Object.entries(files)) {
    mkdirSync(join(folder, file, '..'), { recursive: true });
    if (source !== undefined) copyFileSync(join(images, source), join(folder, file));
    else writeFileSync(join(folder, file), readFileSync(join(images, 'rgb.png')).subarray(0, 60));
  }
  return folder;
}

async function prepared(path: string): Promise<number[]> {
  const { bytes, height, width } = await decodeImage(path);
  return [...transformBatch(bytes, [1, height, width, 3], transform)];
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test('images are listed by name, whatever the case of their ending', async () => {
  const folder = folderOf('list', {
    'b.JPG': 'rgb.jpg',
    'a.png': 'rgb.png',
    'B.Tif': 'rgb.tif',
    'a10.bmp': '24_bits.bmp',
    'a2.WebP': 'lossy.webp',
    'c.jpeg': 'rgb.jpg',
    'd.tiff': 'rgb.tif',
    '.hidden.png': 'rgb.png',
    'labels.csv': 'rgb.png',
    png: 'rgb.png',
    'sub/z.png': 'rgb.png',
    'sub/deep/y.png': 'rgb.png',
    '.cache/x.png': 'rgb.png',
  });
  const here = ['B.Tif', 'a.png', 'a10.bmp', 'a2.WebP', 'b.JPG', 'c.jpeg', 'd.tiff'];
  const leftOut: string[] = [];
  assert.deepEqual(await listImages(folder, { leftOut }), here);
  assert.equal(describeLeftOut(leftOut), '3 files are no images and were left out: 1 hidden .png, 1 .csv, 1 png');
  const all = [...here, 'sub/deep/y.png', 'sub/z.png'];
  assert.deepEqual(await listImages(folder, { recursive: true }), all);
  assert.ok(isImageName('mask.PNG') && !isImageName('png') && !isImageName('image.png.txt'));
});

test('a folder without images says so', async () => {
  const folder = folderOf('without', { 'images/a.png': 'rgb.png', 'notes.txt': 'rgb.png' });
  await assert.rejects(
    listImages(folder),
    userError(
      /without has no images \(\.jpg .*\) itself, but sub-folders \(images\); 1 file is no image and was left out: 1 \.txt\.$/,
    ),
  );
  assert.deepEqual(await listImages(folder, { recursive: true }), ['images/a.png']);
  mkdirSync(join(scratch, 'empty'));
  await assert.rejects(listImages(join(scratch, 'empty')), userError(/empty has no images \(.*\)\.$/));
  await assert.rejects(listImages(join(scratch, 'nowhere')), userError(/^There is no folder .*nowhere: check/));
  await assert.rejects(listImages(join(folder, 'notes.txt')), userError(/notes\.txt is not a folder/));
});

test('batches are in order, full but for the last, and equal to what one image alone gives', async () => {
  const files = ['rgb.png', 'sideways.tif', 'grey.jpg', 'cmyk.jpg', 'palette.bmp', 'rgba.webp', 'top_down.bmp'];
  const paths = files.map((name) => join(images, name));
  const batches = await collect(folderBatches(paths, { transform, batchSize: 3, workers, ahead: 1 }));
  assert.deepEqual(
    batches.map(({ shape }) => shape),
    [
      [3, 6, 6, 3],
      [3, 6, 6, 3],
      [1, 6, 6, 3],
    ],
  );
  assert.deepEqual(
    batches.flatMap((batch) => batch.paths),
    paths,
  );
  const expected = await Promise.all(paths.map(prepared));
  assert.deepEqual(
    batches.flatMap(({ bytes }) => [...bytes]),
    expected.flat(),
  );
});

test('an image of the right size goes through as it is', async () => {
  const whole = { ...transform, height: 7, width: 10, cropFraction: 1 };
  for (const name of ['rgb.png', '24_bits.bmp', 'grey_16.png']) {
    const path = join(images, name);
    const [{ bytes }] = await collect(folderBatches([path], { transform: whole, batchSize: 4, workers }));
    assert.deepEqual(bytes, new Uint8Array((await decodeImage(path)).bytes));
  }
});

test('a damaged file ends it with its name, or is listed and left out', async () => {
  const folder = folderOf('damaged', {
    'a.png': 'rgb.png',
    'b.png': undefined,
    'c.png': 'grey.png',
    'd.png': 'rgba.png',
    'e.png': undefined,
  });
  const paths = (await listImages(folder)).map((name) => join(folder, name));
  const wrong = userError(/damaged\/b\.png cannot be read as an image \(.*\): replace or remove it\.$/);
  await assert.rejects(collect(folderBatches(paths, { transform, batchSize: 2, workers })), wrong);
  const broken: { path: string; reason: string }[] = [];
  const batches = await collect(folderBatches(paths, { transform, batchSize: 2, workers, broken }));
  assert.deepEqual(
    batches.map((batch) => batch.paths),
    [[paths[0], paths[2]], [paths[3]]],
  );
  assert.deepEqual(
    broken.map(({ path }) => path),
    [paths[1], paths[4]],
  );
  assert.match(broken[0].reason, /b\.png cannot be read/);
});

test('what files say of themselves is told', async () => {
  const paths = ['sideways.jpg', 'rgb_16.png', 'two_frames.gif', 'rgb.png'].map((name) => join(images, name));
  const dark = join(scratch, 'dark.png');
  const values = Uint16Array.from({ length: 12 }, (_, at) => 300 * at); // of a camera with 12 bits
  await sharp(values, { raw: { height: 3, width: 4, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toFile(dark);
  const facts: NamedFacts[] = [];
  const onFile = (path: string, file: FileFacts): void => void facts.push({ name: basename(path), ...file });
  await collect(folderBatches([...paths, dark], { transform, batchSize: 8, workers, onFile }));
  assert.deepEqual(describeFacts(facts), [
    '1 file turned as the EXIF orientation says (sideways.jpg)',
    '1 file with several images, of which the first is used (two_frames.gif)',
    '1 file with 16 bits, of which only the lower ones are used: nearly black; spread the values over 0 to 65535 (dark.png)',
  ]);
});

test('links are followed, but not in a circle', async () => {
  const folder = folderOf('links', { 'a/x.png': 'rgb.png', 'elsewhere/y.png': 'rgb.png' });
  const inside = join(folder, 'a');
  symlinkSync('..', join(inside, 'up'));
  symlinkSync(join(folder, 'elsewhere'), join(inside, 'linked'));
  symlinkSync('nowhere.png', join(inside, 'dangling.png'));
  symlinkSync('itself.png', join(inside, 'itself.png'));
  const expected = ['dangling.png', 'itself.png', 'linked/y.png', 'x.png'];
  assert.deepEqual(await listImages(inside, { recursive: true }), expected);
  const broken: { path: string; reason: string }[] = [];
  const paths = expected.map((name) => join(inside, name));
  await collect(folderBatches(paths, { transform, batchSize: 4, workers, broken }));
  assert.deepEqual(
    broken.map(({ path }) => path),
    paths.slice(0, 2),
  );
  assert.match(broken[1].reason, /itself\.png cannot be read as an image \(it is a link that leads in a circle\)/);
});

test('a link to a folder above is left out, and what cannot be read is refused in one line', async (context) => {
  const folder = folderOf('above', { 'a/x.png': 'rgb.png', 'b/deep/y.png': 'rgb.png' });
  for (const [name, target] of Object.entries({ root: '/', up: '..', self: '.', 'b/deep/root': '/', 'a/up': '../..' }))
    symlinkSync(target, join(folder, name));
  assert.deepEqual(await listImages(folder, { recursive: true }), ['a/x.png', 'b/deep/y.png']);
  const { classNames, files } = await listClassFolder(folder);
  assert.deepEqual([classNames, files.length], [['a', 'b'], 2]);
  if (process.getuid?.() === 0) return context.skip('root reads everything');
  chmodSync(join(folder, 'b', 'deep'), 0);
  const refused = userError(/^The folder \S+deep cannot be read \(EACCES\): allow it, or leave the folder out\.$/);
  await assert.rejects(listImages(folder, { recursive: true }), refused);
  await assert.rejects(listClassFolder(folder), refused);
  chmodSync(join(folder, 'b', 'deep'), 0o755);
});

test('no more is prepared than was asked for, and it is begun before it is needed', async () => {
  let [begun, handedOut] = [0, 0];
  let most = 0;
  const counting: ImageWorkers = {
    count: 1,
    run: async () => {
      begun++;
      most = Math.max(most, begun - handedOut);
      await new Promise(setImmediate);
      return { bytes: new Uint8Array(6 * 6 * 3) };
    },
    close: async () => undefined,
  };
  const paths = Array.from({ length: 50 }, (_, index) => `${index}.png`);
  const batches = folderBatches(paths, { transform, batchSize: 4, workers: counting, ahead: 2 });
  for await (const batch of batches as AsyncIterable<FolderBatch>) {
    handedOut += batch.paths.length;
    // While this batch is used, the two after it are under way.
    assert.equal(begun, Math.min(50, handedOut + 8));
  }
  assert.equal(handedOut, 50);
  assert.ok(most <= 12, `${most} images at once`);
});

test('an abort ends it', async () => {
  const controller = new AbortController();
  const paths = Array.from({ length: 9 }, () => join(images, 'rgb.png'));
  const batches = folderBatches(paths, { transform, batchSize: 2, workers, signal: controller.signal });
  await assert.rejects(
    async () => {
      for await (const { shape } of batches) if (shape[0] === 2) controller.abort();
    },
    { name: 'AbortError' },
  );
});

test('threads hand on errors as what they are, and end', async () => {
  const own = startImageWorkers(1);
  await assert.rejects(own.run({ path: join(images, 'none.png'), transform }), (error) => error instanceof UserError);
  const task = { bytes: new Uint8Array(3), shape: [1, 2, 2, 3], transform } as const;
  await assert.rejects(own.run(task), (error: Error) => {
    assert.ok(!(error instanceof UserError));
    assert.match(error.stack ?? '', /3 bytes are not 1×2×2×3[^]*transform\.ts/);
    return true;
  });
  const unfinished = own.run({ path: join(images, 'rgb.png'), transform });
  const rejected = assert.rejects(unfinished, /The thread that prepares images has ended/);
  await own.close();
  await rejected;
  await assert.rejects(own.run(task), /has ended/);
});

test('a decoder that crashes is told of the file that it was at, and of no other; the rest is decoded', async () => {
  const decoders = startProcesses<string, string>(
    '../../tests/data/crashing-worker.ts',
    (task, signal) => `${task} ended with ${signal}`,
    2,
  );
  const tasks = ['a', 'crash', 'b', 'crash', 'crash', 'c', 'd', 'e'];
  const results = await Promise.all(tasks.map((task) => decoders.run(task)));
  const expected = tasks.map((task) => (task === 'crash' ? 'crash ended with SIGSEGV' : `${task} is done`));
  assert.deepEqual(results, expected);
  const unfinished = assert.rejects(decoders.run('crash'), /ended/);
  await decoders.close();
  await unfinished;
});

test('decoders give what threads give, and hand on errors as what they are', async () => {
  const decoders = startImageDecoders(1);
  const task = { path: join(images, 'rgb.jpg'), transform };
  assert.deepEqual(await decoders.run(task), await workers.run(task));
  await assert.rejects(decoders.run({ ...task, path: '/none.png' }), userError(/no file \/none\.png/));
  await decoders.close();
});

test('results come in order, whatever finishes first', async () => {
  const started: number[] = [];
  const slowFirst = async (item: number): Promise<number> => {
    started.push(item);
    await new Promise((done) => setTimeout(done, 12 - 2 * item));
    return item * 10;
  };
  const results: number[] = [];
  for await (const result of inOrder([1, 2, 3, 4, 5], slowFirst, 2)) {
    results.push(result);
    assert.ok(started.length <= results.length + 2);
  }
  assert.deepEqual(results, [10, 20, 30, 40, 50]);
  assert.deepEqual(await collect(inOrder([], slowFirst, 2)), []);
  const failing = inOrder([1, 2, 3], async (item) => (item === 2 ? Promise.reject(new Error('two')) : item), 2);
  assert.equal((await failing.next()).value, 1);
  await assert.rejects(failing.next(), /two/);
});
