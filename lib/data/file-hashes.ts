/** Checksums of many files that are read once: afterwards, size and times tell whether a file is the same. */
import { statSync } from 'node:fs';
import { z } from 'zod';
import { hashFile, readRecord, recordText, writeFileAtomic } from '../files';
import { inOrder } from './image-workers';

const entrySchema = z.object({
  bytes: z.number(),
  /** Milliseconds since 1970; when the content, and when anything about the file was changed. */
  modified: z.number(),
  changed: z.number(),
  /** When it was read. */
  hashed: z.number(),
  sha256: z.string(),
});
const memorySchema = z.record(z.string(), entrySchema);
type Entry = z.infer<typeof entrySchema>;

export interface HashOptions {
  /** Where checksums are remembered. */
  readonly memory: string;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** A file that is changed again within so many milliseconds may keep its time of change. */
const clockMilliseconds = 2000;
const filesAtOnce = 4;

/** SHA-256 of each file in hexadecimal; `unreadable` for one that cannot be read. */
export async function hashFiles(
  paths: readonly string[],
  { memory, onProgress, signal }: HashOptions,
): Promise<string[]> {
  const known = readMemory(memory);
  const entries: Record<string, Entry> = {};
  const reused = new Set<Entry>();
  const hash = async (path: string): Promise<string> => {
    try {
      const { size, mtimeMs, ctimeMs } = statSync(path);
      const earlier = Object.hasOwn(known, path) ? known[path] : undefined;
      const same = earlier?.bytes === size && earlier.modified === mtimeMs && earlier.changed === ctimeMs;
      if (same && earlier.hashed - ctimeMs > clockMilliseconds) {
        entries[path] = earlier;
        reused.add(earlier);
      } else {
        const hashed = Date.now();
        entries[path] = { bytes: size, modified: mtimeMs, changed: ctimeMs, hashed, sha256: await hashFile(path) };
      }
      return entries[path].sha256;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      return 'unreadable';
    }
  };
  const hashes: string[] = [];
  for await (const sha256 of inOrder(paths, hash, filesAtOnce)) {
    signal?.throwIfAborted();
    hashes.push(sha256);
    onProgress?.(hashes.length, paths.length);
  }
  if (Object.values(entries).some((entry) => !reused.has(entry))) writeFileAtomic(memory, recordText(entries));
  return hashes;
}

/** Nothing where there is none yet, or it is damaged. */
function readMemory(path: string): Record<string, Entry> {
  return memorySchema.safeParse(readRecord(path)).data ?? {};
}
