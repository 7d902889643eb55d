/**
 * Frozen features on disk: each entry a folder `<key>/` with features.npy and manifest.json, which appears as a whole by a rename. Any
 * number of processes may use the cache at once: one extracts an entry, the others wait for it.
 */
import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { acquireLock, type LockHolder } from '../data/file-lock';
import { UserError } from '../errors';
import { makeFolder, recordText, writeFileAtomic } from '../files';
import { cacheDirectory } from '../paths';
import {
  evict,
  exclusively,
  isInUse,
  lockName,
  manifestName,
  partialSuffix,
  readManifest,
  scanEntries,
  type FeatureEntry,
  type FeatureManifest,
} from './feature-entries';
import { openFeatureFile, type FeatureFile, type MatrixShape } from './feature-file';
import { featureFileName, openFeatureWriter, progressFileName, type FeatureWriter } from './feature-writer';

export type { FeatureEntry } from './feature-entries';

export interface FeatureCacheOptions {
  /** `data/cache/features` by default. */
  readonly directory?: string;
  /** Above it, entries that were not used for longest are deleted; 20 GB unless FEATURE_CACHE_GIGABYTES says something else. */
  readonly limitBytes?: number;
  /** Seconds of work that a kill may cost; 5 by default. */
  readonly saveEverySeconds?: number;
}

/** What is wanted of the cache. */
export interface FeatureRequest extends MatrixShape {
  /** 64 hexadecimal digits that stand for everything that the features depend on. */
  readonly key: string;
  /** What they are of, in words. */
  readonly of: string;
  readonly signal?: AbortSignal;
  /** Called where another process is extracting the same features. */
  readonly onWait?: (holder: LockHolder | undefined) => void;
}

export interface CachedFeatures {
  readonly file: FeatureFile;
  /** Whether they were there; else they have been extracted by this call. */
  readonly found: boolean;
  /** False where they alone are larger than the limit: `file` can be read, but the next call extracts them again. */
  readonly kept: boolean;
  /** What the extraction took. */
  readonly seconds: number;
}

export interface FeatureCache {
  readonly directory: string;
  readonly limitBytes: number;
  /**
   * The features of a request, extracted if they are missing or damaged. `extract` appends rows from `writer.finished` on, which is
   * more than 0 where an earlier extraction was cut off.
   */
  open(request: FeatureRequest, extract: (writer: FeatureWriter) => Promise<void>): Promise<CachedFeatures>;
}

const limitVariable = 'FEATURE_CACHE_GIGABYTES';
export const featureCacheDirectory = join(cacheDirectory, 'features');

/** Files that this process has compared with their hash; again where one has been written since. */
const verified = new Set<string>();

