import assert from 'node:assert/strict';
import {
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { checkNpz, openNpz, type NpzFile, type NpzMember, type NpzOptions } from '../../lib/data/npz';
import { writeNpz, type NpzArray } from '../../lib/data/npz-writer';
import { npyHeader, npyTypes } from '../../lib/tensor/npy';
import { userError } from './user-error';
import { centralHeader, endRecords, localHeader, npy, unknown32, zip, type ZipEntry } from './zip';

/** Made by make_npy.py: the same arrays by numpy.savez and numpy.savez_compressed. */
const fixtures = join(__dirname, '..', 'fixtures', 'npz');
const storedPath = join(fixtures, 'stored.npz');
const deflatedPath = join(fixtures, 'deflated.npz');

const folder = mkdtempSync(join(tmpdir(), 'npz-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let caches = 0;
const emptyCache = (): string => join(folder, `cache-${caches++}`);

/** Opens a file for the time of `use`. */
async function within<T>(path: string, use: (file: NpzFile) => T, options: NpzOptions = {}): Promise<T> {
  const file = await openNpz(path, { cacheDirectory: emptyCache(), ...options });
  try {
    return use(file);
  } finally {
    file.close();
  }
}

function member(file: NpzFile, name: string): NpzMember {
  const found = file.members.get(name);
  assert.ok(found, `${name} is missing`);
  return found;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

function valueBytes({ type, shape, readRows }: NpzMember): Uint8Array {
  const bytes = new Uint8Array(sizeOf(shape) * npyTypes[type].bytes);
  readRows(0, shape[0] ?? 1, bytes);
  return bytes;
}

function filesBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

for (const [kind, path] of [
  ['savez', storedPath],
  ['savez_compressed', deflatedPath],
] as const) {
  test(`a file of numpy.${kind} is read: types, shapes, rows at any offset`, () =>
    within(path, (file) => {
      assert.deepEqual([...file.members.keys()], ['images', 'labels', 'scalar', 'empty']);
      const images = member(file, 'images');
      assert.deepEqual([images.type, images.shape, images.name], ['|u1', [60, 16, 16], 'images']);
      for (const [start, count] of [
        [0, 1],
        [0, 60],
        [17, 5],
        [59, 1],
        [60, 0],
      ]) {
        const target = new Uint8Array(count * 256 + 20).fill(99);
        images.readRows(start, count, target, 10);
        const expected = Uint8Array.from({ length: count * 256 }, (_, at) => ((start * 256 + at) * 7 + 3) % 256);
        assert.deepEqual(target.subarray(10, -10), expected);
        assert.ok([...target.subarray(0, 10), ...target.subarray(-10)].every((value) => value === 99));
      }
      const labels = member(file, 'labels');
      assert.deepEqual([labels.type, labels.shape], ['<i8', [60, 1]]);
      const expected = BigInt64Array.from({ length: 60 }, (_, index) => BigInt(index % 3));
      assert.deepEqual(new BigInt64Array(valueBytes(labels).buffer), expected);
      assert.deepEqual([member(file, 'scalar').type, member(file, 'scalar').shape], ['<f8', []]);
      assert.equal(new Float64Array(valueBytes(member(file, 'scalar')).buffer)[0], 2.5);
      assert.deepEqual(member(file, 'empty').shape, [0, 4]);
    }));
}

test('rows beyond the end are a mistake of the caller', () =>
  within(storedPath, (file) => {
    const { readRows } = member(file, 'images');
    assert.throws(() => readRows(59, 2, new Uint8Array(512)), /has 60 rows, so there is no row 60/);
    assert.throws(() => readRows(-1, 1, new Uint8Array(512)), RangeError);
  }));

test('deflated members are unpacked once, stored ones never', async () => {
  const cacheDirectory = emptyCache();
  await within(storedPath, () => undefined, { cacheDirectory });
  assert.deepEqual(filesBelow(cacheDirectory), []);
  await within(deflatedPath, () => undefined, { cacheDirectory });
  const unpacked = filesBelow(cacheDirectory);
  assert.equal(unpacked.length, 4);
  const past = new Date('2001-02-03');
  for (const file of unpacked) utimesSync(file, past, past);
  await within(deflatedPath, (file) => assert.equal(valueBytes(member(file, 'images'))[1], 10), { cacheDirectory });
  assert.deepEqual(filesBelow(cacheDirectory), unpacked);
  for (const file of unpacked) assert.equal(statSync(file).mtimeMs, past.getTime());
});

test('what is unpacked belongs to one state of the file', async () => {
  const cacheDirectory = emptyCache();
  const path = join(folder, 'changing.npz');
  const read = (): Promise<number> => within(path, (file) => valueBytes(member(file, 'a'))[0], { cacheDirectory });
  const write = (value: number, time: number): void => {
    writeFileSync(path, zip([{ name: 'a.npy', content: npy([3], Uint8Array.of(value, 0, 0)), deflated: true }]));
    utimesSync(path, time, time);
  };
  write(1, 1000);
  assert.equal(await read(), 1);
  write(2, 1000); // the same size and time: only the CRC tells
  assert.equal(await read(), 2);
  write(2, 2000);
  assert.equal(await read(), 2);
  assert.equal(filesBelow(cacheDirectory).length, 3);
  // A copy that is not whole, as a full disk would leave it, is not used.
  for (const file of filesBelow(cacheDirectory)) writeFileSync(file, '');
  assert.equal(await read(), 2);
});

test('members that do not matter are neither unpacked nor looked at', async () => {
  const cacheDirectory = emptyCache();
  await within(deflatedPath, (file) => assert.deepEqual([...file.members.keys()], ['labels']), {
    cacheDirectory,
    only: ['labels', 'none'],
  });
  assert.equal(filesBelow(cacheDirectory).length, 1);
  const path = join(folder, 'mixed.npz');
  writeFileSync(
    path,
    zip([
      { name: 'README.txt', content: Buffer.from('hello') },
      { name: 'names.npy', content: Buffer.from('not an array') },
      { name: 'a.npy', content: npy([1], Uint8Array.of(5)) },
    ]),
  );
  await within(path, (file) => assert.deepEqual([...file.members.keys()], ['a']), { only: ['a'] });
  await assert.rejects(openNpz(path), userError(/^"names" in .*mixed\.npz is not a NumPy array/));
});

test('ZIP64 fields and end records are read where they are not needed, too', async () => {
  const path = join(folder, 'zip64.npz');
  const content = npy([2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6));
  for (const deflated of [false, true]) {
    writeFileSync(
      path,
      zip(
        [
          { name: 'a.npy', content, deflated },
          { name: 'b.npy', content, deflated },
        ],
        true,
      ),
    );
    for (const name of ['a', 'b'])
      await within(path, (file) => assert.deepEqual([...valueBytes(member(file, name))], [1, 2, 3, 4, 5, 6]));
    assert.deepEqual(await checkNpz(path), { members: 2, damaged: [] });
  }
  // numpy's own local headers are of this kind: version 4.5, sizes of 2³² − 1.
  const local = readFileSync(storedPath);
  assert.equal(local.readUInt32LE(18), unknown32);
});

const megabyte = 1 << 20;

/** Whether a hole in a file takes no room here. */
function hasSparseFiles(): boolean {
  const path = join(folder, 'hole');
  const file = openSync(path, 'w');
  ftruncateSync(file, 64 * megabyte);
  closeSync(file);
  const { blocks } = statSync(path);
  rmSync(path);
  return blocks * 512 < megabyte;
}

test('members of more than 2³² bytes and beyond that offset are read, at constant memory', async (context) => {
  if (!hasSparseFiles()) return context.skip('this file system fills holes in files');
  const path = join(folder, 'sparse.npz');
  const rows = 4500;
  const lastOfAll = rows - 1;
  const big = { name: 'big.npy', content: npyHeader('|u1', [rows, megabyte]) };
  const small = { name: 'small.npy', content: npy([4], Uint8Array.of(9, 8, 7, 6)) };
  const bigSize = big.content.length + rows * megabyte;
  const bigLocal = localHeader(big, bigSize, bigSize, true);
  const smallOffset = bigLocal.length + bigSize;
  const smallLocal = localHeader(small, small.content.length, small.content.length, true);
  const directoryOffset = smallOffset + smallLocal.length + small.content.length;
  const directory = Buffer.concat([
    centralHeader(big, bigSize, bigSize, 0, true),
    centralHeader(small, small.content.length, small.content.length, smallOffset, true),
  ]);
  const file = openSync(path, 'w');
  const write = (bytes: Uint8Array, position: number): void => void writeSync(file, bytes, 0, bytes.length, position);
  write(Buffer.concat([bigLocal, big.content]), 0);
  const values = bigLocal.length + big.content.length;
  for (const row of [0, 4200, lastOfAll]) write(Uint8Array.of(row % 251, 1, 2), values + row * megabyte);
  write(Buffer.concat([smallLocal, small.content]), smallOffset);
  write(Buffer.concat([directory, endRecords(2, directory.length, directoryOffset, true)]), directoryOffset);
  closeSync(file);
  assert.ok(statSync(path).size > 2 ** 32 && statSync(path).blocks * 512 < 16 * megabyte);

  const opened = await openNpz(path);
  const { shape, readRows } = member(opened, 'big');
  assert.deepEqual(shape, [rows, megabyte]);
  const row = new Uint8Array(megabyte);
  for (const index of [0, 4200, lastOfAll]) {
    readRows(index, 1, row);
    assert.deepEqual([...row.subarray(0, 4)], [index % 251, 1, 2, 0]);
  }
  assert.deepEqual([...valueBytes(member(opened, 'small'))], [9, 8, 7, 6]);
  const before = process.memoryUsage();
  for (let index = 0; index < 600; index++) readRows(rows - 600 + index, 1, row);
  const now = process.memoryUsage();
  assert.ok(now.arrayBuffers - before.arrayBuffers < megabyte, 'buffers are kept');
  assert.ok(now.rss - before.rss < 64 * megabyte, `memory grows by ${now.rss - before.rss} bytes`);
  opened.close();
  rmSync(path);
});

function assertRefused(path: string, pattern: RegExp, cacheDirectory = emptyCache()): Promise<void> {
  return assert.rejects(openNpz(path, { cacheDirectory }), userError(pattern));
}

test('a file that is missing, a folder or no .npz is refused', async () => {
  await assertRefused(join(folder, 'none.npz'), /^There is no file .*none\.npz: check the path\.$/);
  await assertRefused(folder, /is not a file: give the path of an \.npz file\.$/);
  await assert.rejects(checkNpz(folder), userError(/is not a file/));
  const path = join(folder, 'text.npz');
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n';
  const others = { '': /empty/, [pointer]: /Git LFS file: run "git lfs pull"/, '<!DOCTYPE html><p>': /a web page/ };
  for (const [content, kind] of Object.entries(others)) {
    writeFileSync(path, content);
    await assertRefused(path, new RegExp(`text\\.npz is no \\.npz file \\(it is .*${kind.source}`));
  }
  for (const content of ['hello\nworld', 'x'.repeat(100_000)]) {
    writeFileSync(path, content);
    await assertRefused(
      path,
      /text\.npz is not a whole \.npz file \(.*\): it may be truncated; copy or download it again/,
    );
    await assert.rejects(checkNpz(path), userError(/text\.npz is not a whole \.npz file/));
  }
});

test('a file that is truncated anywhere is refused', async () => {
  const path = join(folder, 'truncated.npz');
  for (const whole of [readFileSync(storedPath), readFileSync(deflatedPath)]) {
    const lengths = [1, 30, 100, 1000, whole.length >> 1, whole.length - 300, whole.length - 22, whole.length - 1];
    for (const length of lengths) {
      writeFileSync(path, whole.subarray(0, length));
      await assertRefused(path, /truncated\.npz is not a whole \.npz file/);
      await assert.rejects(checkNpz(path), userError(/truncated\.npz is not a whole \.npz file/));
    }
    // Bytes that are lost in the middle: the directory at the end is whole.
    writeFileSync(path, Buffer.concat([whole.subarray(0, 200), whole.subarray(300)]));
    await assertRefused(path, /truncated\.npz/);
  }
});

test('refused files are closed', { skip: process.platform !== 'linux' }, async () => {
  const path = join(folder, 'refused.npz');
  writeFileSync(
    path,
    zip([
      { name: 'a.npy', content: npy([1], Uint8Array.of(5)) },
      { name: 'b.npy', content: Buffer.from('no array') },
    ]),
  );
  const open = (): number =>
    readdirSync('/proc/self/fd').filter((name) => existsSync(join('/proc/self/fd', name))).length;
  const before = open();
  for (let attempt = 0; attempt < 20; attempt++) await assertRefused(path, /"b" in .* is not a NumPy array/);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(open() - before < 10, `${open() - before} files are open`);
});

test('damaged deflated members are refused, and nothing of them is kept', async () => {
  const path = join(folder, 'damaged.npz');
  const content = npy(
    [100],
    Uint8Array.from({ length: 100 }, (_, index) => index),
  );
  const cacheDirectory = emptyCache();
  writeFileSync(path, zip([{ name: 'a.npy', content, deflated: true, crc: 12345 }]));
  await assertRefused(
    path,
    /"a\.npy" in .*damaged\.npz is damaged \(its CRC is wrong\): copy or download/,
    cacheDirectory,
  );
  assert.deepEqual(filesBelow(cacheDirectory), []);
  const whole = zip([{ name: 'a.npy', content, deflated: true }]);
  for (const at of [60, 80, 100, 140]) {
    const damaged = Buffer.from(whole);
    damaged[at] ^= 0xff;
    writeFileSync(path, damaged);
    await assertRefused(path, /damaged\.npz is (damaged|not a whole \.npz file)/, cacheDirectory);
    assert.deepEqual(filesBelow(cacheDirectory), []);
    assert.deepEqual(await checkNpz(path), { members: 1, damaged: ['a.npy'] });
  }
});

test('a member may have any name: it is read, or told of in one line', async () => {
  const path = join(folder, 'names.npz');
  const content = npy([2], Uint8Array.of(1, 2));
  for (const name of ['a\0b', 'a'.repeat(300)]) {
    writeFileSync(path, zip([{ name: `${name}.npy`, content, deflated: true }]));
    const file = await openNpz(path, { cacheDirectory: emptyCache() });
    assert.deepEqual([...file.members.keys()], [name]);
    file.close();
    writeFileSync(path, zip([{ name: `${name}.npy`, content, deflated: true, crc: 12345 }]));
    await assertRefused(path, /^"[^\p{C}]{1,100}" in .*names\.npz is damaged/u, emptyCache());
  }
});

test('damage of stored members is found by a check of the whole file', async () => {
  const path = join(folder, 'flipped.npz');
  assert.deepEqual(await checkNpz(storedPath), { members: 4, damaged: [] });
  assert.deepEqual(await checkNpz(deflatedPath), { members: 4, damaged: [] });
  const bytes = readFileSync(storedPath);
  bytes[5000] ^= 1;
  writeFileSync(path, bytes);
  assert.deepEqual(await checkNpz(path), { members: 4, damaged: ['images.npy'] });
});

test('members that are not arrays of the stated size, or are packed in another way, are refused', async () => {
  const path = join(folder, 'odd.npz');
  const refused = async (entry: Omit<ZipEntry, 'name'>, pattern: RegExp): Promise<void> => {
    writeFileSync(path, zip([{ name: 'a.npy', ...entry }]));
    await assertRefused(path, pattern);
  };
  await refused(
    { content: npy([4], new Uint8Array(3)) },
    /^"a" in .*odd\.npz has 3 bytes of values, but its shape \(4\) needs 4\.$/,
  );
  await refused({ content: npy([4, 2], new Uint8Array(9)) }, /has 9 bytes of values, but its shape \(4, 2\) needs 8/);
  await refused({ content: npy([], new Uint8Array(0)) }, /has 0 bytes of values, but its shape \(\) needs 1/);
  await refused({ content: npy([2 ** 40, 2 ** 40], new Uint8Array(3)) }, /has 3 bytes of values/);
  await refused({ content: Buffer.alloc(0) }, /is not a NumPy array/);
  await refused({ content: Buffer.from('x'.repeat(200)), deflated: true }, /is not a NumPy array/);
  await refused(
    { content: npy([1], Uint8Array.of(1)), method: 12 },
    /is compressed by bzip2, which is not read here: save it anew with "numpy\.savez_compressed\('new\.npz', \*\*numpy\.load\('odd\.npz'\)\)"\.$/,
  );
  await refused({ content: npy([1], Uint8Array.of(1)), method: 14 }, /is compressed by LZMA, which is not read here/);
  await assert.rejects(checkNpz(path), userError(/^"a\.npy" in .*odd\.npz is compressed by LZMA, which is not/));
  writeFileSync(path, npy([1], Uint8Array.of(1)));
  await assertRefused(
    path,
    /is no \.npz file \(it is a single array of NumPy: save all arrays in one file with numpy\.savez\)/,
  );
});

test('a cache that cannot be written is named', async () => {
  const cacheDirectory = join(folder, 'a-file');
  writeFileSync(cacheDirectory, '');
  await assertRefused(
    deflatedPath,
    /deflated\.npz could not be unpacked into .*a-file \(ENOTDIR\): make room there/,
    cacheDirectory,
  );
});

test('a file that shrinks while it is read is noticed', async () => {
  const path = join(folder, 'shrinking.npz');
  copyFileSync(storedPath, path);
  const file = await openNpz(path);
  writeFileSync(path, readFileSync(storedPath).subarray(0, 5000));
  assert.throws(
    () => valueBytes(member(file, 'images')),
    userError(/"images" in .* ends too early: the file is truncated/),
  );
  file.close();
});

test('writeNpz writes the arrays that numpy.savez writes', async () => {
  const path = join(folder, 'new', 'written.npz');
  const arrays = await within(storedPath, ({ members }) =>
    Object.fromEntries(
      [...members].map(([name, array]): [string, NpzArray] => [
        name,
        { type: array.type, shape: array.shape, bytes: valueBytes(array) },
      ]),
    ),
  );
  writeNpz(path, arrays);
  await within(path, ({ members }) => {
    assert.deepEqual([...members.keys()], Object.keys(arrays));
    for (const [name, array] of members) {
      const { type, shape, bytes } = arrays[name];
      assert.deepEqual({ type: array.type, shape: array.shape, bytes: valueBytes(array) }, { type, shape, bytes });
    }
  });
  assert.deepEqual(await checkNpz(path), { members: 4, damaged: [] });
  const first = readFileSync(path);
  writeNpz(path, arrays);
  assert.deepEqual(readFileSync(path), first, 'the same arrays give the same file');
  assert.deepEqual(readdirSync(join(folder, 'new')), ['written.npz']);
});

test('writeNpz refuses bytes that do not fit the shape, and leaves what was there', () => {
  const path = join(folder, 'kept.npz');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, 'before');
  const wrong: NpzArray = { type: '<i4', shape: [2, 3], bytes: new Uint8Array(6) };
  assert.throws(() => writeNpz(path, { a: wrong }), /"a" has 6 bytes, but its shape \(2, 3\) needs 24/);
  assert.equal(readFileSync(path, 'utf8'), 'before');
});
