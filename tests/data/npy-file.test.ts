import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { arrayImages, byteBatches, valueBatches, type ByteBatch } from '../../lib/data/array-images';
import { startImageWorkers, type ImageWorkers } from '../../lib/data/image-workers';
import { createNpyWriter, openNpyFile } from '../../lib/data/npy-file';
import { transformBatch, type ImageTransform } from '../../lib/data/transform';
import { projectRoot } from '../../lib/paths';
import { npyHeader, type NpyType } from '../../lib/tensor/npy';
import { userError } from './user-error';

const scratch = mkdtempSync(join(tmpdir(), 'npy-file-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** An .npy that is written at once. */
function save(name: string, type: NpyType, shape: readonly number[], values: ArrayBufferView): string {
  const path = join(scratch, name);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  writeFileSync(path, Buffer.concat([npyHeader(type, shape), bytes]));
  return path;
}

const ramp = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 7) % 256);

test('rows are read where they lie', () => {
  const values = Float32Array.from({ length: 30 }, (_, index) => index / 4);
  const file = openNpyFile(save('rows.npy', '<f4', [5, 2, 3], values));
  assert.deepEqual({ type: file.type, shape: file.shape }, { type: '<f4', shape: [5, 2, 3] });
  const target = new Float32Array(12);
  file.readRows(2, 2, new Uint8Array(target.buffer));
  assert.deepEqual(target, values.subarray(12, 24));
  file.readRows(4, 1, new Uint8Array(target.buffer));
  assert.deepEqual(target.subarray(0, 6), values.subarray(24));
  assert.equal(target[6], 18 / 4); // what is beyond is left alone
  assert.throws(() => file.readRows(4, 2, new Uint8Array(48)), /has 5 rows, so there is no row 5/);
  assert.throws(() => file.readRows(-1, 1, new Uint8Array(48)), RangeError);
  assert.throws(() => file.readRows(0, 2, new Uint8Array(47)), /2 rows of .* need 48 bytes, not 47/);
  file.close();
});

test('what is no array is refused by name', () => {
  const cut = save('cut.npy', '|u1', [3, 4], ramp(11));
  assert.throws(() => openNpyFile(cut), userError(/cut\.npy has 11 bytes of values, but its shape \(3, 4\) needs 12/));
  const long = save('long.npy', '|u1', [3, 4], ramp(13));
  assert.throws(() => openNpyFile(long), userError(/has 13 bytes of values/));
  writeFileSync(join(scratch, 'text.npy'), 'a,b\n1,2\n');
  assert.throws(() => openNpyFile(join(scratch, 'text.npy')), userError(/text\.npy is not a NumPy array/));
  assert.throws(() => openNpyFile(join(scratch, 'none.npy')), userError(/^There is no file .*none\.npy: check/));
  assert.throws(() => openNpyFile(scratch), userError(/cannot be read \(EISDIR\)/));
});

test('a file is written in pieces, and is there when it is whole', () => {
  const path = join(scratch, 'deep', 'er', 'written.npy');
  const values = Float32Array.from({ length: 20 }, (_, index) => -index);
  const writer = createNpyWriter(path, '<f4', [10, 2]);
  writer.append(values.subarray(0, 6));
  writer.append(new Uint8Array(values.buffer, 24, 10)); // bytes will do, and need not be whole values
  writer.append(new Uint8Array(values.buffer, 34));
  assert.deepEqual(
    readdirSync(join(scratch, 'deep', 'er')).map((name) => /^\.written\.npy\..*\.tmp$/.test(name)),
    [true],
  );
  writer.finish();
  assert.deepEqual(readdirSync(join(scratch, 'deep', 'er')), ['written.npy']);
  const expected = Buffer.concat([npyHeader('<f4', [10, 2]), new Uint8Array(values.buffer)]);
  assert.deepEqual(readFileSync(path), expected);
  writer.abort(); // too late to do anything
  assert.deepEqual(readFileSync(path), expected);
  assert.throws(() => writer.append(values.subarray(0, 0)), /is closed already/);
});

test('an array without rows is written, too', () => {
  const path = join(scratch, 'empty.npy');
  createNpyWriter(path, '|u1', [0, 3]).finish();
  const file = openNpyFile(path);
  assert.deepEqual(file.shape, [0, 3]);
  file.close();
});

test('what is given up leaves what was there before', () => {
  const path = save('kept.npy', '|u1', [1], ramp(1));
  const before = [readFileSync(path), readdirSync(scratch)];
  const writer = createNpyWriter(path, '|u1', [2, 3]);
  writer.append(ramp(3));
  assert.throws(() => writer.append(ramp(4)), /has room for 6 bytes, not for 7/);
  assert.throws(() => writer.finish(), /has 3 bytes of values, but needs 6 for 2×3/);
  writer.abort();
  writer.abort();
  assert.deepEqual([readFileSync(path), readdirSync(scratch)], before);
  assert.equal(process.listeners('exit').filter(({ name }) => name === 'abort').length, 0);
});

