import { createHash, randomBytes } from 'node:crypto';
import { open, rename } from 'node:fs/promises';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
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

/** Writes and flushes a sibling of the file, which `place` puts in the file's place. */
function viaSibling<T>(
  path: string,
  content: string | Uint8Array | readonly Uint8Array[],
  place: (temporary: string) => T,
): T {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = temporarySibling(path);
  try {
    const file = openSync(temporary, 'wx');
    try {
      const parts =
        typeof content === 'string' ? [Buffer.from(content)] : content instanceof Uint8Array ? [content] : content;
      for (const part of parts) writePiece(file, part, path);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return place(temporary);
  } finally {
    rmSync(temporary, { force: true });
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
  mkdirSync(dirname(path), { recursive: true });
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
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, path);
      } finally {
        rmSync(temporary, { force: true });
      }
    },
  };
}

function writePiece(file: number, piece: Uint8Array, path: string): void {
  try {
    for (let written = 0; written < piece.byteLength;) {
      // Node refuses to write 2 GiB or more at once.
      written += writeSync(file, piece, written, Math.min(piece.byteLength - written, 1 << 30));
    }
  } catch (error) {
    throw Object.assign(error as Error, { path }); // which the system does not tell of an open file
  }
}

/** A name beside `path` that no other process uses. */
export function temporarySibling(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
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

/** What a text of JSON says; undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
