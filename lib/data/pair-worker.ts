/** A thread that decodes an image with its mask and resizes both. */
import { UserError } from '../errors';
import type { PlaneSize } from '../tensor/resample';
import { createByteResizer, type Interpolation } from '../tensor/resample-bytes';
import { decodeImage, type DecodedImage } from './decode-image';
import { encodeRuns } from './mask-runs';
import { readMask, type MaskFile } from './mask-values';
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
  /** Which of the mask's values are foreground (`mask-values.ts`), and how many pixels, at its own size. */
  readonly reading: string;
  readonly area: number;
  /** The EXIF orientations of image and mask, which have been applied. */
  readonly orientations: readonly [image: number, mask: number];
  /** As of `DecodedImage`. */
  readonly dark: boolean;
  readonly pages: number;
}

/** Why a pair cannot be used. */
export interface PairProblem {
  readonly kind: BrokenKind;
  readonly reason: string;
}

async function prepare({ image, mask, size }: PairTask): Promise<PreparedPair | PairProblem> {
  const photograph = await trying(() => decodeImage(image), 'unreadable-image');
  if ('kind' in photograph) return photograph;
  const drawing = await trying(() => readMask(mask), 'unreadable-mask');
  if ('kind' in drawing) return drawing;
  const { height, width, bytes } = photograph;
  const { mask: drawn, reading, area } = drawing;
  if (drawn.height !== height || drawn.width !== width)
    return {
      kind: 'sizes-differ',
      reason: `${image} is ${height}×${width}, but ${mask} is ${drawn.height}×${drawn.width}${turnedAside(photograph, drawing)}`,
    };
  return {
    height,
    width,
    image: ownedCopy(resized(bytes, { height, width, channels: 3 }, size, 'bilinear'), bytes),
    mask: ownedCopy(resized(drawn.pixels, { height, width, channels: 1 }, size, 'nearest'), drawn.pixels),
    runs: encodeRuns(drawn.pixels),
    reading,
    area,
    orientations: [photograph.orientation, drawing.orientation],
    dark: photograph.dark,
    pages: photograph.pages,
  };
}

/** Why sizes may differ: a photograph that is shown upright, and a mask that was drawn on it as it is stored, or the other way round. */
function turnedAside(photograph: DecodedImage, drawing: MaskFile): string {
  const { mask } = drawing;
  const fits = photograph.height === mask.width && photograph.width === mask.height;
  const [turned, orientation] =
    photograph.orientation >= 5 ? ['image', photograph.orientation] : ['mask', drawing.orientation];
  if (!fits || orientation < 5) return '';
  return `: the ${turned}'s EXIF orientation ${orientation} turns it, and the other was made without; take it out with "exiftool -Orientation="`;
}

async function trying<T>(decode: () => Promise<T>, kind: BrokenKind): Promise<T | PairProblem> {
  try {
    return await decode();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { kind, reason: error.message.replace(/\.$/, '') };
  }
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