test('a path that cannot be written is refused by name', () => {
  const file = save('file.npy', '|u1', [1], ramp(1));
  assert.throws(() => createNpyWriter(join(file, 'x.npy'), '|u1', [1]), userError(/x\.npy cannot be written \(E/));
  mkdirSync(join(scratch, 'folder.npy'));
  const names = readdirSync(scratch);
  const writer = createNpyWriter(join(scratch, 'folder.npy'), '|u1', [1]);
  writer.append(ramp(1));
  assert.throws(() => writer.finish(), userError(/folder\.npy cannot be written \(EISDIR\)/));
  assert.deepEqual(readdirSync(scratch), names);
});

test('a process that ends early leaves nothing behind', () => {
  const folder = mkdtempSync(join(scratch, 'ends-'));
  const path = JSON.stringify(join(folder, 'x.npy'));
  const code = `const { createNpyWriter } = require('./lib/data/npy-file'); createNpyWriter(${path}, '|u1', [9]); console.log(require('fs').readdirSync(${JSON.stringify(folder)}).length); process.exit(3)`;
  const { status, stdout } = spawnSync(process.execPath, ['--import', 'tsx', '--eval', code], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  assert.deepEqual([status, stdout, readdirSync(folder)], [3, '1\n', []]);
});

test('arrays that are no images are refused with what is', () => {
  const reader = (type: NpyType, shape: number[]) => ({ type, shape, readRows: () => undefined });
  const kind = (type: NpyType, shape: number[]) => arrayImages(reader(type, shape), 'x.npy').kind;
  assert.equal(kind('|u1', [2, 4, 5]), 'bytes');
  assert.equal(kind('|u1', [2, 4, 5, 1]), 'bytes');
  assert.equal(kind('|u1', [2, 4, 5, 3]), 'bytes');
  assert.equal(kind('<f4', [2, 4, 5, 3]), 'values');
  const refused: [NpyType, number[]][] = [
    ['|u1', [4, 5]],
    ['|u1', [2, 4, 5, 4]],
    ['|u1', [2, 3, 4, 5, 3]],
    ['<f4', [2, 4, 5]],
    ['<f4', [2, 4, 5, 1]],
    ['<f8', [2, 4, 5, 3]],
    ['<i4', [2, 4, 5, 3]],
  ];
  for (const [type, shape] of refused)
    assert.throws(() => kind(type, shape), userError(/^x\.npy is .* of shape \(.*\); images are uint8 of shape N×H×W/));
  assert.throws(() => kind('|u1', [0, 4, 5]), userError(/^x\.npy has the shape \(0, 4, 5\): there are no images/));
});

test('normalised images are read in batches as they are', () => {
  const values = Float32Array.from({ length: 5 * 2 * 2 * 3 }, (_, index) => index - 0.5);
  const file = openNpyFile(save('values.npy', '<f4', [5, 2, 2, 3], values));
  const batches = [...valueBatches(arrayImages(file, 'values.npy'), 2)];
  assert.deepEqual(
    batches.map(({ shape }) => shape[0]),
    [2, 2, 1],
  );
  assert.deepEqual(
    batches.flatMap((batch) => [...batch.values]),
    [...values],
  );
  file.close();
});

test('bytes are resized in threads, and left alone where nothing is to be done', async () => {
  const transform: ImageTransform = {
    height: 6,
    width: 5,
    interpolation: 'bilinear',
    cropFraction: 1,
    normalization: { mean: [0, 0, 0], std: [1, 1, 1] },
  };
  const collect = async (name: string, shape: readonly number[], workers: ImageWorkers): Promise<ByteBatch[]> => {
    const file = openNpyFile(save(name, '|u1', shape, ramp(shape.reduce((product, size) => product * size, 1))));
    const batches: ByteBatch[] = [];
    const options = { transform, batchSize: 4, workers };
    for await (const batch of byteBatches(arrayImages(file, name), options)) batches.push(batch);
    file.close();
    return batches;
  };
  const workers = startImageWorkers(3);
  try {
    for (const shape of [
      [11, 9, 8, 3],
      [11, 9, 8],
      [1, 4, 4, 1],
    ] as const) {
      const channels = shape[3] ?? 1;
      const batches = await collect('bytes.npy', shape, workers);
      assert.deepEqual(
        batches.map((batch) => batch.shape),
        (shape[0] === 11 ? [4, 4, 3] : [1]).map((count) => [count, 6, 5, channels]),
      );
      const [count, height, width] = shape;
      const all = ramp(count * height * width * channels);
      const expected = transformBatch(all, [count, height, width, channels], transform);
      assert.deepEqual(
        batches.flatMap(({ bytes }) => [...bytes]),
        [...expected],
      );
    }
  } finally {
    await workers.close();
  }
  const none: ImageWorkers = {
    count: 0,
    run: () => assert.fail('nothing is to be done'),
    close: async () => undefined,
  };
  const batches = await collect('same.npy', [5, 6, 5, 3], none);
  assert.deepEqual(
    batches.flatMap(({ bytes }) => [...bytes]),
    [...ramp(450)],
  );
});
