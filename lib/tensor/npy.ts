import { UserError } from '../errors';

/** Element types that are read: NumPy's kind and width in bytes, little-endian. */
export const npyTypes = {
  '|u1': { bytes: 1, kind: 'unsigned' },
  '|i1': { bytes: 1, kind: 'integer' },
  '|b1': { bytes: 1, kind: 'boolean' },
  '<u2': { bytes: 2, kind: 'unsigned' },
  '<i2': { bytes: 2, kind: 'integer' },
  '<u4': { bytes: 4, kind: 'unsigned' },
  '<i4': { bytes: 4, kind: 'integer' },
  '<u8': { bytes: 8, kind: 'unsigned' },
  '<i8': { bytes: 8, kind: 'integer' },
  '<f4': { bytes: 4, kind: 'float' },
  '<f8': { bytes: 8, kind: 'float' },
} as const;

export type NpyType = keyof typeof npyTypes;

export interface NpyHeader {
  readonly type: NpyType;
  readonly shape: readonly number[];
  /** Where the values begin, in bytes from the start of the .npy. */
  readonly dataOffset: number;
}

/** Longest header that is looked at; NumPy itself refuses more than 10,000 bytes. */
export const longestNpyHeader = 65_536 + 12;

/**
 * Reads the header of an .npy file (NumPy's format 1.0–3.0) from its first bytes.
 * @param source for messages
 * @throws UserError where it is no .npy, or of an element type or order that is not read
 */
export function parseNpyHeader(bytes: Uint8Array, source: string): NpyHeader {
  const { type, ...header } = readNpyHeader(bytes, source);
  if (textType.test(type)) {
    throw new UserError(
      `${source} holds text (${type}), not numbers: number the names with "names, labels = numpy.unique(labels, return_inverse=True)" over all splits, and save names as class_names.`,
    );
  }
  if (!Object.hasOwn(npyTypes, type)) {
    throw new UserError(
      `${source} holds values of type ${type}; numbers in little-endian order (${Object.keys(npyTypes).join(', ')}) can be read: convert it with .astype.`,
    );
  }
  return { ...header, type: type as NpyType };
}

/** NumPy's texts: of a fixed number of characters of four bytes, or of bytes. */
const textType = /^(<U|\|S)(\d+)$/;

/**
 * The texts of an .npy file of one or more of them.
 * @param source for messages
 * @throws UserError where it holds something else
 */
export function readNpyTexts(bytes: Uint8Array, source: string): string[] {
  const { type, dataOffset, shape } = readNpyHeader(bytes, source);
  const match = textType.exec(type);
  if (match === null)
    throw new UserError(`${source} holds values of type ${type}, but names are text: save it with numpy.array(names).`);
  const [, kind, length] = match;
  const width = Number(length) * (kind === '<U' ? 4 : 1);
  const count = shape.reduce((product, size) => product * size, 1);
  const damaged = `${source} is damaged: copy or save it again.`;
  if (!(dataOffset + count * width <= bytes.length && count <= bytes.length)) throw new UserError(damaged);
  return Array.from({ length: count }, (_, index) => {
    const start = bytes.byteOffset + dataOffset + index * width;
    const cell = Buffer.from(bytes.buffer, start, width);
    if (kind === '|S') return cell.toString('utf8').replace(/\0+$/, '');
    const codes = Array.from({ length: width / 4 }, (__, at) => cell.readUInt32LE(4 * at)).filter((code) => code > 0);
    if (codes.some((code) => code > 0x10ffff)) throw new UserError(damaged);
    return codes.map((code) => String.fromCodePoint(code)).join('');
  });
}

/** Texts as an .npy file's type and values, which NumPy reads as an array of str. */
export function npyTexts(texts: readonly string[]): { readonly type: `<U${number}`; readonly bytes: Uint8Array } {
  const codes = texts.map((text) => [...text].map((character) => character.codePointAt(0) ?? 0));
  const width = Math.max(1, ...codes.map(({ length }) => length));
  const bytes = Buffer.alloc(4 * width * texts.length);
  codes.forEach((ofText, index) => ofText.forEach((code, at) => bytes.writeUInt32LE(code, 4 * (index * width + at))));
  return { type: `<U${width}`, bytes };
}

