import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { openSafetensors, writeSafetensors } from '../../lib/tensor/safetensors';
import { userError } from '../data/user-error';

/** Made by make_safetensors.py. */
const fixtures = join(__dirname, '..', 'fixtures');
type Golden = Record<string, { shape: number[]; values: (number | string)[] }>;
const golden = JSON.parse(readFileSync(join(fixtures, 'safetensors.json'), 'utf8')) as {
  types: Golden;
  written: Golden;
  writtenHalf: Golden;
  halves: Record<'F16' | 'BF16', string>;
};
const typesPath = join(fixtures, 'safetensors', 'types.safetensors');
const writtenHalfPath = join(fixtures, 'safetensors', 'written_half.safetensors');
const writtenPath = join(fixtures, 'safetensors', 'written.safetensors');

const folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'model.safetensors');

const numbers = (values: readonly (number | string)[]): number[] =>
  values.map((value) =>
    Number(value === 'inf' ? Infinity : value === '-inf' ? -Infinity : value === 'nan' ? NaN : value),
  );

/** A file of these parts; `length` is what it says about its header. */
function craft(header: unknown, data = new Uint8Array(0), length?: bigint): string {
  const bytes =
    header instanceof Uint8Array ? header : Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(bytes.length));
  writeFileSync(path, Buffer.concat([prefix, bytes, data]));
  return path;
}

const vector = (begin: number, end: number, more: object = {}): object => ({
  dtype: 'F32',
  shape: [(end - begin) / 4],
  data_offsets: [begin, end],
  ...more,
});

function assertRefused(header: unknown, pattern: RegExp, data = new Uint8Array(8), length?: bigint): void {
  const crafted = craft(header, data, length);
  assert.throws(() => openSafetensors(crafted), userError(pattern), JSON.stringify(header));
  assert.throws(
    () => openSafetensors(crafted),
    userError(/model\.safetensors is (malformed|truncated|not a)|model\.safetensors has a/),
  );
}

test('a file of the reference implementation is read: names, shapes, metadata', () => {
  const file = openSafetensors(typesPath);
  assert.deepEqual([...file.tensors.keys()].sort(), Object.keys(golden.types).sort());
  for (const [name, { shape }] of Object.entries(golden.types)) assert.deepEqual(file.tensors.get(name)?.shape, shape);
  assert.deepEqual(file.metadata, { note: 'µ "quoted"\n' });
  assert.equal(new Set([...file.tensors.values()].map(({ type }) => type)).size, 15);
  file.close();
});

test('F32, F16 and BF16 are read as float32, exactly', () => {
  const file = openSafetensors(typesPath);
  for (const name of ['float32', 'float16', 'bfloat16', 'scalar', 'empty'])
    // Object.is underneath: −0 is not 0, and NaN is NaN.
    assert.deepEqual([...(file.tensors.get(name)?.read() ?? [])], numbers(golden.types[name].values), name);
  file.close();
});

test('other types are refused when they are read, not before', () => {
  const file = openSafetensors(typesPath);
  for (const [name, tensor] of file.tensors)
    if (!['F32', 'F16', 'BF16'].includes(tensor.type))
      assert.throws(
        () => tensor.read(),
        userError(new RegExp(`"${name}" in .* is of type ${tensor.type}; F32, F16, BF16 can be read`)),
      );
  file.close();
});

for (const type of ['F16', 'BF16'] as const) {
  test(`each of the 65,536 values of ${type} is widened as torch does it`, () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
    craft({ a: { dtype: type, shape: [65536], data_offsets: [0, 131072] } }, new Uint8Array(halves.buffer));
    const file = openSafetensors(path);
    const values = file.tensors.get('a')?.read() ?? new Float32Array();
    file.close();
    // A NaN may have any payload; the fixture has one.
    const bits = new Uint32Array(values.buffer);
    values.forEach((value, index) => {
      if (Number.isNaN(value)) bits[index] = 0x7fc00000;
    });
    const digest = createHash('sha256').update(new Uint8Array(bits.buffer)).digest('hex');
    assert.equal(digest, golden.halves[type]);
  });
}

