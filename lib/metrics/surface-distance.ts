import { checkSameSize, type Mask } from '../data/mask';
import { UserError } from '../errors';
import { checkTransformSize, createDistanceScratch, squaredDistancesAt } from './distance-transform';

export interface HausdorffOptions {
  /** Which percentile of the distances, 0 to 100. 95 by default; 100 is the Hausdorff distance itself. */
  readonly percentile?: number;
}

export interface SurfaceDistance {
  /** In pixels of the masks. */
  readonly distance: number;
  /** False where one mask is empty and the other is not: then there is no distance, and the diagonal stands for it. */
  readonly defined: boolean;
}

/**
 * HD95, the 95th percentile of the distances between the edges of two masks of equal size, in pixels.
 *
 * Edge pixels are foreground with a background pixel above, below, left or right, and outside of the image is background: mask xor its
 * erosion by a cross, as MONAI and medpy have it. From each edge pixel, the Euclidean distance to the nearest edge
 * pixel of the other mask; of each direction the percentile with linear interpolation (numpy's default), and the
 * larger of the two (`compute_hausdorff_distance` of MONAI; medpy's `hd95` is the percentile of both directions' distances together).
 * One mask empty: the image's diagonal √(height² + width²), and `defined: false`, to be counted. Both empty: 0.
 * @throws UserError where the masks do not have the same size
 */
export function hausdorffDistance(
  first: Mask,
  second: Mask,
  { percentile = 95 }: HausdorffOptions = {},
): SurfaceDistance {
  checkSameSize(first, second);
  checkTransformSize(first);
  if (!(percentile >= 0 && percentile <= 100))
    throw new UserError(`The percentile is ${percentile}; it must be from 0 to 100, such as 95.`);
  const box = unionBox(boundingBox(first), boundingBox(second));
  if (box === undefined) return { distance: 0, defined: true };
  const size = { height: box.bottom - box.top, width: box.right - box.left };
  const firstEdges = edgePixels(first, box);
  const secondEdges = edgePixels(second, box);
  if (firstEdges.length === 0 || secondEdges.length === 0)
    return { distance: Math.sqrt(first.height ** 2 + first.width ** 2), defined: false };
  const scratch = createDistanceScratch(size);
  const forth = squaredDistancesAt(firstEdges, secondEdges, size, scratch);
  const back = squaredDistancesAt(secondEdges, firstEdges, size, scratch);
  const fraction = percentile / 100;
  return { distance: Math.max(rootQuantile(forth, fraction), rootQuantile(back, fraction)), defined: true };
}

/** Rows and columns from (inclusive) and to (exclusive). */
interface Box {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** The smallest box that holds the foreground; undefined where there is none. */
function boundingBox({ pixels, height, width }: Mask): Box | undefined {
  let first = 0;
  while (first < pixels.length && pixels[first] === 0) first++;
  if (first === pixels.length) return undefined;
  let last = pixels.length - 1;
  while (pixels[last] === 0) last--;
  const top = Math.floor(first / width);
  const bottom = Math.floor(last / width) + 1;
  let left = first % width;
  let right = left + 1;
  for (let row = top; row < bottom; row++) {
    // Only what could widen the box is looked at.
    const start = row * width;
    let column = 0;
    while (column < left && pixels[start + column] === 0) column++;
    left = column;
    column = width;
    while (column > right && pixels[start + column - 1] === 0) column--;
    right = column;
  }
  return { top, bottom: Math.min(bottom, height), left, right };
}

function unionBox(first: Box | undefined, second: Box | undefined): Box | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return {
    top: Math.min(first.top, second.top),
    bottom: Math.max(first.bottom, second.bottom),
    left: Math.min(first.left, second.left),
    right: Math.max(first.right, second.right),
  };
}

/** Indices within the box of foreground pixels that have background, or the end of the image, above, below, left or right. */
function edgePixels({ pixels, height, width }: Mask, { top, bottom, left, right }: Box): Int32Array {
  const edges = new Int32Array((bottom - top) * (right - left));
  let count = 0;
  for (let row = top; row < bottom; row++) {
    const atBorder = row === 0 || row === height - 1;
    const boxStart = (row - top) * (right - left) - left;
    for (let column = left; column < right; column++) {
      const index = row * width + column;
      if (pixels[index] === 0) continue;
      const inside =
        !atBorder &&
        column > 0 &&
        column < width - 1 &&
        pixels[index - 1] !== 0 &&
        pixels[index + 1] !== 0 &&
        pixels[index - width] !== 0 &&
        pixels[index + width] !== 0;
      if (!inside) edges[count++] = boxStart + column;
    }
  }
  return edges.subarray(0, count);
}

/** The square root of the quantile-like value between two order statistics: of the distances, not of their squares. */
function rootQuantile(squares: Int32Array, fraction: number): number {
  const position = fraction * (squares.length - 1);
  const rank = Math.floor(position);
  const below = selectInPlace(squares, rank);
  if (rank === position) return Math.sqrt(below);
  // Everything after the rank is as large or larger.
  let above = squares[rank + 1];
  for (let index = rank + 2; index < squares.length; index++) if (squares[index] < above) above = squares[index];
  return Math.sqrt(below) + (position - rank) * (Math.sqrt(above) - Math.sqrt(below));
}

/** The value that would be at `rank` if they were sorted (Hoare 1961); afterwards, smaller ones are before it and larger ones after. */
function selectInPlace(values: Int32Array, rank: number): number {
  let [start, end] = [0, values.length - 1];
  while (start < end) {
    const pivot = values[(start + end) >> 1];
    let [left, right] = [start, end];
    while (left <= right) {
      while (values[left] < pivot) left++;
      while (values[right] > pivot) right--;
      if (left > right) break;
      const value = values[left];
      values[left++] = values[right];
      values[right--] = value;
    }
    if (rank <= right) end = right;
    else if (rank >= left) start = left;
    else break;
  }
  return values[rank];
}
