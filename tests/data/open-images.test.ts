import assert from 'node:assert/strict';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';

import { splitNames, type Dataset, type SplitName } from '../../lib/data/dataset';
import { openDataset, type OpenOptions } from '../../lib/data/open';
import { listPreparedData } from '../../lib/data/prepared-data';
import { photograph, writeFiles, type FileContent } from './pair-folder';
import { userError } from './user-error';

const scratch = mkdtempSync(join(tmpdir(), 'open-images-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const cacheDirectory = join(scratch, 'cache');
const size = 6;

async function look<T>(path: string, options: OpenOptions, see: (dataset: Dataset) => T): Promise<T> {
  const dataset = await openDataset(path, { size, cacheDirectory, ...options });
  try {
    return see(dataset);
  } finally {
    dataset.close();
  }
}

const refused = (path: string, pattern: RegExp, options: OpenOptions = {}): Promise<void> =>
  assert.rejects(openDataset(path, { size, cacheDirectory, ...options }), userError(pattern));

const counts = ({ splits }: Dataset): number[] => splitNames.map((name) => splits[name].count);
const namesOf = ({ splits }: Dataset, name: SplitName): readonly string[] => splits[name].names ?? [];

function imageOf(dataset: Dataset, name: string): number[] {
  const split = splitNames.map((each) => dataset.splits[each]).find(({ names }) => names?.includes(name));
  assert.ok(split, `${name} is in no split`);
  const target = new Uint8Array(dataset.height * dataset.width * 3);
  split.readImages([split.names?.indexOf(name) ?? -1], target);
  return [...target];
}

/** Images of the run's size, all different. */
async function images(names: readonly string[]): Promise<Record<string, FileContent>> {
  const files = names.map(async (name, seed) => [name, await photograph(seed + 1, size, size)] as const);
  return Object.fromEntries(await Promise.all(files));
}

const numbered = (folder: string, count: number, prefix = ''): string[] =>
  Array.from({ length: count }, (_, index) => `${folder}/${prefix}${String(index).padStart(2, '0')}.png`);

const cellFiles = [...numbered('class 10', 20), ...numbered('class 2', 40), ...numbered('class 1', 10)];

test('folders of classes are read, in natural order; splits are drawn and stratified', async () => {
  const root = writeFiles(join(scratch, 'cells'), await images(cellFiles));
  await look(root, { seed: 4 }, (dataset) => {
    assert.deepEqual(dataset.classNames, ['class 1', 'class 2', 'class 10']);
    assert.deepEqual([dataset.name, dataset.task, dataset.height, dataset.channels], ['cells', 'multi-class', size, 3]);
    assert.deepEqual(counts(dataset), [49, 7, 14]);
    const byClass = splitNames.map((name) =>
      [0, 1, 2].map((label) => dataset.splits[name].labels.filter((each) => each === label).length),
    );
    assert.deepEqual(byClass, [
      [7, 28, 14],
      [1, 4, 2],
      [2, 8, 4],
    ]);
    assert.deepEqual(splitNames.flatMap((name) => namesOf(dataset, name)).sort(), [...cellFiles].sort());
    for (const name of splitNames) {
      const names = namesOf(dataset, name);
      assert.deepEqual(names, [...names].sort());
      names.forEach((file, at) =>
        assert.equal(dataset.classNames[dataset.splits[name].labels[at]], file.split('/')[0]),
      );
    }
    assert.deepEqual(dataset.notes, [
      'no official splits; 70 % train, 10 % val, 20 % test drawn by seed 4, stratified by class',
    ]);
  });
  symlinkSync('round', join(root, 'round')); // leads to itself
  await look(root, { seed: 4 }, (dataset) => assert.deepEqual(counts(dataset), [49, 7, 14]));
});

test('pixels are those of the files, and resized ones those of timm', async () => {
  const files = await images(numbered('a', 6).concat(numbered('b', 6)));
  files['b/00.png'] = await photograph(3, 12, 18); // to 6×9, and of that the middle
  const root = writeFiles(join(scratch, 'pixels'), files);
  const whole = await sharp(files['a/01.png'] as Buffer)
    .raw()
    .toBuffer();
  await look(root, {}, (dataset) => {
    assert.deepEqual(imageOf(dataset, 'a/01.png'), [...whole]);
    assert.match(
      dataset.notes?.[1] ?? '',
      /^resized to 6×6 pixels from 12×18; of 1 image that is not square, the middle is used$/,
    );
  });
  const { transformBatch } = await import('../../lib/data/transform');
  const raw = await sharp(files['b/00.png']).raw().toBuffer();
  const transform = {
    height: 6,
    width: 6,
    interpolation: 'bicubic',
    cropFraction: 1,
    normalization: { mean: [0, 0, 0], std: [1, 1, 1] },
  } as const;
  const expected = transformBatch(raw, [1, 12, 18, 3], transform);
  await look(root, {}, (dataset) => assert.deepEqual(imageOf(dataset, 'b/00.png'), [...expected]));
});

test('splits are known by their usual spellings; what is missing is drawn from the training images', async () => {
  const parts = { Training: 10, VALID: 4, test: 6 };
  const names = Object.entries(parts).flatMap(([part, count]) =>
    ['a', 'b'].flatMap((label) => numbered(`${part}/${label}`, count)),
  );
  const files = await images(names);
  const root = writeFiles(join(scratch, 'parts'), files);
  await look(root, {}, (dataset) => {
    assert.deepEqual(counts(dataset), [20, 8, 12]);
    assert.ok(namesOf(dataset, 'val').every((name) => name.startsWith('VALID/')));
    assert.deepEqual([dataset.task, dataset.classNames, dataset.notes], ['binary-class', ['a', 'b'], []]);
  });
  rmSync(join(root, 'VALID'), { recursive: true });
  await look(root, { seed: 1 }, (dataset) => {
    assert.deepEqual(counts(dataset), [18, 2, 12]);
    assert.ok(namesOf(dataset, 'val').every((name) => name.startsWith('Training/')));
    assert.deepEqual(dataset.notes, ['10 % of the training images drawn for val by seed 1, stratified by class']);
  });
  rmSync(join(root, 'Training'), { recursive: true });
  await refused(root, /^There is no training image/);
});

test('of 200 files, a broken one, ten .dcm and a .DS_Store are left out and counted', async () => {
  const files = await images([...numbered('cat', 100), ...numbered('dog', 88)]);
  files['cat/broken.jpg'] = (
    await sharp(await photograph(5, 40, 40))
      .jpeg()
      .toBuffer()
  ).subarray(0, 500);
  for (let index = 0; index < 10; index++) files[`dog/${index}.dcm`] = 'DICM';
  files['dog/.DS_Store'] = '';
  const root = writeFiles(join(scratch, 'two-hundred'), files);
  const before = await look(root, {}, (dataset) => {
    assert.equal(
      counts(dataset).reduce((sum, count) => sum + count),
      188,
    );
    const [drawn, others, broken] = dataset.notes ?? [];
    assert.match(drawn, /^no official splits/);
    assert.equal(others, '11 files are no images and were left out: 10 .dcm (DICOM: export as PNG), 1 .DS_Store');
    assert.match(
      broken,
      /^1 file that cannot be read left out \(cat\/broken\.jpg\), the first: .*broken\.jpg cannot be read as an image \(.*\): replace or remove it$/,
    );
    assert.deepEqual(
      dataset.broken?.map(({ name }) => name),
      ['cat/broken.jpg'],
    );
    return splitNames.map((name) => namesOf(dataset, name));
  });
  writeFileSync(
    join(root, 'cat', 'broken.jpg'),
    await sharp(await photograph(5, 40, 40))
      .jpeg()
      .toBuffer(),
  );
  await look(root, {}, (dataset) => {
    const after = splitNames.map((name) => namesOf(dataset, name).filter((file) => file !== 'cat/broken.jpg'));
    assert.deepEqual(after, before, 'mending a file moves no other');
    assert.equal(
      counts(dataset).reduce((sum, count) => sum + count),
      189,
    );
  });
});

test('a group is never divided, and names that look like groups are warned about', async () => {
  const names = ['a', 'b'].flatMap((label) =>
    Array.from(
      { length: 24 },
      (_, index) => `${label}/patient${Math.floor(index / 4) + (label === 'a' ? 0 : 3)}_img${index}.png`,
    ),
  );
  const root = writeFiles(join(scratch, 'patients'), await images(names));
  await look(root, {}, ({ notes }) =>
    assert.match(
      notes?.[0] ?? '',
      /^names such as patient0_img0\.png and patient0_img1\.png look like several images of one patient \(9 such groups, patient0 for one\).*groupBy "\^\(\.\+\)\[ _\.-\]"/,
    ),
  );
  for (const groupBy of ['^patient\\d+', '^(.+)[ _.-]'])
    await look(root, { groupBy, seed: 2 }, (dataset) => {
      const patients = splitNames.map((name) => new Set(dataset.splits[name].groups));
      assert.equal(
        patients.reduce((sum, { size: each }) => sum + each, 0),
        9,
      );
      assert.deepEqual(dataset.notes, [
        'no official splits; 70 % train, 10 % val, 20 % test drawn by seed 2, stratified by class, 9 groups kept together',
      ]);
    });
});

test('the identity covers contents, labels, splits and size, and not age or order', async () => {
  const files = await images(numbered('a', 9).concat(numbered('b', 9)));
  const root = writeFiles(join(scratch, 'identity'), files);
  const hash = (options: OpenOptions = {}, path = root): Promise<string> => look(path, options, ({ sha256 }) => sha256);
  const first = await hash();
  for (const name of readdirSync(join(root, 'a'))) utimesSync(join(root, 'a', name), 5, 5);
  assert.equal(await hash(), first);
  const reversed = Object.fromEntries(Object.entries(files).reverse());
  assert.equal(await hash({}, writeFiles(join(scratch, 'identity-elsewhere'), reversed)), first);
  assert.notEqual(await hash({ seed: 1 }), first);
  assert.notEqual(await hash({ size: 5 }), first);
  renameSync(join(root, 'b', '00.png'), join(root, 'a', '09.png'));
  const moved = await hash();
  assert.notEqual(moved, first);
  renameSync(join(root, 'a', '09.png'), join(root, 'b', '00.png'));
  assert.equal(await hash(), first);
  renameSync(join(root, 'b'), join(root, 'c'));
  assert.notEqual(await hash(), first, 'names of classes belong to it');
});

const table = (lines: readonly string[], delimiter = ','): string =>
  lines.map((line) => `${line.replaceAll(',', delimiter)}\r\n`).join('');

test('a table gives files, labels, splits, groups and weights by the names of its columns', async () => {
  const files = await images(numbered('images', 6, 'Zelle-ä'.normalize('NFD')));
  const cell = (index: number, ending = '.png'): string => `Zelle-ä0${index}${ending}`.normalize('NFC');
  const rows = [
    'Weight,Patient_ID,Image_ID,dx,Set',
    ...[5, 2, 0, 1, 3, 4].map(
      (index) =>
        `${index / 2},p${index},${cell(index, index % 2 === 0 ? '' : '.png')},${index % 2 === 0 ? 'nevus' : 'melanoma'},${['training', 'val', 'TEST'][index >> 1]}`,
    ),
  ];
  const hashes: string[] = [];
  for (const [name, text] of [
    ['table.csv', `\ufeff${table(rows)}`],
    ['table.tsv', table(rows, '\t')],
    ['semicolons.csv', table([rows[0], ...rows.slice(1).reverse()], ';')],
  ]) {
    const root = writeFiles(join(scratch, 'table'), { ...files, [name]: text });
    await look(join(root, name), {}, (dataset) => {
      hashes.push(dataset.sha256);
      assert.deepEqual([dataset.task, dataset.classNames], ['binary-class', ['melanoma', 'nevus']]);
      assert.deepEqual(counts(dataset), [2, 2, 2]);
      const { train, val, test: last } = dataset.splits;
      assert.deepEqual([...train.labels, ...val.labels, ...last.labels], [1, 0, 1, 0, 1, 0]);
      assert.deepEqual(
        train.names,
        [0, 1].map((index) => cell(index)),
      );
      assert.deepEqual(
        [train.groups, [...(last.weights ?? [])]],
        [
          ['p0', 'p1'],
          [2, 2.5],
        ],
      );
      assert.equal(
        dataset.notes?.[0],
        'columns: Image_ID as file, dx as label, Set as split, Patient_ID as group, Weight as weight',
      );
    });
  }
  assert.equal(new Set(hashes).size, 1, 'the order of the rows does not matter');
});

test('several labels stand in one cell, or in columns of 0 and 1', async () => {
  const files = await images(numbered('.', 6));
  const names = numbered('', 6).map((name) => name.slice(1));
  const cells = ['edema', 'edema;mass', '', 'mass', ' mass ; edema', 'edema'];
  const splits = ['train', 'train', 'val', 'val', 'test', 'test'];
  const together = ['file,findings,split', ...names.map((name, at) => `${name},${cells[at]},${splits[at]}`)];
  const has = (at: number, label: string): string => (cells[at].includes(label) ? '1' : '0');
  const apart = [
    'file,split,edema,mass',
    ...names.map((name, at) => `${name},${splits[at]},${has(at, 'edema')},${has(at, 'mass')}.0`),
  ];
  const root = writeFiles(join(scratch, 'several'), { ...files, 'a.csv': table(together), 'b.csv': table(apart) });
  const hashes: string[] = [];
  for (const name of ['a.csv', 'b.csv'])
    await look(join(root, name), {}, (dataset) => {
      hashes.push(dataset.sha256);
      assert.deepEqual([dataset.task, dataset.classNames], ['multi-label', ['edema', 'mass']]);
      assert.equal(dataset.splits.train.labelWidth, 2);
      assert.deepEqual(
        splitNames.flatMap((split) => [...dataset.splits[split].labels]),
        [1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0],
      );
    });
  assert.equal(new Set(hashes).size, 1);
});

test('columns of 0 and 1 with one 1 a row are classes, and one such column is two', async () => {
  const files = await images(numbered('.', 6));
  const rowsOf = (even: string, odd: string): string[] =>
    numbered('', 6).map(
      (name, at) => `${name.slice(1)},${['train', 'val', 'test'][at >> 1]},${at % 2 === 0 ? even : odd}`,
    );
  const root = writeFiles(join(scratch, 'one-hot'), {
    ...files,
    'a.csv': table(['image,split,NV,MEL', ...rowsOf('1,0', '0,1')]),
    'b.csv': table(['image,split,MEL', ...rowsOf('0', '1')]),
  });
  await look(join(root, 'b.csv'), {}, (dataset) => {
    assert.deepEqual([dataset.task, dataset.classNames], ['binary-class', ['not MEL', 'MEL']]);
    assert.deepEqual([...dataset.splits.train.labels], [0, 1]);
    assert.equal(dataset.notes?.[1], 'labels: the column MEL, 0 for not MEL and 1 for MEL');
  });
  await look(join(root, 'a.csv'), {}, (dataset) => {
    assert.deepEqual([dataset.task, dataset.classNames], ['binary-class', ['NV', 'MEL']]);
    assert.deepEqual([...dataset.splits.train.labels], [0, 1]);
    assert.equal(dataset.notes?.[1], 'labels: each row has one 1 in the columns NV, MEL, so they are taken as classes');
  });
});

test('rows without a label are left out, and files that are not there are broken', async () => {
  const files = await images(numbered('.', 12));
  const rows = numbered('', 12).map((name, at) => `${name.slice(1)},${at === 3 ? '' : at % 2}`);
  const root = writeFiles(join(scratch, 'gaps'), { ...files, 'a.csv': table(['file,label', ...rows, 'gone.png,0']) });
  await look(join(root, 'a.csv'), {}, (dataset) => {
    assert.deepEqual(dataset.classNames, ['0', '1']);
    assert.equal(
      counts(dataset).reduce((sum, count) => sum + count),
      11,
    );
    assert.equal(dataset.notes?.[1], '1 row without a label left out (03.png)');
    assert.deepEqual(dataset.broken, [
      { name: 'gone.png', reason: `There is no file ${join(root, 'gone.png')}: check the path` },
    ]);
  });
});

test('equal files with unequal labels are told', async () => {
  const files = await images(numbered('a', 6).concat(numbered('b', 6)));
  files['b/03.png'] = files['a/02.png'];
  const root = writeFiles(join(scratch, 'conflict'), files);
  await look(root, {}, ({ notes }) =>
    assert.equal(notes?.[1], '1 file equal to another with another label (b/03.png = a/02.png)'),
  );
});

test('a class that a split has no image of is told', async () => {
  const parts = ['train/a', 'train/b', 'train/c', 'val/a', 'val/b', 'val/c', 'test/a', 'test/c'];
  const root = writeFiles(join(scratch, 'absent'), await images(parts.flatMap((part) => numbered(part, 2))));
  await look(root, {}, ({ notes }) =>
    assert.deepEqual(notes, ['test has no image of b: AUC is over the other classes, and macro-F1 counts it as 0']),
  );
});

test('what is no such folder or table says what is expected', async () => {
  const loose = writeFiles(join(scratch, 'loose'), await images(['a.png', 'b.png']));
  await refused(loose, /loose has 2 images, but no folders of classes: a folder for each class is expected .*CSV file/);
  const one = writeFiles(join(scratch, 'one'), await images(['a/1.png', 'a/2.png']));
  await refused(one, /one has one class only, a: a folder for each class is expected/);
  const masks = writeFiles(join(scratch, 'pairs'), await images(['images/1.png', 'masks/1.png']));
  await refused(masks, /pairs has images and masks, not classes: it is for notebooks that segment/);
  await refused(writeFiles(join(scratch, 'empty'), { 'a/readme.txt': '' }), /empty has no folder with images/);
  // Other file systems take both for one folder.
  if (process.platform === 'linux') {
    const names = ['né', 'né'.normalize('NFD'), 'b'].map((name) => `${name}/1.png`);
    await refused(
      writeFiles(join(scratch, 'accents'), await images(names)),
      /accents has né\/1\.png twice, in names that differ only in how an accent is written: rename one of them\.$/,
    );
  }
  const write = (text: string): string => {
    writeFileSync(join(scratch, 'bad.csv'), text);
    return join(scratch, 'bad.csv');
  };
  await refused(
    write('x,label\n1,2\n'),
    /bad\.csv has no column of files \(there are x, label\): expected are the columns/,
  );
  await refused(write('file,age\na,7\n'), /bad\.csv has no column of labels \(there are file, age\)/);
  await refused(write('file,label\n'), /bad\.csv has no rows/);
  await refused(write('file,label\na\n'), /bad\.csv cannot be read as a table/);
  await refused(write('file,label\na,1\na,2\n'), /bad\.csv has a in two rows/);
  // A cell in quotes may go over lines, a message may not.
  await refused(write('file,label\n"a\nb",1\n"a\nb",2\n'), /^.*bad\.csv has a\?b in two rows.*$/);
  await refused(write('"na\nme",label\na,1\n'), /^.*bad\.csv has no column of files \(there are na\?me, label\).*$/);
  await refused(write('file,label,split\na,1,"tr\nain"\n'), /^.*bad\.csv has "tr\?ain" in the column split.*$/);
  await refused(
    write('file,label,split\na,1,holdout\n'),
    /"holdout" in the column split, but a split is one of train, val, test/,
  );
  await refused(write('file,label,weight\na,1,-2\n'), /"-2" in the column weight, but a weight is a number, 0 or more/);
  await refused(join(scratch, 'none.csv'), /^There is no file or folder .*none\.csv": tried /);
  await refused(loose, /^size is 0; allowed are/, { size: 0 });
});

test('what was decoded is kept, listed, and bounded', async (context) => {
  const root = writeFiles(join(scratch, 'kept'), await images(numbered('a', 9).concat(numbered('b', 9))));
  const cache = join(scratch, 'kept-cache');
  const phases: string[] = [];
  const open = (options: OpenOptions = {}): Promise<void> =>
    look(
      root,
      { cacheDirectory: cache, onPrepare: ({ phase }) => void phases.push(phase), ...options },
      () => undefined,
    );
  await open();
  assert.deepEqual([...new Set(phases.splice(0))], ['checksums', 'images']);
  await open({ seed: 3 });
  assert.deepEqual([...new Set(phases.splice(0))], ['checksums'], 'another split needs no other pixels');
  const listed = listPreparedData(cache).find(({ kind }) => kind === 'images');
  assert.ok(listed !== undefined && listed.bytes > 18 * size * size * 3);
  const stores = (): string[] => readdirSync(join(cache, 'images')).filter((name) => !name.endsWith('.json'));
  const [first] = stores();
  writeFileSync(join(cache, 'images', first, 'index.json'), '{"version":1');
  await open();
  assert.ok(phases.includes('images'), 'a damaged one is made anew');
  context.after(() => delete process.env.PREPARED_DATA_GIGABYTES);
  process.env.PREPARED_DATA_GIGABYTES = '0';
  await open({ size: 7 });
  assert.equal(stores().length, 1);
  assert.notEqual(stores()[0], first);
  assert.match(readFileSync(join(cache, 'images', stores()[0], 'index.json'), 'utf8'), /"version":2/);
});
