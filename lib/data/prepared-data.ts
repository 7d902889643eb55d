/** What this project has made of datasets, to open them fast: may be deleted whenever nothing reads it, and is made again when needed. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The folders of the cache that hold it, and what is in them. */
export const preparedKinds = {
  unpacked: 'arrays of compressed .npz files',
  segmentation: 'images and masks of folders, resized',
  synthetic: 'images that this project has drawn',
} as const;
export type PreparedKind = keyof typeof preparedKinds;

export interface PreparedData {
  readonly kind: PreparedKind;
  /** Files or folders, each of one dataset. */
  readonly entries: number;
  readonly bytes: number;
}

/** One row a kind, kinds without entries too. */
export function listPreparedData(cacheDirectory: string): PreparedData[] {
  return kinds().map((kind) => {
    const folder = join(cacheDirectory, kind);
    const names = existsSync(folder) ? readdirSync(folder) : [];
    return { kind, entries: names.length, bytes: names.reduce((sum, name) => sum + bytesOf(join(folder, name)), 0) };
  });
}

/** Deletes it and says what there was. Processes that have opened a file keep it until they close it. */
export function clearPreparedData(cacheDirectory: string): PreparedData[] {
  const deleted = listPreparedData(cacheDirectory);
  for (const kind of kinds()) rmSync(join(cacheDirectory, kind), { recursive: true, force: true });
  return deleted;
}

function kinds(): PreparedKind[] {
  return Object.keys(preparedKinds) as PreparedKind[];
}

/** 0 where another process has deleted it meanwhile. */
function bytesOf(path: string): number {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) return 0;
  if (!status.isDirectory()) return status.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}
