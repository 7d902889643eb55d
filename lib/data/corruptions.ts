/**
 * Test images made worse, to see what a network makes of them: kinds and severities of MedMNIST-C (Di Salvo et al. 2024,
 * arXiv:2406.17536, package medmnistc 0.1.0). Severities are those of BloodMNIST-C, and of the noises those of DermaMNIST-C, chosen there
 * for images of 224 pixels; a blur's radius is in pixels whatever the size, so it is worse in smaller images. The shift of stains is not
 * part of MedMNIST-C.
 */
import sharp from 'sharp';
import type { Random } from '../random';
import { createByteResizer } from '../tensor/resample-bytes';
import { tf, type Tensor4D } from '../tf';

/** Images of one size, N×H×W×C bytes. */
export interface CorruptedBatch {
  readonly bytes: Uint8Array;
  readonly shape: readonly [count: number, height: number, width: number, channels: number];
  /** The random numbers of an image of the batch. */
  random(image: number): Random;
}

interface Corruption<P> {
  /** From the mildest to the worst. */
  readonly severities: readonly [P, P, P, P, P];
  apply(batch: CorruptedBatch, parameter: P): Uint8Array | Promise<Uint8Array>;
}

const corruption = <P>(
  severities: Corruption<P>['severities'],
  apply: Corruption<P>['apply'],
): Corruption<unknown> => ({ severities, apply });

export const corruptions = {
  pixelate: corruption([0.6, 0.5, 0.4, 0.3, 0.25], pixelate),
  jpeg_compression: corruption([50, 30, 15, 10, 7], compress),
  gaussian_noise: corruption([0.04, 0.08, 0.12, 0.18, 0.26], gaussianNoise),
  impulse_noise: corruption([0.01, 0.03, 0.06, 0.09, 0.17], impulseNoise),
  defocus_blur: corruption(
    [
      [2, 0.01],
      [3, 0.1],
      [4, 0.1],
      [5, 0.1],
      [6, 0.1],
    ],
    defocus,
  ),
  brightness_up: corruption([1.1, 1.2, 1.3, 1.35, 1.4], brighten),
  brightness_down: corruption([0.9, 0.8, 0.7, 0.6, 0.5], brighten),
  contrast_up: corruption([1.1, 1.15, 1.2, 1.25, 1.3], changeContrast),
  contrast_down: corruption([0.9, 0.8, 0.7, 0.6, 0.5], changeContrast),
  stain_shift: corruption([0.05, 0.1, 0.2, 0.3, 0.4], shiftStains),
} as const satisfies Record<string, Corruption<unknown>>;

export type CorruptionKind = keyof typeof corruptions;

/** Coarser pixels: means of areas, `factor` as many a side. */
function pixelate({ bytes, shape: [count, height, width, channels] }: CorruptedBatch, factor: number): Uint8Array {
  const whole = { height, width };
  const coarse = { height: Math.max(1, Math.trunc(height * factor)), width: Math.max(1, Math.trunc(width * factor)) };
  const shrink = createByteResizer({ from: { ...whole, channels }, to: coarse, interpolation: 'box' });
  const enlarge = createByteResizer({ from: { ...coarse, channels }, to: whole, interpolation: 'box' });
  const small = new Uint8Array(coarse.height * coarse.width * channels);
  const result = new Uint8Array(bytes.length);
  const size = height * width * channels;
  for (let start = 0; start < count * size; start += size) {
    shrink(bytes.subarray(start, start + size), small);
    enlarge(small, result.subarray(start, start + size));
  }
  return result;
}

/** A JPEG of this quality, with colours at half the resolution. */
async function compress(
  { bytes, shape: [count, height, width, channels] }: CorruptedBatch,
  quality: number,
): Promise<Uint8Array> {
  const result = new Uint8Array(bytes.length);
  const size = height * width * channels;
  const raw = { width, height, channels: channels as 1 | 3 };
  const work = Array.from({ length: count }, async (_, image) => {
    const pixels = bytes.subarray(image * size, (image + 1) * size);
    const file = await sharp(pixels, { raw }).jpeg({ quality, chromaSubsampling: '4:2:0' }).toBuffer();
    result.set(
      await sharp(file)
        .toColourspace(channels === 1 ? 'b-w' : 'srgb')
        .raw()
        .toBuffer(),
      image * size,
    );
  });
  await Promise.all(work);
  return result;
}

