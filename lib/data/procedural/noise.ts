/** Noise of many scales (Perlin, An image synthesizer, SIGGRAPH 1985; Musgrave's ridges), as clouds, tissue, bark and stone have it. */
import { createRandom, type Random } from '../../random';
import { between, choose, coloured, drawPalette, logBetween, type DrawTexture } from './canvas';

const latticeSize = 256;
const latticeRandom = createRandom(0, 'gradient noise');
const permutation = latticeRandom.permutation(latticeSize);
const directions = Float32Array.from({ length: 2 * latticeSize }, (_, index) => {
  const angle = (2 * Math.PI * (index >> 1)) / latticeSize;
  return index % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
});

/** Gradient noise of about −0.7 to 0.7 with features about one unit wide, periodic in 256 units. */
export function gradientNoise(x: number, y: number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [fx, fy] = [x - left, y - top];
  const u = fx * fx * fx * (fx * (6 * fx - 15) + 10);
  const v = fy * fy * fy * (fy * (6 * fy - 15) + 10);
  const upperLeft = slope(left, top, fx, fy);
  const upper = upperLeft + u * (slope(left + 1, top, fx - 1, fy) - upperLeft);
  const lowerLeft = slope(left, top + 1, fx, fy - 1);
  const lower = lowerLeft + u * (slope(left + 1, top + 1, fx - 1, fy - 1) - lowerLeft);
  return upper + v * (lower - upper);
}

function slope(column: number, row: number, dx: number, dy: number): number {
  const direction = 2 * permutation[(permutation[column & 255] + row) & 255];
  return directions[direction] * dx + directions[direction + 1] * dy;
}

export interface NoiseOptions {
  /** Features of the largest scale across the picture. */
  readonly frequency: number;
  readonly octaves: number;
  /** Amplitude of an octave as a share of the one before. */
  readonly persistence: number;
  /** `billows` are round hills with sharp valleys, `ridges` the reverse. */
  readonly kind: 'plain' | 'billows' | 'ridges';
  /** How far places are moved by another noise, as a share of the picture. */
  readonly warp: number;
  /** Length of features by their width; the direction is drawn. */
  readonly stretch: number;
}

export function drawNoiseOptions(random: Random): NoiseOptions {
  return {
    frequency: logBetween(random, 1, 12),
    octaves: 1 + random.integer(5),
    persistence: between(random, 0.35, 0.8),
    kind: choose(random, ['plain', 'plain', 'billows', 'ridges']),
    warp: random.uniform() < 0.4 ? between(random, 0.02, 0.25) : 0,
    stretch: random.uniform() < 0.3 ? logBetween(random, 1.5, 6) : 1,
  };
}

/** A field of size × size values. */
export function noiseField(
  size: number,
  random: Random,
  options: NoiseOptions = drawNoiseOptions(random),
): Float32Array {
  const { frequency, octaves, persistence, kind, warp, stretch } = options;
  const field = new Float32Array(size * size);
  const [startX, startY, turn] = [between(random, 0, 256), between(random, 0, 256), between(random, 0, 2 * Math.PI)];
  const scale = frequency / size;
  const [cos, sin] = [Math.cos(turn) * scale, Math.sin(turn) * scale];
  const moved = warp * frequency * 2;
  for (let row = 0, at = 0; row < size; row++) {
    for (let column = 0; column < size; column++, at++) {
      let x = startX + (column * cos + row * sin) / stretch;
      let y = startY + row * cos - column * sin;
      if (moved > 0) {
        const shift = moved * gradientNoise(0.6 * x + 71, 0.6 * y + 33);
        y += moved * gradientNoise(0.6 * x + 13, 0.6 * y + 97);
        x += shift;
      }
      let [sum, amplitude] = [0, 1];
      for (let octave = 0; octave < octaves; octave++) {
        const value = gradientNoise(x, y);
        sum += amplitude * (kind === 'plain' ? value : kind === 'billows' ? Math.abs(value) : -Math.abs(value));
        amplitude *= persistence;
        x = 2 * x + 17.3;
        y = 2 * y + 5.9;
      }
      field[at] = sum;
    }
  }
  return field;
}

export const drawNoise: DrawTexture = (size, random) => coloured(noiseField(size, random), size, drawPalette(random));