function readNpyHeader(bytes: Uint8Array, source: string): Omit<NpyHeader, 'type'> & { readonly type: string } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (bytes.length < 12 || magic.some((byte, index) => bytes[index] !== byte)) {
    throw new UserError(`${source} is not a NumPy array (.npy): save it with numpy.save or numpy.savez.`);
  }
  const major = bytes[6];
  if (major < 1 || major > 3)
    throw new UserError(`${source} is of .npy version ${major}, but 1 to 3 can be read: save it with numpy.save.`);
  const start = major === 1 ? 10 : 12;
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > longestNpyHeader)
    throw new UserError(`${source} has a header of ${length} bytes, too long for an array: save it with numpy.save.`);
  if (start + length > bytes.length)
    throw new UserError(`${source} is cut off within its header: copy or download it again.`);
  const header = Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('latin1');
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (!header.includes("'descr':") || order === undefined || shapeText === undefined)
    throw new UserError(`${source} has an unreadable header: save it again with numpy.save.`);
  const shape = parseShape(shapeText);
  if (shape === undefined)
    throw new UserError(`${source} has the shape (${shapeText.replace(/\s+/g, ' ')}), which is none: save it again.`);
  // The type of records is a list.
  const type = /'descr':\s*'([^'\s]*)'/.exec(header)?.[1] ?? 'record';
  if (order === 'True' && shape.length > 1) {
    throw new UserError(`${source} is stored column by column (Fortran order): save numpy.ascontiguousarray of it.`);
  }
  return { type, shape, dataOffset: start + length };
}

/** A tuple as Python writes it, `3, 4` or `3,`; a single number without a comma would be no tuple. */
function parseShape(text: string): number[] | undefined {
  if (!/^\s*(\d+\s*,\s*)*(\d+\s*)?$/.test(text) || /^\s*\d+\s*$/.test(text)) return undefined;
  const sizes = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(Number);
  return sizes.every(Number.isSafeInteger) ? sizes : undefined;
}

/** The values of an integer, boolean or integral float array as 32-bit integers; what does not fit is a `UserError`. */
export function toInt32(bytes: Uint8Array, type: NpyType, source: string): Int32Array {
  const { bytes: width, kind } = npyTypes[type];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read: Record<string, (offset: number) => number> = {
    'unsigned 1': (offset) => view.getUint8(offset),
    'boolean 1': (offset) => view.getUint8(offset),
    'integer 1': (offset) => view.getInt8(offset),
    'unsigned 2': (offset) => view.getUint16(offset, true),
    'integer 2': (offset) => view.getInt16(offset, true),
    'unsigned 4': (offset) => view.getUint32(offset, true),
    'integer 4': (offset) => view.getInt32(offset, true),
    'unsigned 8': (offset) => Number(view.getBigUint64(offset, true)),
    'integer 8': (offset) => Number(view.getBigInt64(offset, true)),
    'float 4': (offset) => view.getFloat32(offset, true),
    'float 8': (offset) => view.getFloat64(offset, true),
  };
  const readOne = read[`${kind} ${width}`];
  const values = new Int32Array(bytes.length / width);
  for (let index = 0; index < values.length; index++) {
    const value = readOne(index * width);
    values[index] = value;
    if (values[index] !== value)
      throw new UserError(
        `${source} has the value ${value} at position ${index}, which is no class number; of probabilities they are "labels = labels.argmax(1)".`,
      );
  }
  return values;
}

/**
 * The header of an .npy file (format 1.0), padded so that the values begin at a multiple of 64 bytes as NumPy does,
 * and to `shortest` bytes.
 */
export function npyHeader(type: string, shape: readonly number[], shortest = 0): Uint8Array {
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const length = Math.max(shortest, Math.ceil((10 + text.length + 1) / 64) * 64);
  const header = Buffer.alloc(length, ' ', 'latin1');
  Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]).copy(header);
  header.writeUInt16LE(length - 10, 8);
  header.write(text, 10, 'latin1');
  header[length - 1] = 0x0a;
  return header;
}
