/** ZIP files of any make, for the tests of the .npz reader. */
import { crc32, deflateRawSync } from 'node:zlib';
import { npyHeader } from '../../lib/tensor/npy';

/** An .npy of bytes. */
export function npy(shape: readonly number[], values: Uint8Array): Buffer {
  return Buffer.concat([npyHeader('|u1', shape), values]);
}

export interface ZipEntry {
  readonly name: string;
  readonly content: Uint8Array;
  readonly deflated?: boolean;
  /** Replaces the true one. */
  readonly crc?: number;
  readonly method?: number;
}

export const unknown32 = 0xffffffff;

function fields(entry: ZipEntry, compressed: number, size: number, extra: Buffer): Buffer {
  const bytes = Buffer.alloc(26);
  bytes.writeUInt16LE(45, 0);
  bytes.writeUInt16LE(entry.method ?? (entry.deflated ? 8 : 0), 4);
  bytes.writeUInt32LE(entry.crc ?? crc32(entry.content), 10);
  bytes.writeUInt32LE(compressed, 14);
  bytes.writeUInt32LE(size, 18);
  bytes.writeUInt16LE(entry.name.length, 22);
  bytes.writeUInt16LE(extra.length, 24);
  return bytes;
}

/** The extra field of ZIP64. */
function extra64(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 + 8 * values.length);
  bytes.writeUInt16LE(1, 0);
  bytes.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, index) => bytes.writeBigUInt64LE(BigInt(value), 4 + 8 * index));
  return bytes;
}

export function localHeader(entry: ZipEntry, compressed: number, size: number, zip64: boolean): Buffer {
  const extra = zip64 ? extra64(size, compressed) : Buffer.alloc(0);
  const known = zip64 ? fields(entry, unknown32, unknown32, extra) : fields(entry, compressed, size, extra);
  return Buffer.concat([Buffer.from('PK\x03\x04'), known, Buffer.from(entry.name), extra]);
}

export function centralHeader(
  entry: ZipEntry,
  compressed: number,
  size: number,
  offset: number,
  zip64: boolean,
): Buffer {
  const extra = zip64 ? extra64(size, compressed, offset) : Buffer.alloc(0);
  const known = zip64 ? fields(entry, unknown32, unknown32, extra) : fields(entry, compressed, size, extra);
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(zip64 ? unknown32 : offset, 10);
  return Buffer.concat([Buffer.from('PK\x01\x02\x2d\x00'), known, rest, Buffer.from(entry.name), extra]);
}

/** The end of a ZIP of `count` members whose directory of `size` bytes begins at `offset`. */
export function endRecords(count: number, size: number, offset: number, zip64: boolean): Buffer {
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(zip64 ? 0xffff : count, 8);
  end.writeUInt16LE(zip64 ? 0xffff : count, 10);
  end.writeUInt32LE(zip64 ? unknown32 : size, 12);
  end.writeUInt32LE(zip64 ? unknown32 : offset, 16);
  if (!zip64) return end;
  const record = Buffer.alloc(56);
  record.write('PK\x06\x06', 'latin1');
  record.writeBigUInt64LE(44n, 4);
  for (const at of [24, 32]) record.writeBigUInt64LE(BigInt(count), at);
  record.writeBigUInt64LE(BigInt(size), 40);
  record.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.write('PK\x06\x07', 'latin1');
  locator.writeBigUInt64LE(BigInt(offset + size), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([record, locator, end]);
}

export function zip(entries: readonly ZipEntry[], zip64 = false): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const data = entry.deflated ? deflateRawSync(entry.content) : Buffer.from(entry.content);
    const local = localHeader(entry, data.length, entry.content.length, zip64);
    directory.push(centralHeader(entry, data.length, entry.content.length, offset, zip64));
    parts.push(local, data);
    offset += local.length + data.length;
  }
  const size = Buffer.concat(directory).length;
  return Buffer.concat([...parts, ...directory, endRecords(entries.length, size, offset, zip64)]);
}
