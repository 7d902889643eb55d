/** Decodes the images and masks of a folder once, in processes, and keeps them. */
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { PlaneSize } from '../tensor/resample';
import { hashFiles } from './file-hashes';
import { acquireLock } from './file-lock';
import { inOrder } from './image-workers';
import type { ImagePair } from './isic-pairs';
import { keepWithinLimit, markUsed } from './prepared-data';
import type { PairProblem, PairTask, PreparedPair } from './pair-worker';
import { createStore, openStore, type SegmentationStore } from './segmentation-store';
import { startProcesses } from './threads';

/** Told while files are read; the first time, that may take minutes. */
export interface PreparationProgress {
  readonly phase: 'checksums' | 'images';
  readonly done: number;
  readonly total: number;
}

export interface StoreOptions {
  readonly size: PlaneSize;
  readonly cacheDirectory: string;
  readonly onProgress?: (progress: PreparationProgress) => void;
  readonly signal?: AbortSignal;
}

/** Part of the key: another way of decoding or resizing, another store. */
const transformVersion = 'bilinear and nearest, Pillow 13, upright, mask values';

/** The pairs of a folder at one size: from the cache where names and contents of all files are the same, else decoded now. */
export async function pairStore(
  root: string,
  pairs: readonly ImagePair[],
  options: StoreOptions,
): Promise<SegmentationStore> {
  const { size, signal } = options;
  const hashes = await pairHashes(root, pairs, options);
  const names = hashes.map(({ path }) => relative(root, path).split(sep).join('/').normalize('NFC'));
  const content = sha256(hashes.map((file, index) => `${file.sha256}  ${names[index]}\n`).join(''));
  const key = sha256(JSON.stringify([content, size.height, size.width, transformVersion])).slice(0, 32);
  const folder = join(options.cacheDirectory, 'segmentation', key);
  const found = openStore(folder);
  if (found !== undefined) {
    markUsed(folder);
    return found;
  }
  const lock = await acquireLock(`${folder}.lock`, { signal });
  try {
    const store = openStore(folder) ?? (await decodePairs(folder, pairs, content, options));
    keepWithinLimit(options.cacheDirectory, folder);
    return store;
  } finally {
    lock.release();
  }
}

/** The checksum of each image and mask, one after the other; they are remembered in the cache. */
export async function pairHashes(
  root: string,
  pairs: readonly ImagePair[],
  { cacheDirectory, onProgress, signal }: Pick<StoreOptions, 'cacheDirectory' | 'onProgress' | 'signal'>,
): Promise<{ path: string; sha256: string }[]> {
  const paths = pairs.flatMap(({ image, mask }) => [image, mask]);
  const memory = join(cacheDirectory, 'segmentation', `checksums-${sha256(realpathSync(root)).slice(0, 16)}.json`);
  const report = (done: number, total: number): void => onProgress?.({ phase: 'checksums', done, total });
  const hashes = await hashFiles(paths, { memory, onProgress: report, signal });
  return paths.map((path, index) => ({ path, sha256: hashes[index] }));
}

async function decodePairs(
  folder: string,
  pairs: readonly ImagePair[],
  content: string,
  { size, onProgress, signal }: StoreOptions,
): Promise<SegmentationStore> {
  const writer = createStore(folder, pairs.length, size);
  try {
    let done = 0;
    for await (const { id, result } of preparedPairs(pairs, { size, signal })) {
      if ('kind' in result) writer.append({ row: { id, height: 0, width: 0, broken: result } });
      else {
        const { height, width, image, mask, runs, reading, orientations, dark, pages } = result;
        const facts = { reading, orientations: [...orientations] as [number, number], dark, pages };
        writer.append({ row: { id, height, width, facts }, image, mask, runs });
      }
      done++;
      onProgress?.({ phase: 'images', done, total: pairs.length });
    }
    writer.finish(content);
  } finally {
    writer.abort();
  }
  const store = openStore(folder);
  if (store === undefined) throw new Error(`${folder} was written, but cannot be read.`);
  return store;
}

export interface DecodedPair {
  readonly id: string;
  readonly result: PreparedPair | PairProblem;
}

/** Every pair decoded and resized, in the given order; each is in memory only while it is looked at. */
export async function* preparedPairs(
  pairs: readonly ImagePair[],
  { size, signal }: Pick<StoreOptions, 'size' | 'signal'>,
): AsyncGenerator<DecodedPair> {
  const decoders = startProcesses<PairTask, PreparedPair | PairProblem>(
    'pair-worker.ts',
    ({ image, mask }, signal) => ({
      kind: 'unreadable-image',
      reason: `${image} or ${mask} cannot be read as an image (its decoder ended with ${signal}): replace or remove it`,
    }),
  );
  const prepare = async ({ id, image, mask }: ImagePair): Promise<DecodedPair> => ({
    id,
    result: await decoders.run({ image, mask, size }),
  });
  try {
    for await (const pair of inOrder(pairs, prepare, 4 * decoders.count)) {
      signal?.throwIfAborted();
      yield pair;
    }
  } finally {
    await decoders.close();
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
