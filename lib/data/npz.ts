/**
 * NumPy's .npz, a ZIP of .npy files, read where it lies: stored members at their offset in the file, deflated ones from a copy that is
 * unpacked once into the cache. Nothing is ever held in memory as a whole. ZIP64, and so files of more than 2³² bytes, included.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  createWriteStream,
  existsSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  statfsSync,
} from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import * as yauzlWithCallbacks from 'yauzl';
import { printable, UserError } from '../errors';
import { makeFolder, isUnchanged, temporarySibling } from '../files';
import { cacheDirectory } from '../paths';
import { foreignKind } from './foreign-file';
import { keepWithinLimit, markUsed } from './prepared-data';
import { longestNpyHeader, npyTypes, parseNpyHeader, readNpyTexts, type NpyHeader } from '../tensor/npy';

/** yauzl's promises, which its published types do not have yet. */
interface ZipFile extends Pick<yauzlWithCallbacks.ZipFile, 'close' | 'entryCount'> {
  eachEntry(): AsyncIterable<yauzlWithCallbacks.Entry>;
  openReadStreamPromise(entry: yauzlWithCallbacks.Entry): Promise<NodeJS.ReadableStream>;
  readLocalFileHeaderPromise(
    entry: yauzlWithCallbacks.Entry,
    options: { minimal: true },
  ): Promise<{ fileDataStart: number }>;
}
const yauzl = yauzlWithCallbacks as unknown as { openPromise(path: string, options: object): Promise<ZipFile> };

/** One array of an .npz. */
export interface NpzMember extends NpyHeader {
  readonly name: string;
  /** Copies the bytes of rows `start` … `start + count − 1` (along the first axis) into `target` at `targetOffset`. */
  readRows(start: number, count: number, target: Uint8Array, targetOffset?: number): void;
}

export interface NpzFile {
  readonly path: string;
  readonly members: ReadonlyMap<string, NpzMember>;
  /** The arrays of texts that were asked for. */
  readonly texts: ReadonlyMap<string, readonly string[]>;
  close(): void;
}

export interface NpzOptions {
  /** Where deflated members are unpacked; the project's cache by default. */
  readonly cacheDirectory?: string;
  /** Names of the members that matter; all by default. Others are neither unpacked nor looked at. */
  readonly only?: readonly string[];
  /** Names of members that hold texts. */
  readonly texts?: readonly string[];
}

/** Bytes of a member of texts, such as the names of classes, which is read as a whole. */
const longestTexts = 1 << 24;
const stored = 0;
const deflated = 8;
/** Of what zipfile writes and of newer programs. */
const otherMethods: Readonly<Record<number, string>> = {
  9: 'deflate64',
  12: 'bzip2',
  14: 'LZMA',
  93: 'Zstandard',
  95: 'XZ',
};

/**
 * Opens an .npz. Members are named without `.npy`. The file stays open until `close`.
 * @throws UserError where it is missing, truncated, damaged or no .npz
 */
export async function openNpz(path: string, options: NpzOptions = {}): Promise<NpzFile> {
  checkIsFile(path);
  const descriptors: number[] = [];
  const close = (): void => {
    for (const descriptor of descriptors.splice(0)) closeSync(descriptor);
  };
  const open = (file: string): number => {
    const descriptor = openSync(file, 'r');
    descriptors.push(descriptor);
    return descriptor;
  };
  try {
    return { path, ...(await readMembers(path, open, options)), close };
  } catch (error) {
    close();
    throw asUserError(error, path);
  }
}

/**
 * Reads everything in the file once and compares it with the CRCs that the file states: how many members there are, and the names of
 * those that are damaged. Opening a dataset does so for stored members, and for deflated ones when they are unpacked.
 * @throws UserError where the file is missing, truncated or no .npz
 */
export async function checkNpz(path: string): Promise<{ members: number; damaged: string[] }> {
  checkIsFile(path);
  try {
    const zip = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false });
    try {
      const damaged: string[] = [];
      for await (const entry of zip.eachEntry()) {
        checkMethod(entry, `"${printable(entry.fileName)}" in ${path}`, path);
        if (!(await isIntact(zip, entry))) damaged.push(entry.fileName);
      }
      return { members: zip.entryCount, damaged };
    } finally {
      zip.close();
    }
  } catch (error) {
    throw asUserError(error, path);
  }
}

/** An error that comes after another one, when nobody listens any more, would end the process. */
async function unpackedStream(zip: ZipFile, entry: yauzlWithCallbacks.Entry): Promise<NodeJS.ReadableStream> {
  const stream = await zip.openReadStreamPromise(entry);
  return stream.on('error', () => undefined);
}

