/**
 * PyTorch's own files (`torch.save` since 1.6): a zip archive with a pickle, which names tensors, and a member for each
 * storage. A pickle is a program. Here it is read as data: of what it may call, only what rebuilds tensors and
 * dictionaries is known, and nothing is run; anything else is an error. After `torch.load(…, weights_only=True)`.
 */
import { fstatSync, readSync } from 'node:fs';
import { printable, UserError } from '../errors';
import type { SafetensorsType } from './safetensors';

/** A tensor among the values of its storage, which several may share. */
export interface TorchTensor {
  readonly type: SafetensorsType;
  readonly shape: readonly number[];
  /** In values. */
  readonly strides: readonly number[];
  readonly offset: number;
  /** Where the storage begins in the file, and its bytes. */
  readonly storage: { readonly at: number; readonly bytes: number };
}

const storageTypes: Readonly<Record<string, SafetensorsType>> = {
  ...{ 'torch DoubleStorage': 'F64', 'torch FloatStorage': 'F32', 'torch HalfStorage': 'F16' },
  ...{ 'torch BFloat16Storage': 'BF16', 'torch LongStorage': 'I64', 'torch IntStorage': 'I32' },
  ...{ 'torch ShortStorage': 'I16', 'torch CharStorage': 'I8', 'torch ByteStorage': 'U8', 'torch BoolStorage': 'BOOL' },
};

/**
 * The tensors of a file by name: of the dictionary that it holds, or of its part `state_dict` or `model`.
 * @throws UserError for what is no such file, and for a pickle that asks for anything but tensors
 */
export function readTorchHeader(descriptor: number, path: string): Map<string, TorchTensor> {
  const members = zipMembers(descriptor, path);
  const pickle = [...members].find(([name]) => name.endsWith('/data.pkl'));
  if (pickle === undefined)
    throw new UserError(`${path} is a zip archive, but holds no data.pkl: it is no file of torch.save.`);
  const [name, { at, bytes }] = pickle;
  const folder = name.slice(0, -'data.pkl'.length);
  const root = unpickle(readAt(descriptor, at, bytes), path);
  const tensors = new Map<string, TorchTensor>();
  for (const [key, value] of stateOf(root)) {
    if (!(value instanceof Rebuilt) || typeof key !== 'string') continue;
    const storage = members.get(`${folder}data/${value.storage.key}`);
    if (storage === undefined)
      throw new UserError(`${path} is damaged: the values of ${printable(key)} are not in it.`);
    const { type, shape, strides, offset } = value;
    tensors.set(key, { type, shape, strides, offset, storage });
  }
  if (tensors.size === 0) throw new UserError(`${path} has no tensors by name: save a state_dict.`);
  return tensors;
}

const mostRepeatedBytes = 64e6;

