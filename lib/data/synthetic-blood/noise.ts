import { createRandom, type Random } from '../../random';

/** Units after which the noise repeats, a power of two. */
const period = 64;
const latticeRandom = createRandom(0, 'value noise');
const lattice = Float32Array.from({ length: period * period }, () => between(latticeRandom, -1, 1));

/**
 * Smooth value noise in [-1, 1] with features about one unit wide, periodic in `period` units. One lattice serves
 * every image: where in it a texture starts is drawn with the image.
 */
export function valueNoise(x: number, y: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const fx = x - left;
  const fy = y - top;
  const u = fx * fx * (3 - 2 * fx);
  const v = fy * fy * (3 - 2 * fy);
  const row = (top & (period - 1)) * period;
  const nextRow = ((top + 1) & (period - 1)) * period;
  const column = left & (period - 1);
  const nextColumn = (left + 1) & (period - 1);
  const upper = lattice[row + column] * (1 - u) + lattice[row + nextColumn] * u;
  const lower = lattice[nextRow + column] * (1 - u) + lattice[nextRow + nextColumn] * u;
  return upper * (1 - v) + lower * v;
}

/** A number in [low, high). */
export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}
