/**
 * What is foreground in the file of a mask: one rule for training, `verify` and `score`.
 *
 * 1. A drawing in the transparency is a mask: where all visible pixels have one colour, the mask is the transparency;
 *    else transparent is black.
 * 2. Black and one colour, as in a palette of two: the colour is foreground.
 * 3. Zero and one other value: that value is foreground, be it 1, 255 or 65535. Not in a JPEG, whose values are not those that were saved.
 * 4. Else what is above 128 of 255, as the ISIC challenges read masks.
 */
import { UserError } from '../errors';
import { decodeValues, type StoredValues } from './decode-image';
import type { Mask } from './mask';

export interface MaskFile {
  readonly mask: Mask;
  /** Which of its values are foreground, for people; `usualReading` in most files. */
  readonly reading: string;
  /** Pixels in the foreground. */
  readonly area: number;
  readonly orientation: number;
}

/** Above this value of 255 a pixel of a grey mask is foreground. */
const foregroundThreshold = 128;
/** What is left of black in a JPEG. */
const blackInJpeg = 32;
/** Values of a grey mask that are named. */
const namedValues = 6;

export const usualReading = '0 and 255';

/**
 * Reads a mask.
 * @throws UserError that names a file which is missing, damaged, or whose values leave open what is foreground
 */
export async function readMask(path: string): Promise<MaskFile> {
  const stored = await decodeValues(path);
  const { height, width, orientation } = stored;
  const found = foreground(stored);
  if ('problem' in found) throw new UserError(`${path} ${found.problem}.`);
  const area = found.pixels.reduce((sum, value) => sum + value, 0);
  return { mask: { height, width, pixels: found.pixels }, reading: found.reading, area, orientation };
}

type Foreground = { readonly pixels: Uint8Array; readonly reading: string } | { readonly problem: string };

/** Pixels of 0 and 1, or why they cannot be told, to be read after the file's name. */
export function foreground(stored: StoredValues): Foreground {
  const { values, channels, alpha, lossy } = stored;
  const full = values instanceof Uint16Array ? 65535 : 255;
  const count = values.length / channels;
  const colours = channels - Number(alpha);
  const opacity = (pixel: number): number => (alpha ? values[pixel * channels + colours] : full);
  if (alpha && isDrawing(count, opacity)) {
    const pixels = Array.from({ length: count }, (_, pixel) => pixel).filter((pixel) => opacity(pixel) > 0);
    if (pixels.every((pixel) => sameColour(stored, pixel, pixels[0]))) {
      const found = ofGrey(
        Uint16Array.from({ length: count }, (_, pixel) => opacity(pixel)),
        full,
        lossy,
      );
      return 'problem' in found ? found : { ...found, reading: `${found.reading} of the transparency` };
    }
  } else if (alpha) return foreground({ ...stored, ...withoutAlpha(stored) });
  const grey = new Uint16Array(count);
  for (let pixel = 0; pixel < count; pixel++) {
    const at = pixel * channels;
    if (colours === 3 && (values[at] !== values[at + 1] || values[at] !== values[at + 2])) return ofColours(stored);
    grey[pixel] = Math.round((values[at] * opacity(pixel)) / full);
  }
  return ofGrey(grey, full, lossy);
}

/** Whether the transparency has more than one value. */
function isDrawing(count: number, opacity: (pixel: number) => number): boolean {
  for (let pixel = 1; pixel < count; pixel++) if (opacity(pixel) !== opacity(0)) return true;
  return false;
}

function sameColour({ values, channels, alpha }: StoredValues, first: number, second: number): boolean {
  for (let channel = 0; channel < channels - Number(alpha); channel++)
    if (values[first * channels + channel] !== values[second * channels + channel]) return false;
  return true;
}

function withoutAlpha({ values, channels }: StoredValues): Pick<StoredValues, 'values' | 'channels' | 'alpha'> {
  return { values: values.filter((_, at) => at % channels !== channels - 1), channels: channels - 1, alpha: false };
}

/** Black and one colour. */
function ofColours({ values, channels, alpha, lossy }: StoredValues): Foreground {
  const count = values.length / channels;
  const keys = new Set<number>();
  const pixels = new Uint8Array(count);
  for (let pixel = 0; pixel < count && keys.size <= 3; pixel++) {
    const at = pixel * channels;
    const hidden = alpha && values[at + 3] === 0;
    const key = hidden ? 0 : (values[at] << 16) | (values[at + 1] << 8) | values[at + 2];
    keys.add(key);
    pixels[pixel] = key === 0 ? 0 : 1;
  }
  const names = [...keys].map((key) => `(${key >> 16}, ${(key >> 8) & 255}, ${key & 255})`);
  const others = [...keys].filter((key) => key !== 0);
  if (!lossy && keys.size <= 2 && others.length === 1)
    return { pixels, reading: `black and (${others[0] >> 16}, ${(others[0] >> 8) & 255}, ${others[0] & 255})` };
  const more = keys.size > 3 ? ' and more' : '';
  return {
    problem: `is coloured (${names.slice(0, 3).join(', ')}${more}): a mask is grey, or black and one colour; make one mask of each class`,
  };
}

function ofGrey(grey: Uint16Array, full: number, lossy: boolean): Foreground {
  const histogram = new Uint32Array(full + 1);
  for (const value of grey) histogram[value]++;
  const present = [...histogram.keys()].filter((value) => histogram[value] > 0);
  const [brightest] = present.slice(-1);
  const threshold = full === 255 ? foregroundThreshold : foregroundThreshold * 256 + 255;
  const twoValues = present.filter((value) => value > 0).length <= 1 && !lossy;
  if (!twoValues && brightest <= threshold && !(lossy && brightest < blackInJpeg))
    return {
      problem: `has the values ${named(present)} of ${full}, none of them above ${threshold}, and so no foreground; save the foreground as 255`,
    };
  const limit = twoValues ? 0 : threshold;
  const pixels = new Uint8Array(grey.length);
  for (let pixel = 0; pixel < pixels.length; pixel++) pixels[pixel] = grey[pixel] > limit ? 1 : 0;
  if (twoValues) return { pixels, reading: brightest === 0 || brightest === 255 ? usualReading : `0 and ${brightest}` };
  return { pixels, reading: `${present.length <= namedValues ? named(present) : 'grey'}, above ${threshold}` };
}

function named(values: readonly number[]): string {
  return values.length <= namedValues ? values.join(', ') : `${values[0]} to ${values[values.length - 1]}`;
}
