/**
 * The safetensors format: eight bytes with the header's length, a JSON header, then all values, little-endian and row-major. What is
 * read is checked as the reference implementation checks it: offsets in order, without overlap or hole, and exactly to the file's end.
 * PyTorch's own files are opened as well (`torch-file.ts`).
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { UserError } from '../errors';
import { writeFileAtomic } from '../files';
import { bytesToTell, otherFormat } from './other-formats';
import { readTorchHeader, readTorchTensor } from './torch-file';

const typeBytes = {
  ...{ F64: 8, F32: 4, F16: 2, BF16: 2, F8_E5M2: 1, F8_E4M3: 1 },
  ...{ I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U32: 4, U16: 2, U8: 1, BOOL: 1 },
} as const;
export type SafetensorsType = keyof typeof typeBytes;

/** Types that are read, all as float32. */
const readable: readonly string[] = ['F32', 'F16', 'BF16'];
const longestHeader = 100_000_000;

export interface StoredTensor {
  readonly type: SafetensorsType;
  readonly shape: readonly number[];
  /** Values as float32, widened exactly from F16 and BF16. */
  read(): Float32Array;
}

export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  close(): void;
}

/**
 * Opens a file and checks its header; values are read one tensor at a time.
 * @throws UserError in one line where the file is malformed
 */
export function openSafetensors(path: string): SafetensorsFile {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    throw new UserError(`${path} cannot be opened (${(error as NodeJS.ErrnoException).code}): check the path.`);
  }
  try {
    if (!fstatSync(descriptor).isFile())
      throw new UserError(`${path} is not a file: give the path of a .safetensors file.`);
    if (isTorchFile(descriptor)) return openTorchFile(descriptor, path);
    const { header, dataOffset, dataBytes } = readHeader(descriptor, path);
    const { entries, metadata } = checkHeader(header, dataBytes, path);
    const tensors = new Map(
      entries.map(({ name, type, shape, begin, end }): [string, StoredTensor] => [
        name,
        {
          type,
          shape,
          read: () =>
            readValues(
              descriptor,
              { type, offset: dataOffset + begin, bytes: end - begin },
              `${JSON.stringify(name)} in ${path}`,
            ),
        },
      ]),
    );
    return { tensors, metadata, close: () => closeSync(descriptor) };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function isTorchFile(descriptor: number): boolean {
  const begin = Buffer.alloc(4);
  return readSync(descriptor, begin, 0, 4, 0) === 4 && begin.toString('latin1') === 'PK\x03\x04';
}

/** A state dict of `torch.save` has the same: tensors by name. */
function openTorchFile(descriptor: number, path: string): SafetensorsFile {
  const tensors = new Map(
    [...readTorchHeader(descriptor, path)].map(([name, tensor]): [string, StoredTensor] => {
      const { type, shape } = tensor;
      const source = `${JSON.stringify(name)} in ${path}`;
      return [
        name,
        { type, shape, read: () => asFloat32(readTorchTensor(descriptor, tensor, typeBytes[type]), type, source) },
      ];
    }),
  );
  return { tensors, metadata: {}, close: () => closeSync(descriptor) };
}

/** All values of a file, by name. @throws UserError in one line where the file is malformed */
export function readSafetensors(path: string): Map<string, Float32Array> {
  const file = openSafetensors(path);
  try {
    return new Map([...file.tensors].map(([name, tensor]) => [name, tensor.read()]));
  } finally {
    file.close();
  }
}

export type Float32Tensors = ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;

/** Writes tensors, atomically, in the order of the map: as they are, or rounded to float16. */
export function writeSafetensors(
  path: string,
  tensors: Float32Tensors,
  metadata: Readonly<Record<string, string>> = {},
  type: WrittenType = 'F32',
): void {
  writeFileAtomic(path, encodeSafetensors(tensors, metadata, type));
}

export type WrittenType = 'F32' | 'F16';

/** The bytes of a file in parts, one after the other; the values are not copied. */
function encodeSafetensors(
  tensors: Float32Tensors,
  metadata: Readonly<Record<string, string>>,
  type: WrittenType,
): Uint8Array[] {
  for (const [name, { shape, values }] of tensors) {
    const count = sizeOf(shape);
    if (values.length !== count)
      throw new Error(`"${name}" has ${values.length} values, but its shape (${shape.join(', ')}) needs ${count}.`);
  }
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const parts = [...tensors.values()].map(({ values }) => {
    const { buffer, byteOffset, byteLength } = type === 'F16' ? narrowFloat16(values) : values;
    return new Uint8Array(buffer, byteOffset, byteLength);
  });
  return [...safetensorsHeader(shapes, metadata, type), ...parts];
}

/** Not a tensor but texts about the file. */
const metadataName = '__metadata__';

/** What a file of tensors begins with; their values follow in the order of the map, without anything between them. */
export function safetensorsHeader(
  shapes: ReadonlyMap<string, readonly number[]>,
  metadata: Readonly<Record<string, string>> = {},
  type: WrittenType = 'F32',
): Uint8Array[] {
  let offset = 0;
  const entries = [...shapes].map(([name, shape]) => {
    if (name === metadataName) throw new Error(`No tensor may be called ${metadataName}.`);
    const begin = offset;
    offset += sizeOf(shape) * typeBytes[type];
    return [name, { dtype: type, shape, data_offsets: [begin, offset] }] as const;
  });
  const json = Buffer.from(JSON.stringify(Object.fromEntries([[metadataName, metadata], ...entries])));
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' '); // values stay aligned
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return [length, padded];
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function readHeader(descriptor: number, path: string): { header: string; dataOffset: number; dataBytes: number } {
  const { size } = fstatSync(descriptor);
  const prefix = Buffer.alloc(Math.min(size, bytesToTell));
  readSync(descriptor, prefix, 0, prefix.length, 0);
  const length = size < 8 ? Infinity : Number(prefix.readBigUInt64LE());
  if (8 + length > size || prefix[8] !== 0x7b) {
    const other = otherFormat(prefix, path);
    if (other !== undefined) throw new UserError(other);
  }
  if (size < 8) throw new UserError(`${path} is not a safetensors file: it has only ${size} bytes.`);
  if (length > longestHeader)
    throw new UserError(
      `${path} is not a safetensors file: its header would have ${length} bytes (at most ${longestHeader}).`,
    );
  if (8 + length > size)
    throw new UserError(
      `${path} is truncated: its header has ${length} bytes, the file ${size}; copy or download it again.`,
    );
  const header = Buffer.alloc(length);
  readSync(descriptor, header, 0, length, 8);
  return { header: decode(header, path), dataOffset: 8 + length, dataBytes: size - 8 - length };
}

function decode(header: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
  } catch {
    throw new UserError(`${path} is not a safetensors file: its header is no UTF-8 text.`);
  }
}

