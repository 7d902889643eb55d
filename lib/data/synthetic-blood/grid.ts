import type { Absorbance } from './stain';

/** Samples `pitch` apart, `width` a row, in any unit of length. */
export interface Samples {
  readonly width: number;
  readonly pitch: number;
  /** Optical density of red, green and blue light. */
  readonly planes: readonly [Float32Array, Float32Array, Float32Array];
}

/** In micrometres. */
export interface Grid extends Samples {
  /** 1 where red cells may lie, 0 under a leukocyte, which pushes them aside. */
  readonly free: Float32Array;
  /** Granular coverage of the body that is being drawn. */
  readonly granules: Float32Array;
}

/** First and last column, first and last row of the samples within `reach` of x, y. */
export function samplesAround(grid: Samples, x: number, y: number, reach: number): [number, number, number, number] {
  const index = (position: number) => position / grid.pitch + grid.width / 2 - 0.5;
  return [
    Math.max(0, Math.ceil(index(x - reach))),
    Math.min(grid.width - 1, Math.floor(index(x + reach))),
    Math.max(0, Math.ceil(index(y - reach))),
    Math.min(grid.width - 1, Math.floor(index(y + reach))),
  ];
}

/** Coverage at a signed distance from an edge that is `width` wide: 1 inside, 0 outside. */
export function coverage(distance: number, width: number): number {
  const t = 0.5 - distance / width;
  return t <= 0 ? 0 : t >= 1 ? 1 : t * t * (3 - 2 * t);
}

/** Adds `amount` of what absorbs to one sample. */
export function absorb({ planes }: Samples, at: number, absorbance: Absorbance, amount: number): void {
  planes[0][at] += absorbance[0] * amount;
  planes[1][at] += absorbance[1] * amount;
  planes[2][at] += absorbance[2] * amount;
}

/** Calls `paint` with the samples of a soft disc and how much of each it covers. The covered area does not depend on the pitch. */
export function stamp(
  grid: Samples,
  x: number,
  y: number,
  radius: number,
  paint: (at: number, covered: number) => void,
): void {
  const edge = Math.max(0.12, 1.2 * grid.pitch);
  // Softening an edge over `edge` adds edge²/20 to the mean squared radius.
  const dilution = radius ** 2 / (radius ** 2 + edge ** 2 / 20);
  const [left, right, top, bottom] = samplesAround(grid, x, y, radius + edge / 2);
  for (let row = top; row <= bottom; row++) {
    const dy = (row + 0.5 - grid.width / 2) * grid.pitch - y;
    for (let column = left; column <= right; column++) {
      const dx = (column + 0.5 - grid.width / 2) * grid.pitch - x;
      const covered = coverage(Math.sqrt(dx * dx + dy * dy) - radius, edge);
      if (covered > 0) paint(row * grid.width + column, covered * dilution);
    }
  }
}
