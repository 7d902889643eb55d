import { UserError } from '../errors';
import type { PlaneSize } from '../tensor/resample';

/** A binary mask: height × width pixels row by row, 0 for background, anything else for foreground. */
export interface Mask extends PlaneSize {
  readonly pixels: Uint8Array;
}

/** 1 where the pixels are 0, else 0. */
export function invertPixels(pixels: Uint8Array): Uint8Array {
  const inverted = new Uint8Array(pixels.length);
  for (let index = 0; index < pixels.length; index++) inverted[index] = pixels[index] === 0 ? 1 : 0;
  return inverted;
}

/** The mask, once its pixels fit its size. Throws a UserError where they do not, or where there are none. */
export function checkMask(mask: Mask, name = 'The mask'): Mask {
  const { pixels, height, width } = mask;
  if (!(Number.isInteger(height) && Number.isInteger(width) && height >= 1 && width >= 1))
    throw new UserError(`${name} is ${height}×${width} pixels large; both must be whole numbers from 1.`);
  if (pixels.length !== height * width)
    throw new UserError(`${name} has ${pixels.length} pixels, but ${height}×${width} are ${height * width}.`);
  return mask;
}

/** Throws a UserError for two masks that do not have the same size, or whose pixels do not fit it. */
export function checkSameSize(truth: Mask, prediction: Mask): void {
  checkMask(truth, 'The truth');
  checkMask(prediction, 'The prediction');
  if (truth.height === prediction.height && truth.width === prediction.width) return;
  throw new UserError(
    `The prediction is ${prediction.height}×${prediction.width} pixels large, but the truth ${truth.height}×${truth.width}: resize the prediction to the truth's size.`,
  );
}
