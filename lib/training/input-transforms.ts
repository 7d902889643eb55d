/** A dataset's images as a network takes them: resized and cut, or on a black ground. */
import { halfNormalization, type Normalization } from '../data/normalization';
import { startImageWorkers, type ImageWorkers } from '../data/image-workers';
import { isIdentity, transformBatch, transformFor, type ImageExpectation } from '../data/transform';
import { UserError } from '../errors';
import type { ImagesShape, ImageTransform } from '../models/network';
import type { OpenedBackbone } from '../models/open-backbone';
import type { PlaneSize } from '../tensor/resample';

export interface InputOptions {
  /** What the images are for: its size, and the images that its weights were made with; [−1, 1] and bicubic resizing without one. */
  readonly backbone?: Pick<OpenedBackbone, 'inputSize' | 'expected'>;
  /** Pixels a side, where there is no backbone. */
  readonly size?: number;
  /** Enlarged or reduced (the default), or as they are, in the middle of a black square. */
  readonly mode?: 'resized' | 'zero-padded';
  /**
   * Of each side of the image, the share that the network sees: the image is resized to more than the input, and the centre cut out. By
   * default all, 1; timm's default for many weights is 0.9.
   */
  readonly crop?: number;
}

/**
 * How images become a network's input.
 * @throws UserError for a share that is out of range, or without a size
 */
export function input({ backbone, size, mode = 'resized', crop = 1 }: InputOptions): ImageTransform {
  const pixels = backbone?.inputSize ?? (size === undefined ? undefined : { height: size, width: size });
  if (pixels === undefined) throw new UserError('input needs the backbone that the images are for, or a size.');
  if (!(crop > 0 && crop <= 1))
    throw new UserError(`crop is ${crop}, but must be a share of each side, above 0 and at most 1.`);
  const expected = backbone?.expected ?? { ...halfNormalization, interpolation: 'bicubic' };
  const { mean, std } = expected;
  return mode === 'zero-padded'
    ? zeroPaddedInput({ mean, std }, pixels)
    : resizedInput({ ...expected, cropFraction: crop }, pixels);
}

/** Above so many pixels an image, resizing is worth the start of threads. */
export const smallInput = 96 * 96;

/** Of all transforms, started by the first that needs them. */
let workers: ImageWorkers | undefined;

/**
 * timm's transform for evaluation: resized until it covers the input divided by the crop fraction, then the centre. Images that have the
 * input's size at crop fraction 1 stay as they are.
 */
export function resizedInput(expected: ImageExpectation, size: PlaneSize): ImageTransform {
  const transform = transformFor(expected, size);
  const { height, width, interpolation, cropFraction, normalization } = transform;
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
export function zeroPaddedInput(normalization: Normalization, { height, width }: PlaneSize): ImageTransform {
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
  };
}
