/** `synthetic-lesions` as a segmentation dataset: drawn once into the cache, in threads. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors';
import { projectRoot } from '../paths';
import { splitNames, type SplitName } from './dataset';
import { acquireLock } from './file-lock';
import { inOrder } from './image-workers';
import type { PreparationProgress } from './isic-store';
import type { DrawnLesion } from './lesion-worker';
import type { SegmentationDataset } from './segmentation-dataset';
import { createStore, openStore, type SegmentationStore } from './segmentation-store';
import { lesionSizes, syntheticLesionCounts, type LesionRequest } from './synthetic-lesions';
import { startThreads, type Threads } from './threads';
import { makeFolder } from '../files';

export const syntheticLesions = 'synthetic-lesions';
const syntheticSeed = 7;

export interface SyntheticLesionsOptions {
  /** Pixels a side, 48–512. */
  readonly size: number;
  /** Training images; validation and test get their share of ISIC 2017's proportions. */
  readonly syntheticImages: number;
  readonly cacheDirectory: string;
  readonly onProgress?: (progress: PreparationProgress) => void;
  readonly signal?: AbortSignal;
}

/** @throws UserError for a size or a number that is out of range */
export async function openSyntheticLesions(options: SyntheticLesionsOptions): Promise<SegmentationDataset> {
  const { size, syntheticImages, cacheDirectory, signal } = options;
  checkRange('size', size, lesionSizes.smallest, lesionSizes.largest);
  checkRange('syntheticImages', syntheticImages, 1, 100_000);
  const ids = Object.fromEntries(
    splitNames.map((split) => [split, lesionIds(split, imagesOf(split, syntheticImages))]),
  ) as Record<SplitName, string[]>;
  const parent = join(cacheDirectory, 'synthetic');
  const folder = join(parent, `${syntheticLesions}-${size}-${syntheticImages}-${generatorVersion()}`);
  let store = openStore(folder);
  if (store === undefined) {
    makeFolder(parent);
    const lock = await acquireLock(`${folder}.lock`, { signal });
    try {
      store = openStore(folder) ?? (await drawAll(folder, ids, options));
    } finally {
      lock.release();
    }
  }
  const { sha256, split, close } = store;
  return {
    name: syntheticLesions,
    title: `Synthetic lesions ${size}×${size}`,
    height: size,
    width: size,
    splits: { train: split('train', ids.train), val: split('val', ids.val), test: split('test', ids.test) },
    origins: { train: 'official', val: 'official', test: 'official' },
    notes: [],
    broken: [],
    sha256,
    synthetic: true,
    license: 'Apache-2.0 (made by this project)',
    citation: 'Procedural images made by this project; no patient, no dermatoscope.',
    close,
  };
}

function imagesOf(split: SplitName, trainImages: number): number {
  return Math.max(1, Math.round((syntheticLesionCounts[split] * trainImages) / syntheticLesionCounts.train));
}

/** Such as `train_00012`, whose number `renderLesion` knows it by. */
function lesionIds(split: SplitName, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${split}_${String(index).padStart(5, '0')}`);
}

async function drawAll(
  folder: string,
  ids: Record<SplitName, string[]>,
  { size, onProgress, signal }: SyntheticLesionsOptions,
): Promise<SegmentationStore> {
  const requests = splitNames.flatMap((split) =>
    ids[split].map((id, index) => ({ id, request: { size, seed: syntheticSeed, split, index } })),
  );
  const total = requests.length;
  const hash = createHash('sha256');
  const writer = createStore(folder, total, { height: size, width: size });
  const threads: Threads<LesionRequest, DrawnLesion> = startThreads('lesion-worker.ts');
  try {
    let done = 0;
    const draw = ({ request }: { request: LesionRequest }): Promise<DrawnLesion> => threads.run(request);
    for await (const { image, mask, runs } of inOrder(requests, draw, 4 * threads.count)) {
      signal?.throwIfAborted();
      const { id } = requests[done++];
      hash.update(`${id}\n`).update(image).update(mask);
      writer.append({ row: { id, height: size, width: size }, image, mask, runs });
      onProgress?.({ phase: 'images', done, total });
    }
    writer.finish(hash.digest('hex'));
  } finally {
    writer.abort();
    await threads.close();
  }
  const store = openStore(folder);
  if (store === undefined) throw new Error(`${folder} was written, but cannot be read.`);
  return store;
}

/** Part of the cached folder's name: another generator, another folder. */
function generatorVersion(): string {
  const data = join(projectRoot, 'lib', 'data');
  // The camera, the noise and the soft edges are shared.
  const folders = [syntheticLesions, 'synthetic-blood'].map((name) => join(data, name));
  const sources = folders.flatMap((folder) =>
    readdirSync(folder)
      .sort()
      .map((name) => join(folder, name)),
  );
  const hash = createHash('sha256');
  for (const source of [join(data, `${syntheticLesions}.ts`), ...sources]) hash.update(readFileSync(source));
  return hash.digest('hex').slice(0, 10);
}

function checkRange(name: string, value: number, lowest: number, highest: number): void {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return;
  throw new UserError(
    `${name} is ${value}; allowed for ${syntheticLesions} are whole numbers from ${lowest} to ${highest}.`,
  );
}
