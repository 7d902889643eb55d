/** Arrays of images, in an .npy file or an .npz, as batches. */
import { UserError } from '../errors';
import { inOrder, type ImageWorkers } from './image-workers';
import type { RowReader } from './npy-file';
import { isIdentity, type ImageTransform } from './transform';

/** Images in an array that lies in a file. */
export interface ArrayImages {
  /**
   * `bytes`: uint8, N×H×W or N×H×W×C with one or three channels, to be transformed. `values`: float32, N×H×W×3, normalised
   * already.
   */
  readonly kind: 'bytes' | 'values';
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly reader: RowReader;
}

/**
 * Takes an array for images.
 * @param source for messages
 * @throws UserError where type or shape are not those of images, or there are none
 */
export function arrayImages(reader: RowReader, source: string): ArrayImages {
  const { type, shape } = reader;
  const [count, height, width, channels = 1] = shape;
  const isBytes = type === '|u1' && (shape.length === 3 || (shape.length === 4 && [1, 3].includes(channels)));
  const isValues = type === '<f4' && shape.length === 4 && channels === 3;
  if (!isBytes && !isValues) {
    throw new UserError(
      `${source} is ${type} of shape (${shape.join(', ')}); images are uint8 of shape N×H×W, N×H×W×1 or N×H×W×3, or normalised float32 of shape N×H×W×3.`,
    );
  }
  if (shape.includes(0))
    throw new UserError(`${source} has the shape (${shape.join(', ')}): there are no images in it.`);
  return { kind: isBytes ? 'bytes' : 'values', count, height, width, channels, reader };
}

type ImagesShape = readonly [count: number, height: number, width: number, channels: number];

export interface ValueBatch {
  readonly values: Float32Array;
  readonly shape: ImagesShape;
}

export interface ByteBatch {
  readonly bytes: Uint8Array;
  readonly shape: ImagesShape;
}

/** Normalised images as they are. */
export function* valueBatches(images: ArrayImages, batchSize: number): Generator<ValueBatch> {
  const { height, width, channels } = images;
  for (const [start, count] of ranges(images.count, batchSize)) {
    const values = new Float32Array(count * height * width * channels);
    images.reader.readRows(start, count, new Uint8Array(values.buffer));
    yield { values, shape: [count, height, width, channels] };
  }
}

export interface ByteBatchOptions {
  readonly transform: ImageTransform;
  readonly batchSize: number;
  readonly workers: ImageWorkers;
  /** Batches that are prepared while one is being used. 2 by default. */
  readonly ahead?: number;
}

/** Images of bytes at the transform's size, N×height×width×C; resized in threads, and only where there is something to do. */
export async function* byteBatches(
  images: ArrayImages,
  { transform, batchSize, workers, ahead = 2 }: ByteBatchOptions,
): AsyncGenerator<ByteBatch> {
  const { height, width, channels } = images;
  const identity = isIdentity(images, transform);
  const read = (start: number, count: number): Uint8Array => {
    const rows = new Uint8Array(count * height * width * channels);
    images.reader.readRows(start, count, rows);
    return rows;
  };
  const prepare = async ([start, count]: Range): Promise<ByteBatch> => {
    if (identity) return { bytes: read(start, count), shape: [count, height, width, channels] };
    const imageBytes = transform.height * transform.width * channels;
    const bytes = new Uint8Array(count * imageBytes);
    const parts = [...ranges(count, Math.ceil(count / workers.count))];
    const work = parts.map(async ([from, size]) => {
      const task = { bytes: read(start + from, size), shape: [size, height, width, channels], transform } as const;
      bytes.set((await workers.run(task)).bytes, from * imageBytes);
    });
    await Promise.all(work);
    return { bytes, shape: [count, transform.height, transform.width, channels] };
  };
  yield* inOrder(ranges(images.count, batchSize), prepare, identity ? 0 : ahead);
}

type Range = readonly [start: number, count: number];

function* ranges(total: number, size: number): Generator<Range> {
  for (let start = 0; start < total; start += size) yield [start, Math.min(size, total - start)];
}