/** Normal noise of this deviation, of values between 0 and 1. */
function gaussianNoise(batch: CorruptedBatch, deviation: number): Uint8Array {
  return eachValue(batch, (value, random) => value + 255 * random.normal(0, deviation));
}

/** This share of the values becomes black or white, each as often. */
function impulseNoise(batch: CorruptedBatch, share: number): Uint8Array {
  return eachValue(batch, (value, random) => {
    if (random.uniform() >= share) return value;
    return random.uniform() < 0.5 ? 0 : 255;
  });
}

/** A disc of this radius around every pixel, its edge softened (Hendrycks & Dietterich 2019). */
function defocus({ bytes, shape }: CorruptedBatch, [radius, softness]: readonly [number, number]): Uint8Array {
  const { kernel, side } = discKernel(radius, softness);
  const reach = (side - 1) / 2;
  const values = tf.tidy(() => {
    const [count, height, width, channels] = shape;
    // Channels are images of their own: they are blurred alike.
    const planes = tf
      .tensor4d(bytes, [...shape], 'int32')
      .toFloat()
      .transpose([0, 3, 1, 2]);
    const images = planes.reshape<Tensor4D>([count * channels, height, width, 1]);
    const padded = reflected(reflected(images, reach, 1), reach, 2);
    const blurred = tf.conv2d(padded, tf.tensor4d(kernel, [side, side, 1, 1]), 1, 'valid');
    return blurred.reshape([count, channels, height, width]).transpose([0, 2, 3, 1]).dataSync<'float32'>();
  });
  // A hair above what was rounded off, so that an even area stays as it is.
  return Uint8Array.from(values, (value) => Math.min(255, value + 1e-3));
}

/** Continued by its mirror image, the outermost line once, as often as it takes. */
function reflected(images: Tensor4D, reach: number, axis: 1 | 2): Tensor4D {
  const length = images.shape[axis];
  const period = Math.max(1, 2 * (length - 1));
  const indices = Int32Array.from({ length: length + 2 * reach }, (_, at) => {
    const place = (((at - reach) % period) + period) % period;
    return place < length ? place : period - place;
  });
  return tf.gather(images, tf.tensor1d(indices, 'int32'), axis);
}

function discKernel(radius: number, softness: number): { kernel: Float32Array; side: number } {
  const reach = Math.max(8, Math.trunc(radius));
  const side = 2 * reach + 1;
  const disc = Array.from({ length: side * side }, (_, at) => {
    const [y, x] = [Math.floor(at / side) - reach, (at % side) - reach];
    return x * x + y * y <= radius * radius ? 1 : 0;
  });
  const area = disc.reduce<number>((sum, value) => sum + value, 0);
  const smoothing = radius <= 8 ? 1 : 2;
  const taps = Array.from({ length: 2 * smoothing + 1 }, (_, at) =>
    Math.exp(-((at - smoothing) ** 2) / (2 * softness ** 2)),
  );
  const total = taps.reduce((sum, tap) => sum + tap, 0);
  const kernel = new Float32Array(side * side);
  disc.forEach((value, at) => {
    if (value === 0) return;
    const [y, x] = [Math.floor(at / side), at % side];
    taps.forEach((vertical, down) =>
      taps.forEach((horizontal, right) => {
        // What would fall outside comes back in; the disc ends well before the border.
        const [row, column] = [mirror(y + down - smoothing, side), mirror(x + right - smoothing, side)];
        kernel[row * side + column] += (vertical * horizontal) / (total * total * area);
      }),
    );
  });
  return { kernel, side };
}

const mirror = (place: number, length: number): number =>
  place < 0 ? -place : place >= length ? 2 * (length - 1) - place : place;

/** Every value by this factor. */
function brighten(batch: CorruptedBatch, factor: number): Uint8Array {
  return eachValue(batch, (value) => blend(0, value, factor));
}

/** The distance of every value from the image's mean brightness by this factor. */
function changeContrast(
  { bytes, shape: [count, height, width, channels] }: CorruptedBatch,
  factor: number,
): Uint8Array {
  const size = height * width * channels;
  const result = new Uint8Array(bytes.length);
  for (let image = 0; image < count; image++) {
    const pixels = bytes.subarray(image * size, (image + 1) * size);
    const mean = Math.floor(meanBrightness(pixels, channels) + 0.5);
    pixels.forEach((value, at) => (result[image * size + at] = toByte(blend(mean, value, factor))));
  }
  return result;
}

