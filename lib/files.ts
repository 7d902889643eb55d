import { createHash, randomBytes } from 'node:crypto';
import { open, rename } from 'node:fs/promises';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { errorCode } from './errors';

/** Writes a file so that a reader, or a crash, sees the old content or the new and never a part: a sibling file, flushed, then renamed. */
export function writeFileAtomic(path: string, content: string | Uint8Array | readonly Uint8Array[]): void {
  viaSibling(path, content, (temporary) => renameSync(temporary, path));
}

/**
 * As `writeFileAtomic`, for a file that is written once: false, and nothing is changed, where it is there already. Of several processes
 * that try at the same moment, whichever machines they are on, one succeeds.
 */
export function createFileAtomic(path: string, content: string | Uint8Array | readonly Uint8Array[]): boolean {
  return viaSibling(path, content, (temporary) => {
    try {
      linkSync(temporary, path);
      return true;
    } catch (error) {
      const code = errorCode(error);
      if (code === 'EEXIST') return false;
      // A file system without hard links: the moment between the look and the renaming is the best that it offers.
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(String(code))) throw error;
      if (existsSync(path)) return false;
      renameSync(temporary, path);
      return true;
    }
  });
}

/**
 * Makes a folder and those above it, and returns those that were not there before, innermost first. One by one: Node's recursive mkdir never
 * comes back where the system says that a folder in an existing one is not there, as in /proc. Where one cannot be made, none is.
 */
export function makeFolder(path: string): string[] {
  const missing: string[] = [];
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  const made: string[] = [];
  try {
    for (const folder of missing) {
      try {
        mkdirSync(folder);
        made.unshift(folder);
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
      }
    }
  } catch (error) {
    made.forEach(removeIfEmpty);
    throw error;
  }
  return made;
}

/** Does nothing where somebody else has put something there. */
export function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It stays.
  }
}

/**
 * Whether a file can be written is found before it is computed: one is made beside it, and removed with the folders that it needed.
 * @throws the system's error, which has the path
 */
export function checkWritable(path: string): void {
  const made = makeFolder(dirname(path));
  const probe = temporarySibling(path);
  try {
    closeSync(openSync(probe, 'wx'));
    rmSync(probe);
  } catch (error) {
    throw withPath(error, path);
  } finally {
    made.forEach(removeIfEmpty);
  }
}

