import { crc32 } from 'node:zlib';
import { writeFileAtomic } from '../files';
import { npyHeader, npyTypes, type NpyType } from '../tensor/npy';

/** An array to be written: its values as little-endian bytes. */
export interface NpzArray {
  /** A type of numbers, or NumPy's for texts (`npyTexts`). */
  readonly type: NpyType | `<U${number}`;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const utf8Names = 0x0800;
/** 1980-01-01, the earliest date that ZIP knows: the same arrays always give the same file. */
const date = 0x21;

/** Writes an .npz with stored members, as numpy.savez does; up to 4 GiB in all. */
export function writeNpz(path: string, arrays: Readonly<Record<string, NpzArray>>): void {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { type, shape, bytes }] of Object.entries(arrays)) {
    const width = type.startsWith('<U') ? 4 * Number(type.slice(2)) : npyTypes[type as NpyType].bytes;
    const expected = shape.reduce((product, size) => product * size, width);
    if (bytes.length !== expected)
      throw new Error(`"${name}" has ${bytes.length} bytes, but its shape (${shape.join(', ')}) needs ${expected}.`);
    const header = npyHeader(type, shape);
    const size = header.length + bytes.length;
    const fileName = Buffer.from(`${name}.npy`);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version needed
    common.writeUInt16LE(utf8Names, 2);
    common.writeUInt16LE(0, 6); // time
    common.writeUInt16LE(date, 8);
    // zlib takes an empty array, whose memory may be at address 0, for the wish to begin anew.
    common.writeUInt32LE(bytes.length === 0 ? crc32(header) : crc32(bytes, crc32(header)), 10);
    common.writeUInt32LE(size, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(fileName.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, fileName]);
    const offsetField = Buffer.alloc(14);
    offsetField.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, offsetField, fileName]));
    parts.push(local, header, bytes);
    offset += local.length + size;
  }
  const directoryBytes = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(directoryBytes.length, 12);
  end.writeUInt32LE(offset, 16);
  writeFileAtomic(path, [...parts, directoryBytes, end]);
}
