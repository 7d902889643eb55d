/** What a network makes of image files, prepared as its training images were. */
import { normalizedImages } from '../data/batches';
import type { Normalization } from '../data/normalization';
import { folderBatches, type BrokenImage } from '../data/image-folder';
import { startImageDecoders } from '../data/image-workers';
import type { FileFacts } from '../data/file-facts';
import type { ImageTransform as FileTransform } from '../data/transform';
import { initialParameters } from '../models/initial-values';
import type { Network } from '../models/network';
import { disposeParameters, readParameters, type PublishedValues } from '../models/parameters';
import { createScope } from '../models/scope';
import { readResult } from '../tensor/read';
import type { PlaneSize } from '../tensor/resample';
import { tf, type Tensor, type Tensor4D } from '../tf';
import { evaluated } from './image-stream';
import { evaluationBatchSize } from './predict';

export type Flip = 'horizontal' | 'vertical';

export interface FilePredictionOptions {
  readonly network: Pick<Network, 'table' | 'forward' | 'transform' | 'normalization'>;
  readonly values: PublishedValues;
  /** How a file is read, before the network's own transform. */
  readonly reading: Omit<FileTransform, 'normalization'>;
  /** Logits are means over the image as it is and flipped in each of these directions, and in both; masks are flipped back. */
  readonly flips?: readonly Flip[];
  readonly batchSize?: number;
  /** Files that cannot be read; they are left out. */
  readonly broken: BrokenImage[];
  readonly onFile?: (path: string, facts: FileFacts) => void;
  readonly signal?: AbortSignal;
}

export interface FilePrediction {
  readonly path: string;
  /** Of the file. */
  readonly size: PlaneSize;
  /** Classes of a classifier; of a segmentation network height × width at the network's size. */
  readonly logits: Float32Array;
}

/** Predictions in the order of the paths, a batch at a time. */
export async function* predictFiles(
  paths: readonly string[],
  options: FilePredictionOptions,
): AsyncGenerator<FilePrediction[]> {
  const { network, values, reading, flips = [], broken, onFile, signal } = options;
  const { transform } = network;
  const normalization = transform?.normalization ?? network.normalization;
  const batchSize = options.batchSize ?? evaluationBatchSize(transform ?? reading);
  const parameters = initialParameters(network.table, 0, values);
  const workers = startImageDecoders();
  try {
    const read = { transform: { ...reading, normalization }, batchSize, workers, broken, onFile, signal };
    for await (const { bytes, shape, paths: files, sizes } of folderBatches(paths, read)) {
      const size = transform ?? reading;
      const prepared = transform === undefined ? bytes : await transform.apply(bytes, shape);
      const batch = { bytes: prepared, shape: [files.length, size.height, size.width, 3] as const, normalization };
      const logits = readResult(() => {
        const scope = createScope(readParameters(parameters));
        return flippedMean(batch, flips, (images) => evaluated(network.forward, images, scope));
      });
      await new Promise(setImmediate);
      signal?.throwIfAborted();
      const each = logits.length / files.length;
      yield files.map((path, at) => ({ path, size: sizes[at], logits: logits.slice(at * each, (at + 1) * each) }));
    }
  } finally {
    await workers.close();
    disposeParameters(parameters);
  }
}

interface Prepared {
  readonly bytes: Uint8Array;
  readonly shape: readonly [count: number, height: number, width: number, channels: 3];
  readonly normalization: Normalization;
}

const axes: Readonly<Record<Flip, number>> = { vertical: 1, horizontal: 2 };

function flippedMean(
  { bytes, shape, normalization }: Prepared,
  flips: readonly Flip[],
  run: (images: Tensor4D) => Tensor,
): Tensor {
  const images = normalizedImages(bytes, shape, normalization);
  // Every set of directions, that of none first.
  const sets = flips.reduce<number[][]>((all, flip) => [...all, ...all.map((set) => [...set, axes[flip]])], [[]]);
  const outputs = sets.map((set) =>
    tf.tidy(() => {
      const output = run(set.length === 0 ? images : tf.reverse(images, set));
      return set.length > 0 && output.rank === 4 ? tf.reverse(output, set) : output;
    }),
  );
  return outputs.length === 1 ? outputs[0] : tf.addN(outputs).div(outputs.length);
}
