/**
 * Perceptual hashes: images that look alike have hashes that hardly differ. The grey image at 32×32 pixels, its discrete cosine transform,
 * of that the 16×16 lowest frequencies, and a bit for each whether it is above their median (the pHash of Zauner 2010, with 255 bits
 * instead of 64).
 */
import { createByteResizer, type ByteResizer } from '../tensor/resample-bytes';

/** Bits of a hash: all low frequencies but the mean. */
export const hashBits = 255;
const side = 32;
const kept = 16;
const words = 8;
/** Grey values by which an image must vary at least to have a hash: one of a single colour looks like every other. */
const leastDeviation = 2;

/** The hash as it is, then of the seven ways to turn and mirror the image. */
export type PerceptualHashes = readonly Uint32Array[];

/** cos(π (2x + 1) u / 64) of frequency u and place x. */
const cosines = Float64Array.from({ length: kept * side }, (_, at) =>
  Math.cos((Math.PI * (2 * (at % side) + 1) * Math.floor(at / side)) / (2 * side)),
);

export interface HashedImage {
  readonly height: number;
  readonly width: number;
  /** 1 or 3. */
  readonly channels: number;
}

/** Undefined for an image of (almost) one colour, or of fewer pixels a side than frequencies. pixels: height × width × channels. */
export function perceptualHashes(pixels: Uint8Array, image: HashedImage): PerceptualHashes | undefined {
  if (Math.min(image.height, image.width) < kept) return undefined;
  const grey = smallGrey(pixels, image);
  const mean = grey.reduce((sum, value) => sum + value, 0) / grey.length;
  const variance = grey.reduce((sum, value) => sum + (value - mean) ** 2, 0) / grey.length;
  if (variance < leastDeviation ** 2) return undefined;
  const frequencies = cosineTransform(grey);
  // Mirroring changes the sign of the odd frequencies of one direction, and turning exchanges the directions.
  return [0, 1, 2, 3, 4, 5, 6, 7].map((way) => {
    const turned = new Float64Array(kept * kept);
    for (let row = 0; row < kept; row++) {
      for (let column = 0; column < kept; column++) {
        const value = way & 4 ? frequencies[column * kept + row] : frequencies[row * kept + column];
        const odd = ((way & 1) * column + ((way & 2) >> 1) * row) % 2;
        turned[row * kept + column] = odd === 1 ? -value : value;
      }
    }
    return bitsAboveMedian(turned);
  });
}

/** Bits that differ, or any number above `limit` where more do. */
export function hashDistance(first: Uint32Array, second: Uint32Array, limit = hashBits): number {
  let distance = 0;
  for (let word = 0; word < words && distance <= limit; word++) {
    let different = first[word] ^ second[word];
    different -= (different >>> 1) & 0x55555555;
    different = (different & 0x33333333) + ((different >>> 2) & 0x33333333);
    distance += Math.imul((different + (different >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return distance;
}

const resizers = new Map<string, ByteResizer>();

function smallGrey(pixels: Uint8Array, { height, width, channels }: HashedImage): Uint8Array {
  const grey = channels === 1 ? pixels : new Uint8Array(height * width);
  // Pillow's convert('L').
  if (channels === 3)
    for (let at = 0; at < grey.length; at++)
      grey[at] = (pixels[3 * at] * 19595 + pixels[3 * at + 1] * 38470 + pixels[3 * at + 2] * 7471 + 0x8000) >> 16;
  if (height === side && width === side) return grey;
  const key = `${height} ${width}`;
  const from = { height, width, channels: 1 };
  const resize =
    resizers.get(key) ?? createByteResizer({ from, to: { height: side, width: side }, interpolation: 'bicubic' });
  if (resizers.size < 64) resizers.set(key, resize);
  const small = new Uint8Array(side * side);
  resize(grey, small);
  return small;
}

/** The lowest 16×16 frequencies of 32×32 values, without the factors that all have in common. */
function cosineTransform(values: Uint8Array): Float64Array {
  const rows = new Float64Array(side * kept);
  for (let row = 0; row < side; row++)
    for (let u = 0; u < kept; u++) {
      let sum = 0;
      for (let x = 0; x < side; x++) sum += values[row * side + x] * cosines[u * side + x];
      rows[row * kept + u] = sum;
    }
  const result = new Float64Array(kept * kept);
  for (let v = 0; v < kept; v++)
    for (let u = 0; u < kept; u++) {
      let sum = 0;
      for (let y = 0; y < side; y++) sum += rows[y * kept + u] * cosines[v * side + y];
      result[v * kept + u] = sum;
    }
  return result;
}

function bitsAboveMedian(frequencies: Float64Array): Uint32Array {
  const median = frequencies.slice(1).sort()[(hashBits - 1) / 2];
  const bits = new Uint32Array(words);
  for (let at = 1; at < frequencies.length; at++)
    if (frequencies[at] > median) bits[(at - 1) >> 5] |= 1 << ((at - 1) & 31);
  return bits;
}