test('a file is written as the reference implementation writes it, byte by byte', () => {
  const tensors = new Map(
    Object.entries(golden.written).map(([name, { shape, values }]) => [
      name,
      { shape, values: Float32Array.from(numbers(values)) },
    ]),
  );
  writeSafetensors(path, tensors, { made: 'µm' });
  assert.deepEqual(readFileSync(path), readFileSync(writtenPath));
});

test('a file of halves has what torch rounds to', () => {
  const tensors = new Map(
    Object.entries(golden.writtenHalf).map(([name, { shape, values }]) => [
      name,
      { shape, values: Float32Array.from(numbers(values)) },
    ]),
  );
  writeSafetensors(path, tensors, {}, 'F16');
  const [written, expected] = [openSafetensors(path), openSafetensors(writtenHalfPath)];
  for (const [name, { type, shape, read }] of expected.tensors) {
    assert.deepEqual([written.tensors.get(name)?.type, written.tensors.get(name)?.shape], [type, shape]);
    assert.deepEqual(written.tensors.get(name)?.read(), read(), name);
  }
  for (const file of [written, expected]) file.close();
});

test('what is written is read again', () => {
  const values = Float32Array.from([1, -0, NaN, Infinity, 1e-45, 3]);
  // A part of a larger array, as parameters often are.
  const part = new Float32Array([9, 9, 1.5, 9]).subarray(2, 3);
  const tensors = new Map([
    ['z', { shape: [2, 3], values }],
    ['10', { shape: [], values: part }],
    ['2', { shape: [0, 7], values: new Float32Array(0) }],
    ['name "quoted"\n', { shape: [1], values: part }],
  ]);
  writeSafetensors(path, tensors);
  const file = openSafetensors(path);
  assert.deepEqual(file.metadata, {});
  assert.deepEqual([...file.tensors.keys()].sort(), [...tensors.keys()].sort());
  for (const [name, tensor] of tensors) {
    assert.deepEqual(file.tensors.get(name)?.shape, tensor.shape);
    assert.deepEqual([...(file.tensors.get(name)?.read() ?? [])], [...tensor.values]);
  }
  file.close();
  assert.throws(() => writeSafetensors(path, new Map([['a', { shape: [2], values }]])), /"a" has 6 values/);
  assert.deepEqual(readdirSync(folder), ['model.safetensors']);
});

test('a file that is none is refused', () => {
  const prefix = /model\.safetensors is not a safetensors file: /;
  writeFileSync(path, '');
  assert.throws(() => openSafetensors(path), userError(/it has only 0 bytes/));
  writeFileSync(path, Buffer.alloc(7));
  assert.throws(() => openSafetensors(path), userError(/it has only 7 bytes/));
  for (const text of ['', 'hello\nworld', '{"a": ', '{"a": 1,\n}'])
    assertRefused(text, new RegExp(`${prefix.source}its header is no JSON \\(`));
  for (const text of ['[]', '5', 'null', '"text"'])
    assertRefused(text, new RegExp(`${prefix.source}its header is no JSON object`));
  assertRefused(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), new RegExp(`${prefix.source}its header is no UTF-8`));
  assert.throws(() => openSafetensors(join(folder, 'none')), userError(/none cannot be opened \(ENOENT\): check/));
  assert.throws(() => openSafetensors(folder), userError(/is not a file: give the path of a \.safetensors file/));
});

test('a header of impossible length is refused without being read', () => {
  const memory = process.memoryUsage().rss;
  for (const length of [2n ** 64n - 1n, 2n ** 53n, 100_000_001n])
    assertRefused({}, /its header would have \d+ bytes \(at most 100000000\)/, undefined, length);
  assertRefused({}, /is truncated: its header has 100000000 bytes, the file 18;/, undefined, 100_000_000n);
  assert.ok(process.memoryUsage().rss - memory < 50e6);
});