async function isIntact(zip: ZipFile, entry: yauzlWithCallbacks.Entry): Promise<boolean> {
  const stream = await unpackedStream(zip, entry);
  let checksum = 0;
  try {
    for await (const piece of stream) checksum = crc32(piece, checksum);
  } catch (error) {
    if (isSystemError(error)) throw error;
    return false; // what was deflated cannot be inflated any more
  }
  return checksum === entry.crc32;
}

/**
 * SHA-256 of the file, and the names of the members whose bytes are not those that were saved: stored ones are compared with their CRCs on
 * the way. Deflated ones are, when they are unpacked.
 * @throws UserError where the file is missing, truncated or no .npz
 */
export async function hashNpz(path: string): Promise<{ sha256: string; damaged: string[] }> {
  checkIsFile(path);
  try {
    const ranges = await storedRanges(path);
    const hash = createHash('sha256');
    const buffer = new Uint8Array(1 << 20);
    const file = await openFile(path, 'r');
    try {
      for (let position = 0; ;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length);
        if (bytesRead === 0) break;
        const piece = buffer.subarray(0, bytesRead);
        hash.update(piece);
        for (const range of ranges) {
          const from = Math.max(range.start, position);
          const to = Math.min(range.end, position + bytesRead);
          if (from < to) range.checksum = crc32(piece.subarray(from - position, to - position), range.checksum);
        }
        position += bytesRead;
      }
    } finally {
      await file.close();
    }
    const damaged = ranges.filter(({ checksum, expected }) => checksum !== expected).map(({ name }) => name);
    return { sha256: hash.digest('hex'), damaged };
  } catch (error) {
    throw asUserError(error, path);
  }
}

async function storedRanges(path: string) {
  const zip = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false });
  try {
    const ranges: { name: string; start: number; end: number; expected: number; checksum: number }[] = [];
    for await (const entry of zip.eachEntry()) {
      if (entry.compressionMethod !== stored) continue;
      const { fileDataStart: start } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
      ranges.push({
        name: entry.fileName,
        start,
        end: start + entry.uncompressedSize,
        expected: entry.crc32,
        checksum: 0,
      });
    }
    return ranges;
  } finally {
    zip.close();
  }
}

function checkIsFile(path: string): void {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw new UserError(`There is no file ${path}: check the path.`);
  if (!status.isFile()) throw new UserError(`${path} is not a file: give the path of an .npz file.`);
}

async function readMembers(
  path: string,
  open: (file: string) => number,
  { only, texts: textNames = [], cacheDirectory: cache = join(cacheDirectory, 'unpacked') }: NpzOptions,
): Promise<Pick<NpzFile, 'members' | 'texts'>> {
  const zip = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false });
  try {
    const members = new Map<string, NpzMember>();
    const texts = new Map<string, readonly string[]>();
    const descriptor = open(path);
    for await (const entry of zip.eachEntry()) {
      if (!entry.fileName.endsWith('.npy')) continue;
      const name = entry.fileName.slice(0, -'.npy'.length);
      const isText = textNames.includes(name);
      if (only && !only.includes(name) && !isText) continue;
      const source = `"${printable(name)}" in ${path}`;
      const place = await placeOf(zip, entry, source, { path, descriptor, open, cache });
      if (isText) {
        if (entry.uncompressedSize > longestTexts)
          throw new UserError(
            `${source} would have ${entry.uncompressedSize} bytes of names: it is damaged; copy or save it again.`,
          );
        const bytes = new Uint8Array(entry.uncompressedSize);
        readFully(place.descriptor, bytes, 0, bytes.length, place.offset, source);
        texts.set(name, readNpyTexts(bytes, source));
      } else members.set(name, member(name, place.descriptor, place.offset, entry.uncompressedSize, source));
    }
    return { members, texts };
  } finally {
    zip.close();
  }
}

interface Opening {
  readonly path: string;
  readonly descriptor: number;
  readonly open: (file: string) => number;
  readonly cache: string;
}

/** The file in which a member lies unpacked, and where in it. */
async function placeOf(
  zip: ZipFile,
  entry: yauzlWithCallbacks.Entry,
  source: string,
  { path, descriptor, open, cache }: Opening,
): Promise<{ descriptor: number; offset: number }> {
  checkMethod(entry, source, path);
  if (entry.compressionMethod === stored) {
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    return { descriptor, offset: fileDataStart };
  }
  return { descriptor: open(await unpack(zip, entry, path, cache)), offset: 0 };
}

function checkMethod({ compressionMethod }: yauzlWithCallbacks.Entry, source: string, path: string): void {
  if (compressionMethod === stored || compressionMethod === deflated) return;
  const method = otherMethods[compressionMethod] ?? `method ${compressionMethod}`;
  throw new UserError(
    `${source} is compressed by ${method}, which is not read here: save it anew with "numpy.savez_compressed('new.npz', **numpy.load('${basename(path)}'))".`,
  );
}

