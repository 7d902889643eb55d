/** A thread that decodes an image with its mask and resizes both. */
import { UserError } from '../errors';
import type { PlaneSize } from '../tensor/resample';
import { createByteResizer, type Interpolation } from '../tensor/resample-bytes';
import { decodeImage, type DecodedImage } from './decode-image';
import { encodeRuns } from './mask-runs';
import type { BrokenKind } from './segmentation-dataset';
import { ownedCopy, serveTasks } from './thread-tasks';

export interface PairTask {
  /** Paths. */
  readonly image: string;
  readonly mask: string;
  readonly size: PlaneSize;
}

export interface PreparedPair {
  /** The size of both files. */
  readonly height: number;
  readonly width: number;
  /** Height × width × 3 of the task's size, resized as Pillow's and torchvision's bilinear do. */
  readonly image: Uint8Array;
  /** Height × width of the task's size, 0 or 1, resized as Pillow's nearest does. */
  readonly mask: Uint8Array;
  /** The whole mask at its own size (`mask-runs.ts`). */
  readonly runs: Uint32Array;
  /** Pixels of the mask's file that are neither black nor white. */
  readonly greyPixels: number;
}

/** Why a pair cannot be used. */
export interface PairProblem {
  readonly kind: BrokenKind;
  readonly reason: string;
}

async function prepare({ image, mask, size }: PairTask): Promise<PreparedPair | PairProblem> {
  const photograph = await tryDecoding(image, 'unreadable-image');
  if ('kind' in photograph) return photograph;
  const drawing = await tryDecoding(mask, 'unreadable-mask');
  if ('kind' in drawing) return drawing;
  const { height, width } = photograph;
  if (drawing.height !== height || drawing.width !== width)
    return { kind: 'sizes-differ', reason: `${image} is ${height}×${width}, but ${mask} is ${drawing.height}×${drawing.width}` }; // prettier-ignore
  const binary = binaryPixels(drawing.bytes);
  if (binary === undefined)
    return { kind: 'unreadable-mask', reason: `${mask} is coloured; masks are black and white` };
  const { pixels, greyPixels } = binary;
  if (!pixels.includes(1)) return { kind: 'empty-mask', reason: `${mask} is all zero` };
  return {
    height,
    width,
    image: ownedCopy(resized(photograph.bytes, { height, width, channels: 3 }, size, 'bilinear'), photograph.bytes),
    mask: ownedCopy(resized(pixels, { height, width, channels: 1 }, size, 'nearest'), pixels),
    runs: encodeRuns(pixels),
    greyPixels,
  };
}

async function tryDecoding(path: string, kind: BrokenKind): Promise<DecodedImage | PairProblem> {
  try {
    return await decodeImage(path);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { kind, reason: error.message.replace(/\.$/, '') };
  }
}

/**
 * Black and white as 0 and 1, or undefined where there are colours. White is above 128, as ISIC scores it, unless the brightest value is 1:
 * then the file holds 0 and 1 themselves. rgb: three bytes a pixel.
 */
function binaryPixels(rgb: Uint8Array): { pixels: Uint8Array; greyPixels: number } | undefined {
  const pixels = new Uint8Array(rgb.length / 3);
  const histogram = new Uint32Array(256);
  for (let pixel = 0, at = 0; pixel < pixels.length; pixel++, at += 3) {
    const value = rgb[at];
    if (rgb[at + 1] !== value || rgb[at + 2] !== value) return undefined;
    histogram[value]++;
    pixels[pixel] = value;
  }
  const holdsZeroAndOne = histogram[0] + histogram[1] === pixels.length;
  const threshold = holdsZeroAndOne ? 0 : 128;
  for (let pixel = 0; pixel < pixels.length; pixel++) pixels[pixel] = pixels[pixel] > threshold ? 1 : 0;
  return { pixels, greyPixels: holdsZeroAndOne ? 0 : pixels.length - histogram[0] - histogram[255] };
}

/** The whole image at another size, its sides scaled apart; nothing is done where it has that size. */
function resized(
  bytes: Uint8Array,
  from: PlaneSize & { readonly channels: number },
  to: PlaneSize,
  interpolation: Interpolation,
): Uint8Array {
  if (from.height === to.height && from.width === to.width) return bytes;
  const result = new Uint8Array(to.height * to.width * from.channels);
  createByteResizer({ from, to, interpolation })(bytes, result);
  return result;
}

serveTasks(prepare, (result) => ('kind' in result ? [] : [result.image, result.mask]));
