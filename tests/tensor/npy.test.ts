import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { longestNpyHeader, npyHeader, npyTypes, parseNpyHeader, toInt32, type NpyType } from '../../lib/tensor/npy';
import { userError } from '../data/user-error';

/** Made by make_npy.py. */
const golden = JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', 'npy.json'), 'utf8')) as {
  read: Record<string, { type: string; shape: number[]; values: number[]; npy: string }>;
  refused: Record<string, string>;
  numbers: Record<string, string>;
};
const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

function read(bytes: Uint8Array): number[] {
  const { type, dataOffset } = parseNpyHeader(bytes, 'array');
  return [...toInt32(bytes.subarray(dataOffset), type, 'array')];
}

test('every type that is read has a fixture', () => {
  const types = new Set(Object.values(golden.read).map(({ type }) => type));
  assert.deepEqual([...types].sort(), Object.keys(npyTypes).sort());
});

for (const [name, { type, shape, values, npy }] of Object.entries(golden.read)) {
  test(`numpy's ${name} is read`, () => {
    const header = parseNpyHeader(bytesOf(npy), 'array');
    assert.deepEqual({ type: header.type, shape: header.shape }, { type, shape });
    const size = shape.reduce((product, length) => product * length, npyTypes[header.type].bytes);
    assert.equal(bytesOf(npy).length, header.dataOffset + size);
    assert.deepEqual(read(bytesOf(npy)), values);
  });
}

test('an array that does not begin at the beginning of its memory is read as well', () => {
  const { npy, values } = golden.read.int32;
  const shifted = new Uint8Array(bytesOf(npy).length + 3);
  shifted.set(bytesOf(npy), 3);
  assert.deepEqual(read(shifted.subarray(3)), values);
});

const types: Record<string, RegExp> = {
  'big-endian': /^array holds values of type >i4; numbers in little-endian order \(\|u1, .*\) can be read: convert it/,
  fortran: /^array is stored column by column \(Fortran order\): save numpy\.ascontiguousarray of it\.$/,
  object: /^array holds values of type \|O;/,
  record: /^array holds values of type record;/,
  text: /^array holds text \(<U2\), not numbers: number the names with/,
  complex: /^array holds values of type <c8;/,
  float16: /^array holds values of type <f2;/,
};
test('what cannot be read is refused with what can', () => {
  assert.deepEqual(Object.keys(types).sort(), Object.keys(golden.refused).sort());
  for (const [name, npy] of Object.entries(golden.refused))
    assert.throws(() => parseNpyHeader(bytesOf(npy), 'array'), userError(types[name]), name);
});

test('numbers that are no class numbers are refused with their position', () => {
  const messages: Record<string, RegExp> = {
    half: /^array has the value 0\.5 at position 1, which is no class number; of probabilities they are "labels = labels\.argmax\(1\)"\.$/,
    nan: /value NaN at position 0/,
    infinite: /value Infinity at position 0/,
    large: /value 2147483648 at position 1/,
    larger: /value 9223372036854776000 at position 0/,
    low: /value -2147483649 at position 0/,
  };
  assert.deepEqual(Object.keys(messages).sort(), Object.keys(golden.numbers).sort());
  for (const [name, npy] of Object.entries(golden.numbers))
    assert.throws(() => read(bytesOf(npy)), userError(messages[name]), name);
});

test('a file that ends anywhere within its header is refused', () => {
  for (const version of ['version 1', 'version 2', 'version 3']) {
    const bytes = bytesOf(golden.read[version].npy);
    const { dataOffset } = parseNpyHeader(bytes, 'array');
    for (let length = 0; length < dataOffset; length++)
      assert.throws(
        () => parseNpyHeader(bytes.subarray(0, length), 'array'),
        userError(length < 12 ? /is not a NumPy array \(\.npy\)/ : /is cut off within its header/),
      );
    assert.equal(parseNpyHeader(bytes.subarray(0, dataOffset), 'array').dataOffset, dataOffset);
  }
});

/** An .npy whose header is this text. */
function withHeader(text: string, version = 1): Uint8Array {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(text.length);
  else length.writeUInt32LE(text.length);
  return new Uint8Array(
    Buffer.concat([Buffer.from([0x93, ...Buffer.from('NUMPY'), version, 0]), length, Buffer.from(text)]),
  );
}

test('a header that is not of this format is refused', () => {
  const header = (shape: string, descr = "'|u1'"): string =>
    `{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}, }\n`;
  assert.deepEqual(parseNpyHeader(withHeader(header('(2, 3)')), 'array').shape, [2, 3]);
  assert.deepEqual(parseNpyHeader(withHeader(header('(2,3,)')), 'array').shape, [2, 3]);
  for (const shape of [
    '(-1,)',
    '(1.5,)',
    "('a',)",
    '(3)',
    '(2,,3)',
    '(,)',
    '(0x10,)',
    '(1e2,)',
    '(9007199254740992,)',
    '(2\n3)',
  ])
    assert.throws(
      () => parseNpyHeader(withHeader(header(shape)), 'array'),
      userError(/has the shape \(.*\), which is none/),
      shape,
    );
  for (const text of [
    '    ',
    '{}',
    header('3'),
    header('(2,)').replace('descr', 'dtype'),
    header('(2,)').replace('False', '0'),
  ])
    assert.throws(
      () => parseNpyHeader(withHeader(text), 'array'),
      userError(/has an unreadable header: save it again/),
      text,
    );
  for (const type of ["'toString'", "'|u1\n'", "''", '[]'])
    assert.throws(
      () => parseNpyHeader(withHeader(header('(2,)', type)), 'array'),
      userError(/holds values of type/),
      type,
    );
  for (const version of [0, 4, 147])
    assert.throws(
      () => parseNpyHeader(withHeader(header('(2,)'), version), 'array'),
      userError(new RegExp(`^array is of \\.npy version ${version}, but 1 to 3 can be read`)),
    );
});

test('a giant header is refused without being read', () => {
  const bytes = withHeader('', 2);
  new DataView(bytes.buffer).setUint32(8, 0xffffffff, true);
  assert.throws(() => parseNpyHeader(bytes, 'array'), userError(/has a header of 4294967295 bytes, too long/));
  const longest = withHeader(
    `{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }`.padEnd(longestNpyHeader - 12),
    2,
  );
  assert.deepEqual(parseNpyHeader(longest, 'array').shape, [1]);
});

test('a header that is written is read again, and values begin at a multiple of 64 bytes', () => {
  for (const type of Object.keys(npyTypes) as NpyType[])
    for (const shape of [[], [0], [5], [3, 4], [11959, 224, 224, 3]]) {
      const header = npyHeader(type, shape);
      assert.deepEqual(parseNpyHeader(header, 'array'), { type, shape, dataOffset: header.length });
      assert.equal(header.length % 64, 0);
    }
});