function member(name: string, descriptor: number, offset: number, bytes: number, source: string): NpzMember {
  const start = new Uint8Array(Math.min(bytes, longestNpyHeader));
  readFully(descriptor, start, 0, start.length, offset, source);
  const header = parseNpyHeader(start, source);
  const rowBytes = header.shape.slice(1).reduce((product, size) => product * size, npyTypes[header.type].bytes);
  const [rows = 1] = header.shape;
  if (header.dataOffset + rows * rowBytes !== bytes) {
    throw new UserError(
      `${source} has ${bytes - header.dataOffset} bytes of values, but its shape (${header.shape.join(', ')}) needs ${rows * rowBytes}.`,
    );
  }
  return {
    ...header,
    name,
    readRows(first, count, target, targetOffset = 0) {
      if (first < 0 || first + count > rows)
        throw new RangeError(`${source} has ${rows} rows, so there is no row ${first + count - 1}.`);
      readFully(
        descriptor,
        target,
        targetOffset,
        count * rowBytes,
        offset + header.dataOffset + first * rowBytes,
        source,
      );
    },
  };
}

function readFully(
  descriptor: number,
  target: Uint8Array,
  targetOffset: number,
  length: number,
  position: number,
  source: string,
): void {
  for (let done = 0; done < length;) {
    const read = readSync(descriptor, target, targetOffset + done, Math.min(length - done, 1 << 30), position + done);
    if (read === 0) throw new UserError(`${source} ends too early: the file is truncated; copy or download it again.`);
    done += read;
  }
}

/** Unpacks a deflated member into the cache, once, and checks its CRC; the copy belongs to this very state of the file. */
async function unpack(zip: ZipFile, entry: yauzlWithCallbacks.Entry, path: string, cache: string): Promise<string> {
  const { size, mtimeMs } = statSync(path);
  const key = createHash('sha256')
    .update(JSON.stringify([basename(path), size, mtimeMs, entry.fileName, entry.crc32, entry.uncompressedSize]))
    .digest('hex')
    .slice(0, 16);
  // Not by the member's own name, which may be any text.
  const unpacked = join(cache, key, 'member.npy');
  if (
    existsSync(unpacked) &&
    statSync(unpacked).size === entry.uncompressedSize &&
    isUnchanged(unpacked, entry.crc32)
  ) {
    markUsed(dirname(unpacked));
    return unpacked;
  }
  const { bavail, bsize } = statfsSync(existingFolder(cache));
  const [needed, free] = [entry.uncompressedSize, bavail * bsize].map((bytes) => `${(bytes / 1e9).toFixed(1)} GB`);
  if (entry.uncompressedSize > bavail * bsize)
    throw new UserError(
      `"${printable(entry.fileName)}" in ${path} has ${needed} unpacked, but ${free} are free in ${cache}: make room there, if the file is what you expect.`,
    );
  const temporary = temporarySibling(unpacked);
  let checksum = 0;
  const check = new Transform({
    transform(piece: Buffer, _encoding, done) {
      checksum = crc32(piece, checksum);
      done(null, piece);
    },
  });
  try {
    makeFolder(dirname(unpacked));
    await pipeline(await unpackedStream(zip, entry), check, createWriteStream(temporary));
    if (checksum !== entry.crc32)
      throw new UserError(
        `"${printable(entry.fileName)}" in ${path} is damaged (its CRC is wrong): copy or download the file again.`,
      );
    renameSync(temporary, unpacked);
    keepWithinLimit(dirname(cache), dirname(unpacked));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new UserError(
      `${path} could not be unpacked into ${cache} (${error.code}): make room there, or allow writing to it.`,
    );
  } finally {
    if (existsSync(temporary)) rmSync(temporary);
  }
  return unpacked;
}

function existingFolder(folder: string): string {
  return existsSync(folder) ? folder : existingFolder(dirname(folder));
}

/** yauzl's and the file system's errors as one line that names the file. */
function asUserError(error: unknown, path: string): unknown {
  if (error instanceof UserError) return error;
  if (isSystemError(error))
    return new UserError(`${path} cannot be read (${error.code}): check the file and the disk.`);
  if (!(error instanceof Error) || error instanceof TypeError) return error;
  const kind = foreignKind(beginning(path));
  if (kind !== undefined) return new UserError(`${path} is no .npz file (it is ${kind}).`);
  // yauzl's words for names that would lead out of a folder.
  if (/^(?:absolute path|invalid relative path|invalid characters in fileName)/.test(error.message))
    return new UserError(
      `${path} has an array by a name that is a path (${printable(error.message)}): save it again with numpy.savez under plain names.`,
    );
  return new UserError(
    `${path} is not a whole .npz file (${error.message}): it may be truncated; copy or download it again.`,
  );
}

/** Errors of the file system, in contrast to those of yauzl, of zlib and of Node's own checks of arguments. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && (error as NodeJS.ErrnoException).syscall !== undefined;
}

function beginning(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(200);
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(file);
  }
}