interface Entry {
  readonly name: string;
  readonly type: SafetensorsType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function checkHeader(
  text: string,
  dataBytes: number,
  path: string,
): { entries: Entry[]; metadata: Record<string, string> } {
  const parsed = parseObject(text, path);
  const { [metadataName]: metadata = {}, ...described } = parsed;
  if (!isObject(metadata) || Object.values(metadata).some((value) => typeof value !== 'string')) {
    throw new UserError(`${path} has a "__metadata__" that is not a table of texts.`);
  }
  const entries = Object.entries(described).map(([name, description]) => checkEntry(name, description, path));
  let end = 0;
  for (const entry of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (entry.begin < end)
      throw new UserError(
        `${path} is malformed: the values of ${JSON.stringify(entry.name)} overlap those before them.`,
      );
    if (entry.begin > end)
      throw new UserError(
        `${path} is malformed: there is a hole of ${entry.begin - end} bytes before ${JSON.stringify(entry.name)}.`,
      );
    end = entry.end;
  }
  if (end > dataBytes)
    throw new UserError(
      `${path} is truncated: its tensors need ${end} bytes, ${dataBytes} are there; copy or download it again.`,
    );
  if (end < dataBytes)
    throw new UserError(`${path} is malformed: ${dataBytes - end} bytes at its end belong to no tensor.`);
  return { entries, metadata: metadata as Record<string, string> };
}

function checkEntry(name: string, description: unknown, path: string): Entry {
  const malformed = (why: string): UserError => new UserError(`${path} is malformed: ${JSON.stringify(name)} ${why}.`);
  if (!isObject(description)) throw malformed('is not described by an object');
  const { dtype, shape, data_offsets: offsets } = description;
  if (typeof dtype !== 'string' || !Object.hasOwn(typeBytes, dtype))
    throw malformed(`has the unknown type ${JSON.stringify(dtype)}`);
  if (!isSizes(shape)) throw malformed(`has the shape ${JSON.stringify(shape)}`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1])
    throw malformed(`has the offsets ${JSON.stringify(offsets)}`);
  const type = dtype as SafetensorsType;
  const bytes = shape.reduce((product, size) => product * size, typeBytes[type]);
  if (bytes !== offsets[1] - offsets[0])
    throw malformed(`needs ${bytes} bytes for its shape, but has ${offsets[1] - offsets[0]}`);
  return { name, type, shape, begin: offsets[0], end: offsets[1] };
}

