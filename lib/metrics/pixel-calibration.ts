import { checkMask, invertPixels, type Mask } from '../data/mask';
import { UserError } from '../errors';
import { reliabilityBins, type ReliabilityBin } from './calibration';
import { squaredDistanceTransform, unreachable } from './distance-transform';
import type { FloatArray } from './scores';

/** P(foreground) of every pixel, height × width, next to the truth. */
export interface PixelForecast {
  readonly truth: Mask;
  readonly probabilities: FloatArray;
}

interface PixelCalibrationOptions {
  /** Of equal widths, 15 by default; p = 0 is in the first and p = 1 in the last. */
  readonly bins?: number;
  /** Only pixels that are not 0 in this mask. */
  readonly within?: Uint8Array;
}

/**
 * The bins of one image's pixels, P(foreground) against the share of foreground; undefined where no pixel is in `within`. Where nearly
 * everything is background for certain, their calibration error is close to 0 whatever happens at the border.
 */
export function pixelReliabilityBins(
  { truth, probabilities }: PixelForecast,
  { bins, within }: PixelCalibrationOptions = {},
): ReliabilityBin[] | undefined {
  const { pixels } = checkMask(truth, 'The truth');
  checkLength(probabilities, pixels, 'probabilities');
  if (within) checkLength(within, pixels, 'pixels of the part');
  const chosen = within ? probabilities.filter((_, index) => within[index] !== 0) : probabilities;
  if (chosen.length === 0) return undefined;
  const labels = new Uint8Array(chosen.length);
  for (let index = 0, next = 0; index < pixels.length; index++) {
    if (within === undefined || within[index] !== 0) labels[next++] = pixels[index] === 0 ? 0 : 1;
  }
  return reliabilityBins({ task: 'multi-label', truth: labels, probabilities: chosen, classes: 1, bins });
}

/**
 * The pixels at a border of the truth, height × width of 1 and 0: those whose nearest pixel of the other kind is at most `width` pixels
 * away, centre to centre, so that the band is `width` pixels wide on either side. Undefined where the truth is empty or full.
 */
export function borderBand(truth: Mask, width: number): Uint8Array | undefined {
  if (!(width >= 1)) throw new UserError(`The band's width is ${width}; it must be at least 1 pixel.`);
  const { pixels } = checkMask(truth, 'The truth');
  const toForeground = squaredDistanceTransform(truth);
  const toBackground = squaredDistanceTransform({ ...truth, pixels: invertPixels(pixels) });
  if (toForeground[0] === unreachable || toBackground[0] === unreachable) return undefined;
  const band = new Uint8Array(pixels.length);
  for (let index = 0; index < band.length; index++) {
    // One of the two is always 0.
    if (Math.max(toForeground[index], toBackground[index]) <= width * width) band[index] = 1;
  }
  return band;
}

function checkLength(values: ArrayLike<number>, pixels: Uint8Array, noun: string): void {
  if (values.length !== pixels.length)
    throw new UserError(`There are ${values.length} ${noun}, but ${pixels.length} pixels of the truth.`);
}
