/** Batches of views of a dataset's images, or of drawn ones that nobody has seen before, made in threads while a network computes. */
import { createRandom } from '../random';
import type { Dataset, SplitName } from './dataset';
import { inOrder } from './image-workers';
import type { ProceduralRequest } from './procedural-images';
import type { Threads } from './threads';
import type { ViewedBatch, ViewedImages, ViewTask } from './view-worker';
import type { ViewSettings } from './views';

export type ViewThreads = Threads<ViewTask, ViewedBatch>;
export const viewWorker = 'view-worker.ts';

/** Where images come from. */
export interface ViewSource {
  /** Images of an epoch. */
  readonly count: number;
  /** Everything that they depend on beside seed and epoch. */
  readonly identity: object;
  /** What a seed and an epoch make of it: which images, in which order. */
  order(seed: number, epoch: number): ArrayLike<number>;
  images(indices: readonly number[]): ViewedImages;
}

/** Drawn images, others in each epoch. */
export function drawnSource(request: Omit<ProceduralRequest, 'index'>, count: number): ViewSource {
  return {
    count,
    identity: { ...request, count },
    order: (_seed, epoch) => Array.from({ length: count }, (_, index) => epoch * count + index),
    images: () => ({ kind: 'drawn', ...request }),
  };
}

/** The images of a split, shuffled in each epoch. */
export function datasetSource({ splits, height, width, channels, sha256 }: Dataset, name: SplitName): ViewSource {
  const split = splits[name];
  return {
    count: split.count,
    identity: { sha256, split: name },
    order: (seed, epoch) => createRandom(seed, 'shuffle', epoch).permutation(split.count),
    images(indices) {
      const bytes = new Uint8Array(indices.length * height * width * channels);
      split.readImages(indices, bytes);
      return { kind: 'given', bytes, height, width, channels };
    },
  };
}

export interface ViewBatchOptions {
  readonly batchSize: number;
  readonly seed: number;
  readonly epoch: number;
  readonly settings: ViewSettings;
}

/** The whole batches of an epoch; images that do not fill one are left out, so that all batches weigh the same. */
export function viewBatches(
  threads: ViewThreads,
  source: ViewSource,
  { batchSize, seed, epoch, settings }: ViewBatchOptions,
): AsyncGenerator<ViewedBatch> {
  const order = source.order(seed, epoch);
  const starts = Array.from({ length: Math.floor(source.count / batchSize) }, (_, index) => index * batchSize);
  const run = (start: number): Promise<ViewedBatch> => {
    const indices = Array.from({ length: batchSize }, (_, offset) => order[start + offset]);
    return threads.run({ images: source.images(indices), indices, seed, epoch, settings });
  };
  return inOrder(starts, run, threads.count);
}
