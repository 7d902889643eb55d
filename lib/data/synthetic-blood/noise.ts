import { createRandom, type Random } from '../../random';

const period = 64;
const lattice = Float32Array.from(
  { length: period * period },
  (
    (random) => () =>
      2 * random.uniform() - 1
  )(createRandom(0, 'value noise')),
);

/**
 * Smooth value noise in [-1, 1] with features about one unit wide, periodic in 64 units. One lattice serves every image: where in it a
 * texture starts is drawn with the image.
 */
export function valueNoise(x: number, y: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const fx = x - left;
  const fy = y - top;
  const u = fx * fx * (3 - 2 * fx);
  const v = fy * fy * (3 - 2 * fy);
  const row = (top & 63) << 6;
  const nextRow = ((top + 1) & 63) << 6;
  const column = left & 63;
  const nextColumn = (left + 1) & 63;
  const upper = lattice[row | column] * (1 - u) + lattice[row | nextColumn] * u;
  const lower = lattice[nextRow | column] * (1 - u) + lattice[nextRow | nextColumn] * u;
  return upper * (1 - v) + lower * v;
}

/** A number in [low, high). */
export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}

export function clamp01(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}

/** 0 below `low`, 1 above `high`, smooth between. */
export function smoothStep(low: number, high: number, value: number): number {
  const t = clamp01((value - low) / (high - low));
  return t * t * (3 - 2 * t);
}