test('values that overlap, leave holes or do not end with the file are refused', () => {
  assertRefused({ a: vector(0, 8), b: vector(4, 8) }, /malformed: the values of "b" overlap those before them/);
  assertRefused({ a: vector(0, 8), b: vector(0, 8) }, /malformed: the values of "b" overlap/);
  assertRefused({ a: vector(0, 8), b: vector(4, 4) }, /malformed: the values of "b" overlap/);
  assertRefused({ a: vector(4, 8) }, /malformed: there is a hole of 4 bytes before "a"/);
  assertRefused({ b: vector(8, 12), a: vector(0, 4) }, /hole of 4 bytes before "b"/, new Uint8Array(12));
  assertRefused({ a: vector(0, 12) }, /truncated: its tensors need 12 bytes, 8 are there; copy or download/);
  assertRefused({ a: vector(0, 2 ** 50) }, /truncated: its tensors need 1125899906842624 bytes/);
  assertRefused({ a: vector(0, 4) }, /malformed: 4 bytes at its end belong to no tensor/);
  assertRefused({}, /malformed: 8 bytes at its end belong to no tensor/);
});

test('a tensor whose description is not right is refused', () => {
  for (const description of [5, null, [], 'F32'])
    assertRefused({ a: description }, /"a" is not described by an object/);
  for (const dtype of ['F31', 'f32', 'toString', 5, null, undefined])
    assertRefused({ a: vector(0, 8, { dtype }) }, /"a" has the unknown type/);
  for (const shape of [[-2], [1.5], ['2'], 2, null, undefined, [[2]], { 0: 2 }, [2 ** 60]])
    assertRefused({ a: vector(0, 8, { shape }) }, /"a" has the shape/);
  for (const offsets of [[0], [0, 4, 8], [8, 0], [-4, 4], [0, 8.5], ['0', '8'], null, undefined, 8])
    assertRefused({ a: vector(0, 8, { data_offsets: offsets }) }, /"a" has the offsets/);
  assertRefused({ a: vector(0, 8, { shape: [3] }) }, /"a" needs 12 bytes for its shape, but has 8/);
  assertRefused({ a: vector(0, 8, { dtype: 'BF16' }) }, /"a" needs 4 bytes for its shape, but has 8/);
  assertRefused({ 'a\nb': 5 }, /"a\\nb" is not described/);
});

test('names that come twice are refused, at every level', () => {
  const a = JSON.stringify(vector(0, 8));
  assertRefused(`{"a":${a},"a":${a}}`, /malformed: its header has the name "a" twice/);
  assertRefused(`{"a":${a}, "\\u0061" :${a}}`, /the name "a" twice/);
  assertRefused(`{"a":{"dtype":"I8",${a.slice(1)}}`, /the name "dtype" twice/);
  assertRefused(`{"__metadata__":{"x":"1","x":"2"},"a":${a}}`, /the name "x" twice/);
  // Equal texts that are not both names of one object.
  craft(`{"__metadata__":{"a":"a","b":"a"},"a":${a}}`, new Uint8Array(8));
  openSafetensors(path).close();
});

test('metadata is a table of texts', () => {
  for (const metadata of [5, null, [], { a: 1 }, { a: null }, { a: {} }])
    assertRefused({ __metadata__: metadata }, /has a "__metadata__" that is not a table of texts/, new Uint8Array(0));
  // Long enough to overflow the stack of a regular expression.
  const note = '\\"'.repeat(10_000_000);
  craft({ __metadata__: { note } });
  const file = openSafetensors(path);
  assert.equal(file.metadata.note, note);
  file.close();
});

test('a file of the reference implementation that is cut off anywhere is refused', () => {
  const whole = readFileSync(typesPath);
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    assert.throws(() => openSafetensors(path), userError(/is truncated|has only \d bytes/), String(length));
  }
});

test('a file that shrinks after it was opened is noticed', () => {
  craft({ a: vector(0, 8) }, new Uint8Array(8));
  const file = openSafetensors(path);
  truncateSync(path, statSync(path).size - 1);
  assert.throws(() => file.tensors.get('a')?.read(), userError(/"a" in .* ends too early/));
  file.close();
});
