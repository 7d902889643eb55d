import { createHash, randomBytes } from 'node:crypto';
import { open, rename } from 'node:fs/promises';
import { closeSync, createReadStream, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Writes a file so that a reader, or a crash, sees the old content or the new and never a part: a sibling file, flushed, then renamed. */
export function writeFileAtomic(path: string, content: string | Uint8Array | readonly Uint8Array[]): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = temporarySibling(path);
  try {
    const file = openSync(temporary, 'wx');
    try {
      const parts =
        typeof content === 'string' ? [Buffer.from(content)] : content instanceof Uint8Array ? [content] : content;
      for (const part of parts) {
        for (let written = 0; written < part.byteLength;) {
          // Node refuses to write 2 GiB or more at once.
          written += writeSync(file, part, written, Math.min(part.byteLength - written, 1 << 30));
        }
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** As `writeFileAtomic`, without holding up anything else meanwhile. The bytes must not change until it has ended. */
export async function writeFileInBackground(path: string, parts: readonly Uint8Array[]): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = temporarySibling(path);
  try {
    const file = await open(temporary, 'wx');
    try {
      // As few calls as possible: each waits for the event loop, which a training step holds for long.
      for (const group of writableGroups(parts)) {
        const { bytesWritten } = await file.writev(group);
        const expected = group.reduce((total, part) => total + part.byteLength, 0);
        if (bytesWritten !== expected)
          throw new Error(`Only ${bytesWritten} of ${expected} bytes could be written to ${path}.`);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Parts in groups that one system call takes: at most 1024 of them and 1 GiB. */
function writableGroups(parts: readonly Uint8Array[]): Uint8Array[][] {
  const groups: Uint8Array[][] = [];
  let bytes = Infinity;
  for (const whole of parts) {
    for (let start = 0; start < whole.byteLength; start += 1 << 30) {
      const part = whole.subarray(start, start + (1 << 30));
      if (bytes + part.byteLength > 1 << 30 || groups[groups.length - 1].length === 1024) {
        groups.push([]);
        bytes = 0;
      }
      groups[groups.length - 1].push(part);
      bytes += part.byteLength;
    }
  }
  return groups;
}

/** A name beside `path` that no other process uses. */
export function temporarySibling(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
}

/** SHA-256 or MD5 of a file in hexadecimal, read piece by piece. */
export async function hashFile(path: string, algorithm: 'sha256' | 'md5' = 'sha256'): Promise<string> {
  const hash = createHash(algorithm);
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer);
  return hash.digest('hex');
}