/** JSON.parse keeps the last of two equal names without a word, so names are counted in the text. */
function parseObject(text: string, path: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    // The message quotes the header, line breaks included.
    const why = (error as Error).message.replace(/\s+/g, ' ');
    throw new UserError(`${path} is not a safetensors file: its header is no JSON (${why}).`);
  }
  if (!isObject(parsed)) throw new UserError(`${path} is not a safetensors file: its header is no JSON object.`);
  const duplicate = firstDuplicate(text);
  if (duplicate !== undefined)
    throw new UserError(`${path} is malformed: its header has the name ${JSON.stringify(duplicate)} twice.`);
  return parsed;
}

/** The first name that an object of valid JSON, at any level, has twice. Not by a regular expression: long texts overflow its stack. */
function firstDuplicate(text: string): string | undefined {
  const levels: Set<string>[] = [];
  const colon = /\s*:/y;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === '{' || sign === '[') levels.push(new Set());
    else if (sign === '}' || sign === ']') levels.pop();
    else if (sign === '"') {
      const begin = at++;
      while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
      colon.lastIndex = at + 1;
      if (!colon.test(text)) continue; // a value, not a name
      const name = JSON.parse(text.slice(begin, at + 1)) as string;
      const names = levels[levels.length - 1];
      if (names.has(name)) return name;
      names.add(name);
    }
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}

function readValues(
  descriptor: number,
  { type, offset, bytes }: { type: SafetensorsType; offset: number; bytes: number },
  source: string,
): Float32Array {
  const buffer = new Uint8Array(bytes);
  for (let done = 0; done < bytes;) {
    const read = readSync(descriptor, buffer, done, Math.min(bytes - done, 1 << 30), offset + done);
    if (read === 0) throw new UserError(`${source} ends too early: the file was changed while it was read.`);
    done += read;
  }
  return asFloat32(buffer, type, source);
}

function asFloat32(buffer: Uint8Array, type: SafetensorsType, source: string): Float32Array {
  if (!readable.includes(type))
    throw new UserError(`${source} is of type ${type}; ${readable.join(', ')} can be read.`);
  if (type === 'F32') return new Float32Array(buffer.buffer);
  const halves = new Uint16Array(buffer.buffer);
  return type === 'BF16' ? widenBfloat16(halves) : widenFloat16(halves);
}

function widenBfloat16(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  for (let index = 0; index < halves.length; index++) bits[index] = halves[index] << 16;
  return new Float32Array(bits.buffer);
}

function widenFloat16(halves: Uint16Array): Float32Array {
  ofHalves ??= Float32Array.from({ length: 65_536 }, (_, half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  const values = new Float32Array(halves.length);
  for (let index = 0; index < halves.length; index++) values[index] = ofHalves[halves[index]];
  return values;
}

/** What each float16 is, made when the first is read: a network has millions of them. */
let ofHalves: Float32Array | undefined;

/** To the nearest float16, of two the one that ends in 0; beyond the largest, infinity. */
export function narrowFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.slice().buffer);
  return new Uint16Array(
    bits.map((word, index) => {
      const sign = (word >>> 16) & 0x8000;
      const size = Math.abs(values[index]);
      if (Number.isNaN(size)) return sign | 0x7e00;
      if (size >= 65520) return sign | 0x7c00;
      // Below 2⁻¹⁴, steps are 2⁻²⁴ wide; above, 2⁻¹⁰ of the power of two.
      const exponent = size < 2 ** -14 ? -14 : ((word >>> 23) & 0xff) - 127;
      const steps = roundHalfToEven(size * 2 ** (10 - exponent));
      return sign | (size < 2 ** -14 ? steps : ((exponent + 14) << 10) + steps);
    }),
  );
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
