import { checkMask, type Mask } from '../data/mask';
import { UserError } from '../errors';
import type { PlaneSize } from '../tensor/resample';

/** The squared distance where there is nothing that a distance could lead to. */
export const unreachable = 2 ** 31 - 1;

/** In `columnDistances`: no site in this column. */
const noSite = 0xffff;

/**
 * Squared Euclidean distance of each pixel's centre to the nearest foreground pixel's, in pixels: exact whole numbers, height × width.
 * In an empty mask every pixel is `unreachable`. Linear time: the distance within each column, then the lower envelope of their
 * parabolas along each row (Felzenszwalb and Huttenlocher 2012, § 2; in whole numbers as Meijster et al. 2000).
 * `Math.sqrt` of it is `scipy.ndimage.distance_transform_edt(mask == 0)`.
 */
export function squaredDistanceTransform(sites: Mask): Int32Array {
  const { pixels, height, width } = checkMask(sites);
  checkTransformSize({ height, width });
  const columns = new Uint16Array(height * width);
  for (let index = 0; index < columns.length; index++) columns[index] = pixels[index] === 0 ? noSite : 0;
  spreadAlongColumns(columns, { height, width });
  const squares = new Int32Array(height * width);
  const envelope = createEnvelope(width);
  for (let row = 0; row < height; row++) {
    const parabolas = fillEnvelope(envelope, columns, row * width, width);
    for (let column = 0, current = 0; column < width; column++) {
      if (parabolas === 0) squares[row * width + column] = unreachable;
      else {
        while (current + 1 < parabolas && envelope.from[current + 1] <= column) current++;
        squares[row * width + column] = (column - envelope.apex[current]) ** 2 + envelope.height[current];
      }
    }
  }
  return squares;
}

/**
 * The same at some pixels only: those of `queries` (indices in ascending order), from `sites` (indices, at least one)
 * of a plane. Most edges are near one another, and looking left and right finds the nearest site in a few steps. A
 * row in which that takes more steps than an envelope would is finished with one, so that the time stays linear.
 */
export function squaredDistancesAt(
  queries: Int32Array,
  sites: Int32Array,
  { height, width }: PlaneSize,
  { columns, envelope }: DistanceScratch,
): Int32Array {
  columns.fill(noSite, 0, height * width);
  for (const site of sites) columns[site] = 0;
  spreadAlongColumns(columns, { height, width });
  const squares = new Int32Array(queries.length);
  for (let query = 0; query < queries.length;) {
    const start = queries[query] - (queries[query] % width);
    const end = start + width;
    for (let steps = 0; steps <= 2 * width && query < queries.length && queries[query] < end; query++) {
      const at = queries[query];
      let nearest = columns[at] === noSite ? unreachable : columns[at] ** 2;
      for (let step = 1; step * step < nearest; step++, steps++) {
        const left = at - step < start ? noSite : columns[at - step];
        const right = at + step >= end ? noSite : columns[at + step];
        const distance = left < right ? left : right;
        if (distance !== noSite) nearest = Math.min(nearest, distance * distance + step * step);
        else if (at - step < start && at + step >= end) break;
      }
      squares[query] = nearest;
    }
    if (query === queries.length || queries[query] >= end) continue;
    const parabolas = fillEnvelope(envelope, columns, start, width);
    for (let current = 0; query < queries.length && queries[query] < end; query++) {
      const column = queries[query] - start;
      while (current + 1 < parabolas && envelope.from[current + 1] <= column) current++;
      squares[query] = (column - envelope.apex[current]) ** 2 + envelope.height[current];
    }
  }
  return squares;
}

export interface DistanceScratch {
  readonly columns: Uint16Array;
  readonly envelope: Envelope;
}

export function createDistanceScratch({ height, width }: PlaneSize): DistanceScratch {
  return { columns: new Uint16Array(height * width), envelope: createEnvelope(width) };
}

/** Throws a UserError for a plane whose squared diagonal is no 32-bit number. */
export function checkTransformSize({ height, width }: PlaneSize): void {
  if (height * height + width * width >= unreachable)
    throw new UserError(
      `${height}×${width} pixels are too many for exact distances: the diagonal must be below 46340.`,
    );
}

/** Distance to the nearest 0 above or below, in place: one sweep down and one up, row by row as the memory lies. */
function spreadAlongColumns(columns: Uint16Array, { height, width }: PlaneSize): void {
  const count = height * width;
  for (let index = width; index < count; index++) {
    const above = columns[index - width];
    if (above < columns[index]) columns[index] = above + 1;
  }
  for (let index = count - width - 1; index >= 0; index--) {
    const below = columns[index + width];
    if (below < columns[index]) columns[index] = below + 1;
  }
}

/** The parabolas that are lowest somewhere in a row, from left to right. */
interface Envelope {
  /** Column of the lowest point, squared distance there, and first column at which this parabola is the lowest. */
  readonly apex: Int32Array;
  readonly height: Int32Array;
  readonly from: Int32Array;
}

function createEnvelope(width: number): Envelope {
  return { apex: new Int32Array(width), height: new Int32Array(width), from: new Int32Array(width) };
}

/** Fills the envelope of the row that starts at `start` and returns the number of its parabolas, 0 where no column has a site. */
function fillEnvelope({ apex, height, from }: Envelope, columns: Uint16Array, start: number, width: number): number {
  let last = -1;
  for (let column = 0; column < width; column++) {
    const distance = columns[start + column];
    if (distance === noSite) continue;
    const square = distance * distance;
    let first = 0;
    for (; last >= 0; last--) {
      const other = apex[last];
      // The first column at which this parabola is lower than the other. A negative one is as good as 0, and | 0 rounds the rest down.
      const numerator = (column - other) * (column + other) + square - height[last];
      first = numerator < 0 ? 0 : ((numerator / (2 * (column - other))) | 0) + 1;
      if (first > from[last]) break;
    }
    if (last < 0) first = 0;
    if (first >= width) continue;
    last++;
    apex[last] = column;
    height[last] = square;
    from[last] = first;
  }
  return last + 1;
}
