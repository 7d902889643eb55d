/** What light and a camera make of a picture: relief, lamp, focus, colour cast, contrast and grain. */
import type { Random } from '../../random';
import { between, blurCanvas, logBetween, type Canvas } from './canvas';
import { noiseField } from './noise';

/** The finished picture, size × size × 3 bytes. The canvas is overwritten. */
export function photograph(canvas: Canvas, random: Random): Uint8Array {
  if (random.uniform() < 0.25) emboss(canvas, random);
  if (random.uniform() < 0.5) illuminate(canvas, random);
  if (random.uniform() < 0.35) blurCanvas(canvas, logBetween(random, 0.4, 2.2));
  return expose(canvas, random);
}

/** Light from one side over a relief: its brightness as height, or noise. */
function emboss({ size, values }: Canvas, random: Random): void {
  const own = random.uniform() < 0.6;
  const height = own ? new Float32Array(size * size) : noiseField(size, random);
  if (own)
    for (let pixel = 0; pixel < height.length; pixel++)
      height[pixel] = (values[3 * pixel] + values[3 * pixel + 1] + values[3 * pixel + 2]) / 3;
  const angle = between(random, 0, 2 * Math.PI);
  const steepness = between(random, 0.5, 2.5);
  const [lightX, lightY] = [steepness * Math.cos(angle), steepness * Math.sin(angle)];
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const at = row * size + column;
      const across = height[column + 1 < size ? at + 1 : at] - height[column > 0 ? at - 1 : at];
      const down = height[row + 1 < size ? at + size : at] - height[row > 0 ? at - size : at];
      const light = Math.min(1.8, Math.max(0.3, 1 + lightX * across + lightY * down));
      for (let channel = 0; channel < 3; channel++) values[3 * at + channel] *= light;
    }
  }
}

/** A lamp at one side, or one in the middle that leaves the corners dark. */
function illuminate({ size, values }: Canvas, random: Random): void {
  const [right, down, corner] = [
    random.normal(0, 0.2),
    random.normal(0, 0.2),
    random.uniform() < 0.4 ? between(random, 0.1, 0.6) : 0,
  ];
  for (let row = 0, at = 0; row < size; row++) {
    const y = (2 * row) / size - 1;
    for (let column = 0; column < size; column++) {
      const x = (2 * column) / size - 1;
      const light = Math.max(0.1, 1 + right * x + down * y - corner * 0.5 * (x * x + y * y));
      for (let channel = 0; channel < 3; channel++, at++) values[at] *= light;
    }
  }
}

/** Contrast, a cast of each channel, and grain. */
function expose({ values }: Canvas, random: Random): Uint8Array {
  const exposure = Math.exp(random.normal(0, 0.12));
  const cast = [0, 1, 2].map(() => exposure * Math.exp(random.normal(0, 0.06)));
  const gamma = Math.exp(random.normal(0, 0.2));
  const grain = random.uniform() < 0.6 ? logBetween(random, 0.003, 0.05) : 0.002;
  const tones = Float32Array.from({ length: 1025 }, (_, index) => (index / 1024) ** gamma);
  const bytes = new Uint8Array(values.length);
  let word = random.integer(4294967296) | 1;
  for (let at = 0; at < values.length; at++) {
    // Marsaglia's xorshift; the sum of a word's four bytes is nearly normal.
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    const noise = ((word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24) - 510) / 147.8;
    const light = cast[at % 3] * values[at];
    const tone = tones[light <= 0 ? 0 : light >= 1 ? 1024 : (light * 1024) | 0] + grain * noise;
    bytes[at] = tone <= 0 ? 0 : tone >= 1 ? 255 : 255 * tone + 0.5;
  }
  return bytes;
}
