/** A dataset's images as a network takes them, for `extractFeatures` and `trainClassifier`: resized and cut, or on a black ground. */
import type { ImageTransform } from '../models/network';
import type { Normalization } from '../data/batches';
import { startImageWorkers, type ImageWorkers } from '../data/image-workers';
import { isIdentity, transformBatch, transformFor, type ImageExpectation } from '../data/transform';
import { UserError } from '../errors';
import type { PlaneSize } from '../tensor/resample';

export interface InputTransform extends ImageTransform {
  /** Ends the threads that it may have started; it starts others if it is used again. */
  close(): Promise<void>;
}

export type ImagesShape = readonly [count: number, height: number, width: number, channels: number];

/** Above so many pixels an image, resizing is worth the start of threads. */
export const smallInput = 96 * 96;

/**
 * timm's transform for evaluation: resized until it covers the input divided by the crop fraction, then the centre. Images that have the
 * input's size at crop fraction 1 stay as they are.
 */
export function resizedInput(expected: ImageExpectation, size: PlaneSize): InputTransform {
  const transform = transformFor(expected, size);
  const { height, width, interpolation, cropFraction, normalization } = transform;
  let workers: ImageWorkers | undefined;
  return {
    key: `${interpolation} ${height}×${width}, crop ${cropFraction}`,
    height,
    width,
    normalization,
    resizing: { interpolation, cropFraction },
    apply(bytes, shape) {
      if (isIdentity({ height: shape[1], width: shape[2] }, transform)) return bytes;
      if (height * width <= smallInput) return transformBatch(bytes, shape, transform);
      workers ??= startImageWorkers();
      const { run, count } = workers;
      return inParts(bytes, shape, count, async (part, partShape) => {
        return (await run({ bytes: part, shape: partShape, transform })).bytes;
      });
    },
    async close() {
      await workers?.close();
      workers = undefined;
    },
  };
}

/** Has parts of a batch done at once. `start`: the first image of a part. */
export async function inParts(
  bytes: Uint8Array,
  [count, height, width, channels]: ImagesShape,
  parts: number,
  run: (bytes: Uint8Array, shape: ImagesShape, start: number) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const most = Math.ceil(count / parts);
  const image = height * width * channels;
  const work: Promise<Uint8Array>[] = [];
  for (let start = 0; start < count; start += most) {
    const images = Math.min(most, count - start);
    // A copy, since a thread would be sent all of the memory behind a part.
    work.push(run(bytes.slice(start * image, (start + images) * image), [images, height, width, channels], start));
  }
  const done = await Promise.all(work);
  const result = new Uint8Array(done.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of done) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}

/**
 * Images as they are, in the middle of a black ground: a network sees no more pixels than there were (as in the MedMNIST+ benchmark of
 * Doerrich et al. 2025, whose networks are fed so). Where one side has an odd rest, the smaller part is at the top or left.
 */
export function zeroPaddedInput(normalization: Normalization, { height, width }: PlaneSize): InputTransform {
  return {
    key: `zero-padded ${height}×${width}`,
    height,
    width,
    normalization,
    apply(bytes, [count, rows, columns, channels]) {
      if (rows > height || columns > width) {
        throw new UserError(
          `Images of ${rows}×${columns} pixels do not fit into an input of ${height}×${width}: have them resized instead.`,
        );
      }
      if (rows === height && columns === width) return bytes;
      const padded = new Uint8Array(count * height * width * channels);
      const [top, left] = [Math.floor((height - rows) / 2), Math.floor((width - columns) / 2)];
      const line = columns * channels;
      for (let image = 0; image < count; image++) {
        for (let row = 0; row < rows; row++) {
          const source = (image * rows + row) * line;
          padded.set(bytes.subarray(source, source + line), ((image * height + top + row) * width + left) * channels);
        }
      }
      return padded;
    },
    close: () => Promise.resolve(),
  };
}