/** The values in row-major order, as the bytes of their type. */
export function readTorchTensor(
  descriptor: number,
  { type, shape, strides, offset, storage }: TorchTensor,
  size: number,
): Uint8Array {
  const count = shape.reduce((product, length) => product * length, 1);
  const last = shape.reduce((sum, length, axis) => sum + Math.max(0, length - 1) * strides[axis], offset);
  if (count > 0 && (last + 1) * size > storage.bytes)
    throw new UserError(`A tensor of ${shape.join('×')} ${type} reaches beyond its storage: the file is damaged.`);
  // By strides of 0, a few bytes may stand for any number of values.
  if (count * size > Math.max(storage.bytes, mostRepeatedBytes))
    throw new UserError(
      `A tensor of ${shape.join('×')} ${type} repeats the ${storage.bytes} bytes of its storage: save it with .contiguous().`,
    );
  const values = new Uint8Array(count * size);
  if (count === 0) return values;
  let dense = 1;
  const isRowMajor = [...shape.keys()].reverse().every((axis) => {
    const expected = dense;
    dense *= shape[axis];
    return shape[axis] === 1 || strides[axis] === expected;
  });
  if (isRowMajor) return readAt(descriptor, storage.at + offset * size, values.length);
  const all = readAt(descriptor, storage.at, storage.bytes);
  const index = shape.map(() => 0);
  for (let to = 0; to < count; to++) {
    const from = index.reduce((sum, place, axis) => sum + place * strides[axis], offset);
    values.set(all.subarray(from * size, (from + 1) * size), to * size);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return values;
}

function readAt(descriptor: number, at: number, bytes: number): Uint8Array {
  const buffer = new Uint8Array(bytes);
  for (let done = 0; done < bytes;) {
    const read = readSync(descriptor, buffer, done, Math.min(bytes - done, 1 << 30), at + done);
    if (read === 0) throw new UserError('The file ends too early: it was changed while it was read.');
    done += read;
  }
  return buffer;
}

/** Members of a zip archive, which are stored as they are: where each begins in the file, and its bytes. */
function zipMembers(descriptor: number, path: string): Map<string, { readonly at: number; readonly bytes: number }> {
  const { size } = fstatSync(descriptor);
  const tailBytes = Math.min(size, 65_557);
  const tail = Buffer.from(readAt(descriptor, size - tailBytes, tailBytes));
  const end = tail.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (end < 0 || end + 22 > tail.length)
    throw new UserError(
      `${path} is truncated: the list at the end of its archive is missing; copy or download it again.`,
    );
  const [count, bytes, at] = [tail.readUInt16LE(end + 10), tail.readUInt32LE(end + 12), tail.readUInt32LE(end + 16)];
  if (at === 0xffffffff || count === 0xffff)
    throw new UserError(`${path} has more than 4 GB, which is not read: save its tensors with safetensors.`);
  if (at + bytes > size) throw new UserError(`${path} is damaged: its archive's list lies beyond its end.`);
  const list = Buffer.from(readAt(descriptor, at, bytes));
  const members = new Map<string, { at: number; bytes: number }>();
  for (let entry = 0, place = 0; entry < count; entry++) {
    if (place + 46 > list.length || list.readUInt32LE(place) !== 0x02014b50)
      throw new UserError(`${path} is damaged: entry ${entry} of its archive's list is none.`);
    const [method, stored] = [list.readUInt16LE(place + 10), list.readUInt32LE(place + 20)];
    const lengths = [28, 30, 32].map((field) => list.readUInt16LE(place + field));
    const name = list.toString('utf8', place + 46, place + 46 + lengths[0]);
    const header = list.readUInt32LE(place + 42);
    if (method !== 0) throw new UserError(`${path} is a compressed archive, not a file of torch.save.`);
    if (header + 30 > size) throw new UserError(`${path} is damaged: ${printable(name)} lies beyond its end.`);
    const local = Buffer.from(readAt(descriptor, header, 30));
    const begin = header + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
    if (begin + stored > size)
      throw new UserError(`${path} is truncated: ${printable(name)} lies beyond its end; copy or download it again.`);
    members.set(name, { at: begin, bytes: stored });
    place += 46 + lengths[0] + lengths[1] + lengths[2];
  }
  return members;
}

/** The name of something that a pickle would call. */
class Global {
  constructor(readonly name: string) {}
}

interface StorageName {
  readonly type: SafetensorsType;
  readonly key: string;
}

class Rebuilt {
  constructor(
    readonly storage: StorageName,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
  get type(): SafetensorsType {
    return this.storage.type;
  }
}

type Value = null | boolean | number | string | Value[] | Map<Value, Value> | Global | Rebuilt | StorageName;

const isNumbers = (value: Value | undefined): value is number[] =>
  Array.isArray(value) && value.every((one) => Number.isSafeInteger(one) && Number(one) >= 0);

/** Runs the few operations that dictionaries of tensors are made of. */
function unpickle(bytes: Uint8Array, path: string): Value {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const refuse = (why: string): UserError =>
    new UserError(
      `${path} is not read: its pickle ${why}, and pickles can run programs. Save its tensors alone: torch.save(model.state_dict(), FILE).`,
    );
  const stack: Value[] = [];
  const marks: number[] = [];
  const memo = new Map<number, Value>();
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > data.length) throw new UserError(`${path} is damaged: its pickle ends too early.`);
    return data.subarray(at, (at += length));
  };
  const byte = (): number => take(1)[0];
  const line = (): string => {
    const end = data.indexOf(10, at);
    if (end < 0) throw new UserError(`${path} is damaged: its pickle ends too early.`);
    const text = data.toString('utf8', at, end);
    at = end + 1;
    return text;
  };
  const pop = (): Value => {
    const value = stack.pop();
    if (value === undefined) throw refuse('takes what is not there');
    return value;
  };
  const popMark = (): Value[] => stack.splice(marks.pop() ?? 0);
  const recall = (index: number): void => {
    const value = memo.get(index);
    if (value === undefined) throw refuse('recalls what it has not kept');
    stack.push(value);
  };
  const setItems = (items: readonly Value[]): void => {
    const target = stack[stack.length - 1];
    if (!(target instanceof Map)) throw refuse('fills what is no dictionary');
    for (let item = 0; item + 1 < items.length; item += 2) target.set(items[item], items[item + 1]);
  };
  const append = (items: readonly Value[]): void => {
    const target = stack[stack.length - 1];
    if (!Array.isArray(target)) throw refuse('fills what is no list');
    for (const item of items) target.push(item);
  };
  const call = (callee: Value, given: Value): Value => {
    const name = callee instanceof Global ? callee.name : 'a value';
    const values = Array.isArray(given) ? given : [];
    if (name === 'collections OrderedDict') return new Map();
    if (name === 'torch._utils _rebuild_parameter' && values[0] instanceof Rebuilt) return values[0];
    const [storage, offset, shape, strides] = values;
    if (name !== 'torch._utils _rebuild_tensor_v2') throw refuse(`calls ${printable(name)}`);
    if (
      !isStorage(storage) ||
      !isNumbers([offset]) ||
      !isNumbers(shape) ||
      !isNumbers(strides) ||
      shape.length !== strides.length
    )
      throw refuse('describes a tensor that is none');
    return new Rebuilt(storage, Number(offset), shape, strides);
  };
  const storageOf = (given: Value): StorageName => {
    const [kind, type, key] = Array.isArray(given) ? given : [];
    const known = type instanceof Global ? storageTypes[type.name] : undefined;
    if (kind !== 'storage' || known === undefined || typeof key !== 'string')
      throw refuse('names a storage of a kind that is not known');
    return { type: known, key };
  };
  const operations: Readonly<Record<number, () => void>> = {
    0x80: () => byte(), // PROTO
    0x7d: () => stack.push(new Map()), // EMPTY_DICT
    0x5d: () => stack.push([]), // EMPTY_LIST
    0x29: () => stack.push([]), // EMPTY_TUPLE
    0x28: () => marks.push(stack.length), // MARK
    0x4e: () => stack.push(null), // NONE
    0x88: () => stack.push(true), // NEWTRUE
    0x89: () => stack.push(false), // NEWFALSE
    0x4b: () => stack.push(byte()), // BININT1
    0x4d: () => stack.push(take(2).readUInt16LE()), // BININT2
    0x4a: () => stack.push(take(4).readInt32LE()), // BININT
    0x47: () => stack.push(take(8).readDoubleBE()), // BINFLOAT
    0x8a: () => stack.push(longOf(take(byte()))), // LONG1
    0x58: () => stack.push(take(take(4).readUInt32LE()).toString('utf8')), // BINUNICODE
    0x8c: () => stack.push(take(byte()).toString('utf8')), // SHORT_BINUNICODE
    0x63: () => stack.push(new Global(`${line()} ${line()}`)), // GLOBAL
    0x71: () => memo.set(byte(), stack[stack.length - 1]), // BINPUT
    0x72: () => memo.set(take(4).readUInt32LE(), stack[stack.length - 1]), // LONG_BINPUT
    0x68: () => recall(byte()), // BINGET
    0x6a: () => recall(take(4).readUInt32LE()), // LONG_BINGET
    0x74: () => stack.push(popMark()), // TUPLE
    0x85: () => stack.push(stack.splice(-1)), // TUPLE1
    0x86: () => stack.push(stack.splice(-2)), // TUPLE2
    0x87: () => stack.push(stack.splice(-3)), // TUPLE3
    0x51: () => stack.push(storageOf(pop())), // BINPERSID
    0x52: () => {
      const given = pop();
      stack.push(call(pop(), given)); // REDUCE
    },
    0x75: () => setItems(popMark()), // SETITEMS
    0x73: () => setItems(stack.splice(-2)), // SETITEM
    0x65: () => append(popMark()), // APPENDS
    0x61: () => append(stack.splice(-1)), // APPEND
    0x62: () => {
      if (pop() instanceof Global || !(stack[stack.length - 1] instanceof Map))
        throw refuse('changes what is no dictionary'); // BUILD
    },
  };
  for (;;) {
    const code = byte();
    if (code === 0x2e) return pop(); // STOP
    const operation = operations[code];
    if (operation === undefined) throw refuse(`has the operation 0x${code.toString(16)}`);
    operation();
  }
}

function isStorage(value: Value | undefined): value is StorageName {
  return (
    typeof value === 'object' && value !== null && 'key' in value && 'type' in value && !(value instanceof Rebuilt)
  );
}

/** Little-endian, two's complement. */
function longOf(bytes: Buffer): number {
  let value = 0;
  for (let index = bytes.length - 1; index >= 0; index--) value = value * 256 + bytes[index];
  return bytes.length > 0 && bytes[bytes.length - 1] >= 128 ? value - 256 ** bytes.length : value;
}

function stateOf(root: Value): Map<Value, Value> {
  if (!(root instanceof Map)) return new Map();
  const inner = ['state_dict', 'model'].map((name) => root.get(name)).find((value) => value instanceof Map);
  return inner instanceof Map ? inner : root;
}
