/** What this project has made of datasets, to open them fast: may be deleted whenever nothing reads it, and is made again when needed. */
import { existsSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, UserError } from '../errors';
import { isLocked } from './file-lock';

/** The folders of the cache that hold it, and what is in them. */
export const preparedKinds = {
  unpacked: 'arrays of compressed .npz files',
  images: 'images of folders and tables, resized',
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
    const paths = entriesOf(join(cacheDirectory, kind));
    return { kind, entries: paths.length, bytes: paths.reduce((sum, path) => sum + bytesOf(path), 0) };
  });
}

/** Deletes it and says what there was. Processes that have opened a file keep it until they close it. */
export function clearPreparedData(cacheDirectory: string): PreparedData[] {
  const deleted = listPreparedData(cacheDirectory);
  for (const kind of kinds()) rmSync(join(cacheDirectory, kind), { recursive: true, force: true });
  return deleted;
}

/** Bytes of all prepared data, from which on those that were not used for longest are deleted. */
const defaultGigabytes = 20;

function limitBytes(): number {
  const given = process.env.PREPARED_DATA_GIGABYTES;
  const gigabytes = given === undefined || given === '' ? defaultGigabytes : Number(given);
  if (gigabytes >= 0) return gigabytes * 1e9;
  throw new UserError(`PREPARED_DATA_GIGABYTES is "${given}", but must be a number of gigabytes.`);
}

/** Notes that an entry is in use; a cache that cannot be written is slower, not wrong. */
export function markUsed(entry: string): void {
  try {
    const now = new Date();
    utimesSync(entry, now, now);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}

/**
 * Deletes entries that were not used for longest until the rest is within the limit (`PREPARED_DATA_GIGABYTES`, 20 by default), but never
 * the one that was just made. Processes that have opened one keep it until they close it.
 */
export function keepWithinLimit(cacheDirectory: string, made: string): void {
  const entries = kinds()
    .flatMap((kind) => entriesOf(join(cacheDirectory, kind)))
    .filter((path) => !/\.(lock|json)$/.test(path))
    .map((path) => ({ path, bytes: bytesOf(path), used: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((first, second) => first.used - second.used);
  let total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  const limit = limitBytes();
  for (const { path, bytes } of entries) {
    if (total <= limit) return;
    // What another process is making right now stays.
    if (path === made || isLocked(`${path}.lock`)) continue;
    rmSync(path, { recursive: true, force: true });
    total -= bytes;
  }
}

function entriesOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
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
