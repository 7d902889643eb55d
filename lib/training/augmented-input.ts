/** Training images as a network takes them, each epoch another part of them. */
import type { Normalization } from '../data/normalization';
import {
  checkResizedCrop,
  drawResizedCrop,
  resizeCrops,
  type ResizedCropOptions,
  type ResizedCropTask,
} from '../data/resized-crop';
import { startThreads, type Threads } from '../data/threads';
import type { PlaneSize } from '../tensor/resample';
import type { IndexedTransform } from './image-stream';
import { inParts, smallInput } from './input-transforms';

export interface AugmentedInputOptions extends ResizedCropOptions {
  /** The network's input. */
  readonly size: PlaneSize;
  readonly normalization: Normalization;
  readonly seed: number;
}

export interface AugmentedInput {
  /** What an epoch's images go through, counted from 0: it depends on seed, epoch and image alone. */
  ofEpoch(epoch: number): IndexedTransform;
}

/** Of all such inputs, started by the first that needs them. */
let threads: Threads<ResizedCropTask, Uint8Array> | undefined;

/**
 * Windows of random area and side ratio, resized to the input, and mirrored or not.
 * @throws UserError for options that are out of range
 */
export function resizedCropInput(options: AugmentedInputOptions): AugmentedInput {
  const { size, normalization, seed, interpolation } = options;
  checkResizedCrop(options);
  return {
    ofEpoch: (epoch) => ({
      key: `resized crop, seed ${seed}, epoch ${epoch}`,
      ...size,
      normalization,
      apply(bytes, shape, indices) {
        const [, height, width] = shape;
        const crops = Array.from(indices, (index) =>
          drawResizedCrop(options, { height, width }, { seed, epoch, index }),
        );
        if (size.height * size.width <= smallInput) return resizeCrops({ bytes, shape, crops, size, interpolation });
        threads ??= startThreads('crop-worker.ts');
        const { run, count } = threads;
        return inParts(bytes, shape, count, (part, partShape, start) =>
          run({ bytes: part, shape: partShape, crops: crops.slice(start, start + partShape[0]), size, interpolation }),
        );
      },
    }),
  };
}