/** Writes and flushes a sibling of the file, which `place` puts in the file's place. */
function viaSibling<T>(
  path: string,
  content: string | Uint8Array | readonly Uint8Array[],
  place: (temporary: string) => T,
): T {
  makeFolder(dirname(path));
  const temporary = temporarySibling(path);
  try {
    const file = openSync(temporary, 'wx');
    try {
      const parts =
        typeof content === 'string' ? [Buffer.from(content)] : content instanceof Uint8Array ? [content] : content;
      for (const part of parts) writePiece(file, part, path);
      named(path, () => fsyncSync(file));
    } finally {
      closeSync(file);
    }
    const placed = place(temporary);
    rmSync(temporary, { force: true });
    flushFolder(path);
    return placed;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** A file that is written, but neither flushed nor in its place yet. */
export interface WrittenFile {
  readonly sha256: string;
  /** Flushes it without holding up anything else, and puts it in its place. */
  place(): Promise<void>;
}

/** As `writeFileAtomic` in two parts, of which the second may go on beside other work. No more than one piece has to be in memory. */
export function writeFilePieces(path: string, pieces: Iterable<Uint8Array>): WrittenFile {
  makeFolder(dirname(path));
  const temporary = temporarySibling(path);
  const hash = createHash('sha256');
  try {
    const file = openSync(temporary, 'wx');
    try {
      for (const piece of pieces) {
        hash.update(piece);
        writePiece(file, piece, path);
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return {
    sha256: hash.digest('hex'),
    async place() {
      try {
        const file = await open(temporary, 'r+');
        try {
          await file.sync().catch((error: unknown) => {
            throw withPath(error, path);
          });
        } finally {
          await file.close();
        }
        await rename(temporary, path);
        flushFolder(path);
      } finally {
        rmSync(temporary, { force: true });
      }
    },
  };
}

function writePiece(file: number, piece: Uint8Array, path: string): void {
  named(path, () => writeWhole(file, piece));
}

/** Writes all of it, at a position or behind what was written last. */
export function writeWhole(file: number, bytes: Uint8Array, position?: number): void {
  for (let written = 0; written < bytes.byteLength;) {
    // Node refuses to write 2 GiB or more at once.
    const length = Math.min(bytes.byteLength - written, 1 << 30);
    written += writeSync(file, bytes, written, length, position === undefined ? null : position + written);
  }
}

/** Does something to an open file, whose path an error then has. */
export function named<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw withPath(error, path);
  }
}

/** An error of the system with a path, which it does not tell of an open file. */
export function withPath(error: unknown, path: string): unknown {
  return errorCode(error) === undefined ? error : Object.assign(error as Error, { path });
}

/** Until then, a power cut may bring the old name back: of two files, the second may be there and the first not. */
function flushFolder(path: string): void {
  let folder: number | undefined;
  try {
    folder = openSync(dirname(path), 'r');
    fsyncSync(folder);
  } catch {
    // Some network file systems have no such thing.
  } finally {
    if (folder !== undefined) closeSync(folder);
  }
}

/** A name beside `path` that no other process uses. */
export function temporarySibling(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
}

/** SHA-256 of a file in hexadecimal, where nothing can be waited for. */
export function hashFileNow(path: string): string {
  const hash = createHash('sha256');
  for (const piece of piecesOf(path)) hash.update(piece);
  return hash.digest('hex');
}

function crc32Of(path: string): number {
  let checksum = 0;
  for (const piece of piecesOf(path)) checksum = crc32(piece, checksum);
  return checksum;
}

/** A file piece by piece, each in the same memory. */
function* piecesOf(path: string): Generator<Uint8Array, void, undefined> {
  const buffer = new Uint8Array(1 << 20);
  const file = openSync(path, 'r');
  try {
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) yield buffer.subarray(0, read);
  } finally {
    closeSync(file);
  }
}

/** Files that this process has compared with their hash: again where one has been written since. */
const compared = new Set<string>();

/**
 * Whether a file is there and has that SHA-256, or that CRC-32 where it is a number. What has been compared already is not read again,
 * unless it has been written since.
 */
export function isUnchanged(path: string, expected: string | number): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) return false;
  const identity = [path, expected, status.ino, status.size, status.mtimeMs, status.ctimeMs].join(' ');
  const found = (): string | number => (typeof expected === 'number' ? crc32Of(path) : hashFileNow(path));
  if (!compared.has(identity) && found() !== expected) return false;
  compared.add(identity);
  return true;
}

/** SHA-256 or MD5 of a file in hexadecimal, read piece by piece into one buffer: a stream would leave all of the file behind as garbage. */
export async function hashFile(path: string, algorithm: 'sha256' | 'md5' = 'sha256'): Promise<string> {
  const hash = createHash(algorithm);
  const buffer = new Uint8Array(1 << 20);
  const file = await open(path, 'r');
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** What of an object is kept for a program to read again: as JSON, with a checksum by which `readRecord` notices a changed bit. */
export function recordText(record: object, indent?: number): string {
  const plain = JSON.parse(JSON.stringify(record)) as object;
  return `${JSON.stringify({ ...plain, checksum: checksumOf(plain) }, undefined, indent)}\n`;
}

/**
 * An object that was written as `recordText`; undefined where there is none, or it is damaged. One without a checksum is taken as it is: it
 * is of an earlier version, or was changed on purpose.
 */
export function readRecord(path: string): object | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(String(errorCode(error)))) return undefined;
    throw error;
  }
  const parsed = parseJson(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
  const { checksum, ...record } = parsed as { readonly checksum?: unknown };
  return checksum === undefined || checksum === checksumOf(record) ? record : undefined;
}

function checksumOf(record: object): string {
  return createHash('sha256').update(JSON.stringify(record)).digest('hex');
}

/** What a text of JSON says; undefined where it is none. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
