/** What lies in the folder of the feature cache. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { acquireLock, isLocked } from '../data/file-lock';
import { readRecord } from '../files';
import { featureFileBytes } from './feature-file';
import { featureFileName, progressFileName, readProgress } from './feature-writer';

export const manifestName = 'manifest.json';
/** Of the folder in which an extraction goes on. */
export const partialSuffix = '.partial';
/** Of the lock of who extracts an entry. */
export const lockName = '.lock';

const manifestSchema = z.strictObject({
  version: z.literal(1),
  key: z.string(),
  /** What the features are of, in words. */
  of: z.string(),
  count: z.int().min(0),
  width: z.int().min(1),
  /** Of features.npy. */
  sha256: z.string(),
  created: z.iso.datetime(),
  lastUsed: z.iso.datetime(),
  /** Time that the extraction took. */
  seconds: z.number(),
});
export type FeatureManifest = z.infer<typeof manifestSchema>;

export interface FeatureEntry {
  readonly key: string;
  readonly folder: string;
  /** `damaged` is what cannot be read; its sha256 is only compared when it is used. */
  readonly state: 'whole' | 'unfinished' | 'damaged';
  /** What the features are of, in words. */
  readonly of: string;
  /** On the disk. */
  readonly bytes: number;
  readonly count: number;
  readonly width: number;
  readonly lastUsed: Date;
  readonly created: Date | undefined;
  /** Time that the extraction took so far. */
  readonly seconds: number;
}

/** All entries, the most recently used first. */
export function scanEntries(directory: string): FeatureEntry[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .flatMap((name) => {
      const match = /^([0-9a-f]{64})(\.partial)?$/.exec(name);
      try {
        return match ? [describe(join(directory, name), match[1], match[2] !== undefined)] : [];
      } catch (error) {
        if (existsSync(join(directory, name))) throw error;
        return []; // deleted meanwhile
      }
    })
    .sort((a, b) => b.lastUsed.getTime() - a.lastUsed.getTime() || (a.key < b.key ? -1 : 1));
}

/** The manifest of an entry; undefined where there is none, it is damaged, or it is another entry's. */
export function readManifest(folder: string): FeatureManifest | undefined {
  const manifest = manifestSchema.safeParse(readRecord(join(folder, manifestName))).data;
  return manifest?.key === basename(folder) ? manifest : undefined;
}

/** Whether a process is extracting the entry. */
export function isInUse({ folder, state }: FeatureEntry): boolean {
  return state === 'unfinished' && isLocked(folder.slice(0, -partialSuffix.length) + lockName);
}

/** Deletes what alone is above the limit, then what was not used for longest until the rest is within it. */
export function evict(directory: string, limitBytes: number): void {
  const entries = scanEntries(directory);
  let total = entries.reduce((bytes, entry) => bytes + entry.bytes, 0);
  const isTooLarge = ({ bytes }: FeatureEntry): boolean => bytes > limitBytes;
  const fitting = entries.filter((entry) => !isTooLarge(entry)).reverse();
  for (const entry of [...entries.filter(isTooLarge), ...fitting]) {
    if (total <= limitBytes) return;
    if (isInUse(entry)) continue;
    rmSync(entry.folder, { recursive: true, force: true });
    total -= entry.bytes;
  }
}

/** Entries appear, are marked as used and disappear one after the other, whichever process does it. All of it takes milliseconds. */
export async function exclusively<T>(directory: string, act: () => T): Promise<T> {
  const lock = await acquireLock(join(directory, 'entries.lock'), { pollMilliseconds: 10 });
  try {
    return act();
  } finally {
    lock.release();
  }
}

function describe(folder: string, key: string, partial: boolean): FeatureEntry {
  const bytes = readdirSync(folder).reduce((total, name) => total + sizeOf(join(folder, name)), 0);
  const entry = { key, folder, bytes };
  if (partial) {
    const progress = readProgress(folder);
    const { of = 'unknown', count = 0, width = 0, seconds = 0 } = progress ?? {};
    const lastUsed = modified(join(folder, progressFileName)) ?? modified(folder) ?? new Date(0);
    return { ...entry, state: 'unfinished', of, count, width, seconds, lastUsed, created: undefined };
  }
  const manifest = readManifest(folder);
  if (manifest === undefined || sizeOf(join(folder, featureFileName)) !== featureFileBytes(manifest)) {
    const { of = 'unknown', count = 0, width = 0, seconds = 0 } = manifest ?? {};
    // Used last of all: the first to go.
    return { ...entry, state: 'damaged', of, count, width, seconds, lastUsed: new Date(0), created: undefined };
  }
  const { of, count, width, seconds } = manifest;
  const [lastUsed, created] = [new Date(manifest.lastUsed), new Date(manifest.created)];
  return { ...entry, state: 'whole', of, count, width, seconds, lastUsed, created };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function modified(path: string): Date | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtime;
}
