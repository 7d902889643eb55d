import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { splitNames, type Dataset } from '../../lib/data/dataset';
import { npyTexts } from '../../lib/tensor/npy';
import { openNpzDataset, type DatasetDescription } from '../../lib/data/npz-dataset';
import { writeNpz, type NpzArray } from '../../lib/data/npz-writer';
import { hashFile } from '../../lib/files';
import type { NpyType } from '../../lib/tensor/npy';
import { userError } from './user-error';

const folder = mkdtempSync(join(tmpdir(), 'npz-dataset-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'cells.npz');

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Images whose byte `i` is `7 i + first`. */
function images(shape: readonly number[], first = 0, type: NpyType = '|u1'): NpzArray {
  return { type, shape, bytes: Uint8Array.from({ length: sizeOf(shape) }, (_, index) => 7 * index + first) };
}

function labels(values: readonly number[], shape: readonly number[] = [values.length]): NpzArray {
  return { type: '<i4', shape, bytes: new Uint8Array(Int32Array.from(values).buffer) };
}

const counts: Readonly<Record<string, number>> = { train: 6, val: 3, test: 4 };

/** A file that is in order: three classes, 6, 3 and 4 images of 4×5 pixels. */
const arrays: Readonly<Record<string, NpzArray>> = {
  train_images: images([6, 4, 5]),
  train_labels: labels([0, 1, 2, 0, 1, 2]),
  val_images: images([3, 4, 5], 1),
  val_labels: labels([2, 1, 0]),
  test_images: images([4, 4, 5], 2),
  test_labels: labels([1, 1, 2, 0]),
};

/** Opens the file with some arrays replaced, or left out where they are undefined. */
function open(
  changes: Readonly<Record<string, NpzArray | undefined>> = {},
  description?: DatasetDescription,
): Promise<Dataset> {
  const all = Object.entries({ ...arrays, ...changes }).filter((entry): entry is [string, NpzArray] => !!entry[1]);
  writeNpz(path, Object.fromEntries(all));
  return openNpzDataset(path, description, { cacheDirectory: join(folder, 'cache') });
}

/** Each message is one line that names the file. */
async function assertRefused(
  changes: Readonly<Record<string, NpzArray | undefined>>,
  pattern: RegExp,
  description?: DatasetDescription,
): Promise<void> {
  await assert.rejects(open(changes, description), userError(pattern));
  await assert.rejects(open(changes, description), userError(/cells\.npz/));
}

const everywhere = (make: (split: string) => NpzArray, what: 'images' | 'labels'): Record<string, NpzArray> =>
  Object.fromEntries(splitNames.map((name) => [`${name}_${what}`, make(name)]));

test('a grey file is read: sizes, labels, images in any order', async () => {
  const dataset = await open();
  const { height, width, channels, task, classNames, splits } = dataset;
  assert.deepEqual({ height, width, channels, task }, { height: 4, width: 5, channels: 1, task: 'multi-class' });
  assert.deepEqual(classNames, ['class 0', 'class 1', 'class 2']);
  assert.deepEqual([dataset.name, dataset.title, dataset.synthetic], ['cells.npz', 'cells.npz', false]);
  assert.equal(dataset.sha256, await hashFile(path));
  assert.deepEqual(
    splitNames.map((name) => [splits[name].name, splits[name].count, splits[name].labelWidth]),
    [
      ['train', 6, 1],
      ['val', 3, 1],
      ['test', 4, 1],
    ],
  );
  assert.deepEqual([...splits.test.labels], [1, 1, 2, 0]);
  for (const order of [[0, 1, 2, 3, 4, 5], [5, 3, 4, 0], [1, 3, 4], [2, 2], []]) {
    const target = new Uint8Array(order.length * 20 + 1);
    splits.train.readImages(order, target);
    const expected = order.flatMap((index) => [...arrays.train_images.bytes.subarray(index * 20, index * 20 + 20)]);
    assert.deepEqual([...target], [...expected, 0]);
  }
  dataset.close();
});

test('an RGB file is read; images with one channel of their own are grey', async () => {
  for (const channels of [3, 1]) {
    const dataset = await open(everywhere((name) => images([counts[name], 3, 2, channels]), 'images'));
    assert.deepEqual([dataset.height, dataset.width, dataset.channels], [3, 2, channels]);
    const target = new Uint8Array(6 * channels);
    dataset.splits.val.readImages([2], target);
    assert.deepEqual([...target], [...images([9, 3, 2, channels]).bytes.subarray(12 * channels, 18 * channels)]);
    dataset.close();
  }
});

test('labels may be N, N×1 or N×L, and of any type with whole numbers', async () => {
  const column = await open({ train_labels: labels([0, 1, 2, 0, 1, 2], [6, 1]) });
  assert.deepEqual([...column.splits.train.labels], [0, 1, 2, 0, 1, 2]);
  column.close();
  const float: NpzArray = { type: '<f4', shape: [6], bytes: new Uint8Array(Float32Array.of(0, 1, 2, -0, 1, 2).buffer) };
  const int64: NpzArray = { type: '<i8', shape: [3, 1], bytes: new Uint8Array(BigInt64Array.of(2n, 1n, 0n).buffer) };
  const byte: NpzArray = { type: '|u1', shape: [4], bytes: Uint8Array.of(1, 1, 2, 0) };
  const mixed = await open({ train_labels: float, val_labels: int64, test_labels: byte });
  assert.deepEqual(
    splitNames.map((name) => [...mixed.splits[name].labels]),
    [
      [0, 1, 2, 0, 1, 2],
      [2, 1, 0],
      [1, 1, 2, 0],
    ],
  );
  mixed.close();
});

test('the task is told by the labels', async () => {
  const binary = await open({
    train_labels: labels([0, 1, 0, 0, 1, 1]),
    val_labels: labels([1, 1, 0]),
    test_labels: labels([1, 1, 0, 0]),
  });
  assert.deepEqual([binary.task, binary.classNames], ['binary-class', ['class 0', 'class 1']]);
  binary.close();
  const rows = (name: string): NpzArray =>
    labels(
      Array.from({ length: counts[name] * 2 }, (_, at) => (at === 0 ? 1 : at % 2)),
      [counts[name], 2],
    );
  const several = await open(everywhere(rows, 'labels'));
  assert.deepEqual([several.task, several.classNames], ['multi-label', ['label 0', 'label 1']]);
  assert.equal(several.splits.val.labelWidth, 2);
  assert.deepEqual([...several.splits.val.labels], [1, 1, 0, 1, 0, 1]);
  several.close();
});

test('what is known of a dataset replaces what its file tells', async () => {
  const description: DatasetDescription = {
    name: 'cells',
    title: 'Cells',
    task: 'ordinal-regression',
    classNames: ['a', 'b', 'c', 'd'],
    synthetic: true,
    license: 'L',
    citation: 'C',
  };
  const { sha256, splits, close, height, width, channels, notes, ...rest } = await open({}, description);
  assert.deepEqual(rest, description);
  assert.deepEqual([sha256.length, splits.train.count, height, width, channels, notes], [64, 6, 4, 5, 1, []]);
  close();
});

test('arrays that do not belong to the layout do not matter', async () => {
  const file = await open({ names: { type: '|i1', shape: [3], bytes: Uint8Array.of(1, 2, 3) } });
  file.close();
  const bytes = readFileSync(path);
  // The type of "names" becomes one that cannot be read, in its header.
  const at = bytes.indexOf("'|i1'");
  bytes.write("'|S1'", at);
  writeFileSync(path, bytes);
  const again = await openNpzDataset(path);
  assert.equal(again.splits.train.count, 6);
  again.close();
});

/** Each row has one 1. */
const oneHot = (name: string): NpzArray =>
  labels(
    Array.from({ length: counts[name] * 3 }, (_, at) =>
      Number(at % 3 === (name === 'train' ? Math.floor(at / 3) : 2) % 3),
    ),
    [counts[name], 3],
  );

test('rows of labels with one 1 are classes, and it is said', async () => {
  const dataset = await open(everywhere(oneHot, 'labels'));
  assert.deepEqual([dataset.task, dataset.classNames], ['multi-class', ['class 0', 'class 1', 'class 2']]);
  assert.deepEqual(
    [dataset.splits.train.labelWidth, [...dataset.splits.train.labels], [...dataset.splits.val.labels]],
    [1, [0, 1, 2, 0, 1, 2], [2, 2, 2]],
  );
  assert.deepEqual(dataset.notes, ['labels: each row of 3 columns has one 1, so they are taken as classes']);
  dataset.close();
  const known = await open(everywhere(oneHot, 'labels'), { task: 'multi-label', classNames: ['a', 'b', 'c'] });
  assert.deepEqual([known.task, known.splits.train.labelWidth, known.notes], ['multi-label', 3, []]);
  known.close();
  const once = (name: string): NpzArray =>
    name === 'test' ? labels(new Array<number>(12).fill(1), [4, 3]) : oneHot(name);
  const several = await open(everywhere(once, 'labels'));
  assert.deepEqual([several.task, several.notes], ['multi-label', []]);
  several.close();
});

test('names of the classes come from the file', async () => {
  const names = (texts: string[]): NpzArray => ({ ...npyTexts(texts), shape: [texts.length] });
  const dataset = await open({ class_names: names(['Zelle', 'naïve 𝒯', 'blast']) });
  assert.deepEqual(dataset.classNames, ['Zelle', 'naïve 𝒯', 'blast']);
  dataset.close();
  const more = await open({ class_names: names(['a', 'b', 'c', 'in no split']) });
  assert.deepEqual([more.classNames.length, more.task], [4, 'multi-class']);
  more.close();
  await assertRefused({ class_names: names(['a', 'b']) }, /train_labels has 2, but the classes are 0 to 1/);
  await assertRefused(
    { class_names: labels([1, 2, 3]) },
    /"class_names" in .*cells\.npz holds values of type .*, but names are text/,
  );
});

test('a file that another one takes the place of, of the same size and time, is other data', async () => {
  const read = async (changes: Record<string, NpzArray> = {}) => {
    const dataset = await open(changes);
    dataset.close();
    utimesSync(path, 1, 1);
    const again = await openNpzDataset(path, {}, { cacheDirectory: join(folder, 'cache') });
    const bytes = new Uint8Array(20);
    again.splits.test.readImages([1], bytes);
    again.close();
    return { sha256: again.sha256, labels: [...again.splits.test.labels], bytes: [...bytes] };
  };
  const first = await read();
  const second = await read({ test_images: images([4, 4, 5], 9), test_labels: labels([0, 1, 2, 1]) });
  assert.deepEqual(second.labels, [0, 1, 2, 1]);
  assert.notEqual(second.sha256, first.sha256);
  assert.notDeepEqual(second.bytes, first.bytes);
});

test('a flipped bit is found where it matters', async () => {
  (await open()).close();
  const bytes = readFileSync(path);
  bytes[bytes.indexOf(Buffer.from(arrays.val_images.bytes.subarray(0, 20))) + 3] ^= 1;
  writeFileSync(path, bytes);
  await assert.rejects(
    openNpzDataset(path),
    userError(/cells\.npz is damaged \(the CRC of val_images\.npy is wrong\): copy or/),
  );
});

test('what NumPy can mend in one line is refused with that line', async () => {
  const made = (shape: (count: number) => number[]) => everywhere((name) => images(shape(counts[name])), 'images');
  await assertRefused(
    made((n) => [n, 3, 6, 5]),
    /the channels come first; they go last with "images = images\.transpose\(0, 2, 3, 1\)"\.$/,
  );
  await assertRefused(
    made((n) => [n, 1, 6, 5]),
    /images\.transpose\(0, 2, 3, 1\)/,
  );
  await assertRefused(
    made((n) => [n, 8, 8, 8]),
    /volumes, as MedMNIST3D has; their middle slices are "images = images\[:, images\.shape\[1\] \/\/ 2\]"\.$/,
  );
  await assertRefused(
    made((n) => [n, 8, 8, 4]),
    /without the transparency they are "images = images\[\.\.\., :3\]"/,
  );
  const floats = everywhere(
    (name) => ({ type: '<f4', shape: [counts[name], 2, 2], bytes: new Uint8Array(counts[name] * 16) }),
    'images',
  );
  await assertRefused(
    floats,
    /values from 0 to 1 become bytes with "images = numpy\.rint\(images \* 255\)\.astype\(numpy\.uint8\)", values from 0 to 255 without/,
  );
  const texts = everywhere(
    (name) => ({ ...npyTexts(Array.from({ length: counts[name] }, (_, at) => `cls${at % 3}`)), shape: [counts[name]] }),
    'labels',
  );
  await assertRefused(
    texts,
    /"train_labels" in .*cells\.npz holds text \(<U4\), not numbers: number the names with "names, labels = numpy\.unique\(labels, return_inverse=True\)"/,
  );
});

test('a truncated or missing file is refused', async () => {
  (await open()).close();
  const whole = readFileSync(path);
  writeFileSync(path, '');
  await assert.rejects(openNpzDataset(path), userError(/cells\.npz is no \.npz file \(it is empty\)/));
  for (const length of [10, whole.length >> 1, whole.length - 1]) {
    writeFileSync(path, whole.subarray(0, length));
    await assert.rejects(
      openNpzDataset(path),
      userError(/cells\.npz is not a whole \.npz file .*: it may be truncated; copy or download it again/),
    );
  }
  await assert.rejects(openNpzDataset(join(folder, 'none.npz')), userError(/^There is no file .*none\.npz: check/));
});

test('arrays that are missing are named, with those that are expected', async () => {
  for (const name of Object.keys(arrays))
    await assertRefused(
      { [name]: undefined },
      new RegExp(
        `cells\\.npz has no array "${name}": a MedMNIST-style file has train_images, train_labels, val_images`,
      ),
    );
});

test('images of another type or rank are refused', async () => {
  const expected = /; images are uint8 of shape N×H×W or N×H×W×C[:.]/;
  const wide: NpzArray = { type: '<f4', shape: [6, 4, 5], bytes: new Uint8Array(480) };
  await assertRefused({ train_images: wide }, /"train_images" in .*cells\.npz is <f4 of shape \(6, 4, 5\);/);
  await assertRefused({ train_images: wide }, expected);
  await assertRefused({ val_images: images([3, 4, 5], 0, '|i1') }, /"val_images" in .* is \|i1 of shape/);
  for (const shape of [[3], [3, 20], [3, 4, 5, 1, 1], []]) await assertRefused({ val_images: images(shape) }, expected);
});

test('images of other channels, or without pixels, are refused', async () => {
  for (const channels of [0, 2])
    await assertRefused(
      everywhere((name) => images([counts[name], 2, 2, channels]), 'images'),
      new RegExp(`^The images of .* have ${channels} channels; 1 \\(grey\\) or 3 \\(RGB\\) can be used\\.$`),
    );
  await assertRefused(
    everywhere((name) => images([counts[name], 0, 5]), 'images'),
    /are 0×5: there is nothing in them/,
  );
});

test('labels of another rank or number are refused', async () => {
  const expected = /; labels are N, N×1 or N×L: "labels = labels\.reshape\(len\(labels\), -1\)"\.$/;
  await assertRefused({ test_labels: labels([1], []) }, /"test_labels" in .*cells\.npz has shape \(\);/);
  await assertRefused({ test_labels: labels([1, 1, 2, 0], [2, 2, 1]) }, expected);
  await assertRefused(
    { test_labels: labels([], [4, 0]) },
    /"test_labels" in .* has no columns; labels are N, N×1 or N×L/,
  );
  await assertRefused(
    { test_labels: labels([1, 1, 2]) },
    /^The split "test" of .*cells\.npz has 4 images but 3 labels\.$/,
  );
  await assertRefused(
    { test_labels: labels([1, 1, 2, 0], [1, 4]) },
    /4 images but 1 labels: turn .* "labels = labels\.T"\.$/,
  );
});

test('a split without images is refused', async () => {
  for (const name of splitNames)
    await assertRefused(
      { [`${name}_images`]: images([0, 4, 5]), [`${name}_labels`]: labels([], [0]) },
      new RegExp(`^The split "${name}" of .*cells\\.npz is empty: every split needs at least one image\\.$`),
    );
});

test('splits that differ are refused, with what each has', async () => {
  await assertRefused(
    { val_images: images([3, 5, 4]) },
    /^The splits of .*cells\.npz differ: train has images of 4×5×1 and 1 label\(s\), val 5×4×1 and 1\.$/,
  );
  await assertRefused({ test_images: images([4, 4, 5, 3]) }, /train has images of 4×5×1 .*, test 4×5×3 and 1\.$/);
  await assertRefused({ test_labels: labels([0, 1, 0, 1, 0, 1, 0, 1], [4, 2]) }, /test 4×5×1 and 2\.$/);
  const grey = await open({ test_images: images([4, 4, 5, 1]) });
  assert.equal(grey.channels, 1);
  grey.close();
});

test('labels out of range are refused, wherever they are', async () => {
  const outOfRange = /^A label of .*cells\.npz is out of range: /;
  await assertRefused(
    { train_labels: labels([0, 1, -1, 0, 1, 2]) },
    /train_labels has -1, but classes are numbered from 0: number them anew with "names, labels = numpy\.unique/,
  );
  await assertRefused({ train_labels: labels([-3, -3, -3, -1, -1, -3]) }, /train_labels has -3, but classes are/);
  await assertRefused({ train_labels: labels([0, 0, 0, 0, -1, 0]) }, /train_labels has -1/);
  for (const name of ['val', 'test']) {
    const some = name === 'val' ? [0, 1] : [0, 1, 2];
    for (const wrong of [-1, 3, 255, 2 ** 31 - 1])
      await assertRefused(
        { [`${name}_labels`]: labels([...some, wrong]) },
        new RegExp(`${outOfRange.source}${name}_labels has ${wrong}, but the classes are 0 to 2\\.$`),
      );
  }
  const gap =
    /train_labels goes up to (\d+), but no image has label (\d); classes are numbered from 0 without gaps: number them anew with "names, labels = numpy\.unique\(labels, return_inverse=True\)" over/;
  for (const [wrong, missing] of [
    [4, 3],
    [255, 3],
    [2 ** 31 - 1, 3],
  ])
    await assertRefused(
      { train_labels: labels([0, 1, 2, 0, 1, wrong]) },
      new RegExp(`goes up to ${wrong}, but no image has label ${missing}`),
    );
  await assertRefused({ train_labels: labels([0, 1, 2, 0, 1, 255]) }, gap);
  await assertRefused({ train_labels: labels([1, 2, 3, 1, 2, 3]) }, /goes up to 3, but no image has label 0/);
  const rows = (name: string): NpzArray =>
    labels(
      Array.from({ length: counts[name] * 2 }, (_, at) => (name === 'test' && at === 5 ? 2 : at % 2)),
      [counts[name], 2],
    );
  await assertRefused(everywhere(rows, 'labels'), /test_labels has 2, but the classes are 0 to 1\.$/);
  // The names of a known dataset decide, not the labels that happen to occur.
  await assertRefused({}, /train_labels has 2, but the classes are 0 to 1\.$/, {
    task: 'binary-class',
    classNames: ['a', 'b'],
  });
});

test('labels that are no whole numbers are refused with their place', async () => {
  const float = (values: number[]): NpzArray => ({
    type: '<f8',
    shape: [values.length],
    bytes: new Uint8Array(Float64Array.from(values).buffer),
  });
  await assertRefused(
    { val_labels: float([0, 1, 0.5]) },
    /"val_labels" in .*cells\.npz has the value 0\.5 at position 2, which is no class number/,
  );
  await assertRefused({ val_labels: float([0, NaN, 1]) }, /the value NaN at position 1/);
  await assertRefused({ val_labels: float([2 ** 31, 0, 1]) }, /the value 2147483648 at position 0/);
});

test('a single class is refused', async () => {
  await assertRefused(
    everywhere((name) => labels(new Array<number>(counts[name]).fill(0)), 'labels'),
    /^All train labels of .*cells\.npz are 0: at least two classes are needed\.$/,
  );
});