/** @throws UserError where the environment's limit is no number */
export function openFeatureCache(options: FeatureCacheOptions = {}): FeatureCache {
  const { directory = featureCacheDirectory, limitBytes = defaultLimit(), saveEverySeconds } = options;

  /** The entry if it is whole. Its file is open before anything can delete it. */
  async function find({ key, count, width }: FeatureRequest): Promise<CachedFeatures | undefined> {
    const folder = join(directory, key);
    const opened = await exclusively(directory, () => {
      const manifest = readManifest(folder);
      if (manifest === undefined || manifest.count !== count || manifest.width !== width) return undefined;
      const path = join(folder, featureFileName);
      const file = existsSync(path) ? openFeatureFile(path, manifest) : undefined;
      if (file === undefined) return undefined;
      const touched: FeatureManifest = { ...manifest, lastUsed: new Date().toISOString() };
      writeFileAtomic(join(folder, manifestName), recordText(touched, 1));
      return { file, manifest, identity: identityOf(path, manifest) };
    });
    if (opened === undefined) return undefined;
    const { file, manifest, identity } = opened;
    if (!verified.has(identity)) {
      if ((await file.hash()) !== manifest.sha256) {
        file.close();
        return undefined;
      }
      verified.add(identity);
    }
    return { file, found: true, kept: true, seconds: manifest.seconds };
  }

  /** Puts a finished extraction in place and makes room for it. */
  async function publish(request: FeatureRequest, { sha256, seconds }: ReturnType<FeatureWriter['finish']>) {
    const { key, of, count, width } = request;
    const folder = join(directory, key);
    const now = new Date().toISOString();
    const manifest: FeatureManifest = {
      version: 1,
      key,
      of,
      count,
      width,
      sha256,
      created: now,
      lastUsed: now,
      seconds,
    };
    writeFileAtomic(join(folder + partialSuffix, manifestName), recordText(manifest, 1));
    return exclusively(directory, () => {
      rmSync(folder, { recursive: true, force: true });
      renameSync(folder + partialSuffix, folder);
      rmSync(join(folder, progressFileName), { force: true });
      const path = join(folder, featureFileName);
      verified.add(identityOf(path, manifest));
      const file = openFeatureFile(path, manifest);
      if (file === undefined) throw new Error(`${folder} was changed while it was written.`);
      evict(directory, limitBytes);
      return { file, found: false, kept: existsSync(folder), seconds };
    });
  }

  return {
    directory,
    limitBytes,
    async open(request, extract) {
      makeFolder(directory);
      const found = await find(request);
      if (found !== undefined) return found;
      const { signal, onWait, of } = request;
      const lock = await acquireLock(join(directory, request.key + lockName), { signal, onWait });
      try {
        const meanwhile = await find(request);
        if (meanwhile !== undefined) return meanwhile;
        const writer = openFeatureWriter(join(directory, request.key + partialSuffix), request, {
          of,
          saveEverySeconds,
        });
        let finished;
        try {
          await extract(writer);
          finished = writer.finish();
        } catch (error) {
          saveWhatIsThere(writer);
          throw error;
        } finally {
          writer.close();
        }
        return await publish(request, finished);
      } finally {
        lock.release();
      }
    },
  };
}

/** What to say of features that are not kept. `what`: their name, in the plural. */
export function notKeptMessage(what: string, bytes: number, limitBytes: number): string {
  const gigabytes = (size: number): string => `${(size / 1e9).toFixed(1)} GB`;
  return `${what} take ${gigabytes(bytes)}, more than the ${gigabytes(limitBytes)} of the cache: they are not kept. FEATURE_CACHE_GIGABYTES sets another limit.`;
}

/** What the cache holds, the most recently used first. */
export function listFeatureCache({ directory = featureCacheDirectory }: { directory?: string } = {}): FeatureEntry[] {
  return scanEntries(directory);
}

/**
 * Deletes everything, or what was not used for a number of days; what a process is extracting right now stays.
 * @returns what was deleted
 */
export async function clearFeatureCache({
  olderThanDays = 0,
  directory = featureCacheDirectory,
}: { olderThanDays?: number; directory?: string } = {}): Promise<FeatureEntry[]> {
  if (!existsSync(directory)) return [];
  // Everything, even where the clock has been set back since.
  const latest = olderThanDays === 0 ? Infinity : Date.now() - olderThanDays * 24 * 3600 * 1000;
  return exclusively(directory, () => {
    const old = scanEntries(directory).filter((entry) => entry.lastUsed.getTime() <= latest && !isInUse(entry));
    for (const { folder } of old) rmSync(folder, { recursive: true, force: true });
    return old;
  });
}

/** Changes with every write to the file. */
function identityOf(path: string, { sha256 }: FeatureManifest): string {
  const { ino, mtimeMs } = statSync(path);
  return `${path} ${sha256} ${ino} ${mtimeMs}`;
}

/** The error that is on its way says more than one of the disk. */
function saveWhatIsThere(writer: FeatureWriter): void {
  try {
    writer.save();
  } catch {
    // What was saved before is still good.
  }
}

function defaultLimit(): number {
  const given = process.env[limitVariable];
  const gigabytes = given === undefined || given.trim() === '' ? 20 : Number(given);
  if (!(gigabytes >= 0)) throw new UserError(`${limitVariable} is "${given}", but must be a number of gigabytes.`);
  return gigabytes * 1e9;
}
