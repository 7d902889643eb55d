import type { Random } from '../../random';
import type { Samples } from './grid';
import { valueNoise } from './noise';
import type { Camera } from './scene';

/** Bound once, as in `body.ts`. */
const mottle = valueNoise;

/** Part of the light left after an optical density, tabulated for speed. */
const steps = 1024;
const lowest = -0.25;
const highest = 6;
const transmittance = Float32Array.from({ length: (highest - lowest) * steps + 1 }, (_, index) =>
  Math.exp(-(lowest + index / steps)),
);

function transmitted(density: number): number {
  const index = ((density - lowest) * steps + 0.5) | 0;
  return transmittance[index < 0 ? 0 : index < transmittance.length ? index : transmittance.length - 1];
}

/**
 * Optical density to the part of the light that reaches each pixel: one sample a pixel, or the mean of two by two. The result lies in the
 * plane's first size × size numbers; a pixel is written where its samples, or those of earlier pixels, have been read.
 */
function lightPerPixel(plane: Float32Array, width: number, size: number): Float32Array {
  if (width === size) {
    for (let at = 0; at < plane.length; at++) plane[at] = transmitted(plane[at]);
    return plane;
  }
  for (let row = 0, at = 0; row < size; row++) {
    for (let column = 0; column < size; column++, at++) {
      const upper = 2 * (row * width + column);
      const lower = upper + width;
      const top = transmitted(plane[upper]) + transmitted(plane[upper + 1]);
      plane[at] = (top + transmitted(plane[lower]) + transmitted(plane[lower + 1])) / 4;
    }
  }
  return plane.subarray(0, size * size);
}

/** What the camera makes of the smear: lens, uneven lamp, sensor. Overwrites the grid; returns size × size × 3 bytes, rows first. */
export function exposeImage(grid: Samples, camera: Camera, size: number, random: Random): Uint8Array {
  const pixelPitch = (grid.pitch * grid.width) / size;
  const planes = grid.planes.map((plane) => {
    const light = lightPerPixel(plane, grid.width, size);
    blur(light, size, camera.blur / pixelPitch);
    return light;
  });
  const pixels = new Uint8Array(size * size * 3);
  const scale = 0.7 * pixelPitch;
  const [right, down] = camera.gradient;
  let word = random.integer(4294967296) | 1;
  for (let row = 0, at = 0; row < size; row++) {
    const y = (2 * (row + 0.5)) / size - 1;
    for (let column = 0; column < size; column++) {
      const x = (2 * (column + 0.5)) / size - 1;
      const lamp = 1 + right * x + down * y - camera.vignette * 0.5 * (x * x + y * y);
      const warm = camera.mottling * mottle(column * scale + camera.phase, row * scale);
      const green = 0.4 * camera.mottling * mottle(column * scale, row * scale + camera.phase);
      for (let channel = 0; channel < 3; channel++, at++) {
        // Marsaglia's xorshift; the sum of a word's four bytes is near enough to normal for noise of two grey levels.
        word ^= word << 13;
        word ^= word >>> 17;
        word ^= word << 5;
        const grain = ((word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24) - 510) / 147.8;
        const colour = channel === 0 ? warm : channel === 1 ? green : -1.6 * warm;
        const light = planes[channel][row * size + column] * camera.light[channel] * lamp;
        const value = light + colour + camera.noise * grain + 0.5;
        pixels[at] = value < 0 ? 0 : value > 255 ? 255 : value;
      }
    }
  }
  return pixels;
}

/**
 * Gaussian blur of a standard deviation in pixels, in place: one or two box filters each way whose outermost taps are weighted so that the
 * variance is exact (Gwosdek et al. 2011).
 */
function blur(plane: Float32Array, width: number, deviation: number): void {
  if (deviation < 0.1) return;
  const passes = deviation < 1 ? 1 : 2;
  const variance = deviation ** 2 / passes;
  const radius = Math.floor((Math.sqrt(12 * variance + 1) - 1) / 2);
  const outer = ((2 * radius + 1) * (radius * (radius + 1) - 3 * variance)) / (6 * (variance - (radius + 1) ** 2));
  const line = new Float32Array(width + 2 * radius + 2);
  for (let pass = 0; pass < passes; pass++) {
    for (let index = 0; index < width; index++) blurLine(plane, index * width, 1, line, radius, outer);
    for (let index = 0; index < width; index++) blurLine(plane, index, width, line, radius, outer);
  }
}

/** Filters one row (`step` 1) or column (`step` is the width) through `line`, which has room for radius + 1 repeated values at each end. */
function blurLine(
  plane: Float32Array,
  start: number,
  step: number,
  line: Float32Array,
  radius: number,
  outer: number,
): void {
  const margin = radius + 1;
  const length = line.length - 2 * margin;
  for (let index = 0, at = start; index < length; index++, at += step) line[margin + index] = plane[at];
  for (let index = 0; index < margin; index++) {
    line[index] = line[margin];
    line[margin + length + index] = line[margin + length - 1];
  }
  const norm = 1 / (2 * radius + 1 + 2 * outer);
  let sum = 0;
  for (let index = 1; index <= 2 * radius + 1; index++) sum += line[index];
  for (let index = 0, at = start; index < length; index++, at += step) {
    const after = line[index + 2 * margin];
    plane[at] = (sum + outer * (line[index] + after)) * norm;
    sum += after - line[index + 1];
  }
}