/** Pillow's, in float32. */
const blend = (from: number, to: number, factor: number): number =>
  Math.fround(from + Math.fround(Math.fround(factor) * (to - from)));

/** Of Pillow's conversion to grey (ITU-R 601), in whole numbers. */
function meanBrightness(pixels: Uint8Array, channels: number): number {
  let sum = 0;
  for (let at = 0; at < pixels.length; at += channels) {
    sum +=
      channels === 1
        ? pixels[at]
        : (pixels[at] * 19595 + pixels[at + 1] * 38470 + pixels[at + 2] * 7471 + 0x8000) >> 16;
  }
  return sum / (pixels.length / channels);
}

/** Optical densities of haematoxylin, eosin and DAB, a row each (Ruifrok & Johnston 2001). */
const stains = [
  [0.65, 0.7, 0.29],
  [0.07, 0.99, 0.11],
  [0.27, 0.57, 0.78],
];
const unmixing = inverse(stains);

/**
 * The amount of each stain by a factor of 1 ± `strength` and more or less of it everywhere, by up to a fifth of `strength` in optical
 * density: as another laboratory or an older slide has it (after Tellez et al. 2018). Each image draws its own.
 */
function shiftStains(batch: CorruptedBatch, strength: number): Uint8Array {
  const {
    bytes,
    shape: [count, height, width, channels],
  } = batch;
  const size = height * width * channels;
  const result = new Uint8Array(bytes.length);
  for (let image = 0; image < count; image++) {
    const random = batch.random(image);
    const draw = (range: number): number => range * (2 * random.uniform() - 1);
    const shift = stains.map(() => ({ factor: 1 + draw(strength), more: draw(strength / 5) }));
    shiftImage(bytes.subarray(image * size, (image + 1) * size), result.subarray(image * size), channels, shift);
  }
  return result;
}

interface StainShift {
  readonly factor: number;
  readonly more: number;
}

/** Grey images have one stain, the first. */
export function shiftImage(
  pixels: Uint8Array,
  target: Uint8Array,
  channels: number,
  shift: readonly StainShift[],
): void {
  const density = (value: number): number => -Math.log((value + 1) / 256);
  const light = (amount: number): number => 256 * Math.exp(-amount) - 1;
  for (let at = 0; at < pixels.length; at += channels) {
    if (channels === 1) {
      target[at] = toByte(Math.round(light(density(pixels[at]) * shift[0].factor + shift[0].more)));
      continue;
    }
    const densities = [0, 1, 2].map((channel) => density(pixels[at + channel]));
    const amounts = shift.map(({ factor, more }, stain) => {
      const amount = densities.reduce((sum, value, channel) => sum + value * unmixing[channel][stain], 0);
      return amount * factor + more;
    });
    for (let channel = 0; channel < 3; channel++) {
      const amount = amounts.reduce((sum, value, stain) => sum + value * stains[stain][channel], 0);
      target[at + channel] = toByte(Math.round(light(amount)));
    }
  }
}

/** Of a 3×3 matrix, by its cofactors. */
function inverse(m: readonly (readonly number[])[]): number[][] {
  const cofactor = (row: number, column: number): number => {
    const [a, b] = [(row + 1) % 3, (row + 2) % 3];
    const [c, d] = [(column + 1) % 3, (column + 2) % 3];
    return m[a][c] * m[b][d] - m[a][d] * m[b][c];
  };
  const determinant = [0, 1, 2].reduce((sum, column) => sum + m[0][column] * cofactor(0, column), 0);
  return [0, 1, 2].map((row) => [0, 1, 2].map((column) => cofactor(column, row) / determinant));
}

function eachValue(batch: CorruptedBatch, change: (value: number, random: Random) => number): Uint8Array {
  const { bytes, shape } = batch;
  const size = bytes.length / shape[0];
  const result = new Uint8Array(bytes.length);
  for (let image = 0; image < shape[0]; image++) {
    const random = batch.random(image);
    for (let at = image * size; at < (image + 1) * size; at++) result[at] = toByte(change(bytes[at], random));
  }
  return result;
}

/** Cut off below, as Pillow and NumPy do, and to the range. */
const toByte = (value: number): number => (value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value));
