/**
 * How an image becomes a network's input: timm's transform for evaluation (timm 1.0, transforms_imagenet_eval with crop mode "center"),
 * for arrays and decoded files alike. Resizing and cropping happen here, on bytes; the normalisation happens on the device
 * (`normalizedImages`).
 */
import type { PlaneSize } from '../tensor/resample';
import { createByteResizer, type ByteResizer, type CropWindow, type Interpolation } from '../tensor/resample-bytes';
import type { Normalization } from './normalization';

export interface ImageTransform extends PlaneSize {
  readonly interpolation: Interpolation;
  /** What is left of the resized image's shorter side after cropping, in (0, 1]. */
  readonly cropFraction: number;
  readonly normalization: Normalization;
  /** The whole image, its sides scaled apart and nothing cut off, as images with masks are read. */
  readonly stretch?: boolean;
}

/** What a model's record says of its images. */
export interface ImageExpectation extends Normalization {
  readonly interpolation: Interpolation;
  readonly cropFraction: number;
}

/** The transform for a model's images, at the size that the model runs at. */
export function transformFor(expected: ImageExpectation, { height, width }: PlaneSize): ImageTransform {
  const { mean, std, interpolation, cropFraction } = expected;
  return { height, width, interpolation, cropFraction, normalization: { mean, std } };
}

/** The size that an image is resized to, and the part of that which is kept. */
export interface Placement {
  readonly resized: PlaneSize;
  readonly crop: CropWindow;
}

/**
 * Where an image goes: the sides are scaled alike until it covers the input divided by the crop fraction, then the centre is cut out. A
 * square image at crop fraction 1 is used whole, and one that has the input's size already stays as it is.
 * @throws RangeError for sizes below 1 and crop fractions outside (0, 1]
 */
export function placeImage(from: PlaneSize, transform: ImageTransform): Placement {
  const { height, width, cropFraction } = transform;
  if (![from.height, from.width, height, width].every((size) => Number.isInteger(size) && size > 0))
    throw new RangeError(`An image of ${from.height}×${from.width} cannot become one of ${height}×${width}.`);
  if (!(cropFraction > 0 && cropFraction <= 1))
    throw new RangeError(`The crop fraction is ${cropFraction}, but must be above 0 and at most 1.`);
  if (transform.stretch) return { resized: { height, width }, crop: { top: 0, left: 0, height, width } };
  const resized = resizedSize(from, {
    height: Math.floor(height / cropFraction),
    width: Math.floor(width / cropFraction),
  });
  const top = roundHalfToEven((resized.height - height) / 2);
  const left = roundHalfToEven((resized.width - width) / 2);
  return { resized, crop: { top, left, height, width } };
}

function resizedSize(from: PlaneSize, cover: PlaneSize): PlaneSize {
  if (cover.height === cover.width) {
    // torchvision's Resize with one number: the longer side is rounded down.
    const shorter = cover.height;
    return from.width <= from.height
      ? { height: Math.trunc((shorter * from.height) / from.width), width: shorter }
      : { height: shorter, width: Math.trunc((shorter * from.width) / from.height) };
  }
  // timm's ResizeKeepRatio.
  const ratio = Math.min(from.height / cover.height, from.width / cover.width);
  return { height: roundHalfToEven(from.height / ratio), width: roundHalfToEven(from.width / ratio) };
}

/** Python's round(), which torchvision's CenterCrop relies on: 0.5 → 0, 1.5 → 2, 2.5 → 2. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Whether images of this size go through unchanged. */
export function isIdentity(from: PlaneSize, transform: ImageTransform): boolean {
  const { resized } = placeImage(from, transform);
  return [resized, transform].every(({ height, width }) => height === from.height && width === from.width);
}

/**
 * Resizes and crops images of one size, still as bytes. N×H×W×C → N×height×width×C; where nothing is to be done, the result is the
 * given array itself.
 */
export function transformBatch(
  bytes: Uint8Array,
  shape: readonly [count: number, height: number, width: number, channels: number],
  transform: ImageTransform,
): Uint8Array {
  const [count, height, width, channels] = shape;
  if (bytes.length !== count * height * width * channels)
    throw new RangeError(`${bytes.length} bytes are not ${shape.join('×')}.`);
  if (isIdentity({ height, width }, transform)) return bytes;
  const resize = resizerFor({ height, width, channels }, transform);
  const before = height * width * channels;
  const after = transform.height * transform.width * channels;
  const result = new Uint8Array(count * after);
  for (let index = 0; index < count; index++) {
    const source = bytes.subarray(index * before, (index + 1) * before);
    resize(source, result.subarray(index * after, (index + 1) * after));
  }
  return result;
}

/** The latest resizers by what they do; the least recently used one first. A folder's images mostly come in a few sizes. */
const resizers = new Map<string, ByteResizer>();
const keptResizers = 8;

function resizerFor(from: PlaneSize & { readonly channels: number }, transform: ImageTransform): ByteResizer {
  const { height, width, interpolation, cropFraction, stretch } = transform;
  const key = [from.height, from.width, from.channels, height, width, interpolation, cropFraction, stretch].join(' ');
  const known = resizers.get(key);
  resizers.delete(key);
  const { resized, crop } = placeImage(from, transform);
  const resizer = known ?? createByteResizer({ from, to: resized, interpolation, crop });
  resizers.set(key, resizer);
  for (const oldest of resizers.keys()) if (resizers.size > keptResizers) resizers.delete(oldest);
  return resizer;
}
