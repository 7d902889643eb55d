/** What may be done to a predicted mask where it is known that the truth is one region without holes, as the ISIC masks of lesions are. */
import { checkMask, invertPixels, type Mask } from '../data/mask';

/** Whether pixels that touch at a corner only belong together (8) or not (4). */
export type Connectivity = 4 | 8;

export interface Components {
  /** Height × width: 0 for background, else the number of the pixel's component, from 1 by their first pixels, row by row. */
  readonly labels: Int32Array;
  /** Number of pixels of each component; that of component n is at n − 1. */
  readonly areas: readonly number[];
}

/**
 * The connected components of the foreground (`scipy.ndimage.label`): runs of foreground pixels within a row, joined where they touch a
 * run of the row above.
 */
export function connectedComponents(
  mask: Mask,
  { connectivity = 8 }: { readonly connectivity?: Connectivity } = {},
): Components {
  const { width } = checkMask(mask);
  const { starts, ends } = foregroundRuns(mask);
  const parents = joinedRuns(starts, ends, width, connectivity === 8 ? 1 : 0);
  const labels = new Int32Array(mask.pixels.length);
  const labelOfRun = new Int32Array(starts.length);
  const areas: number[] = [];
  starts.forEach((start, run) => {
    // The first run of a component is the root of the others, so that its number is given before it is needed.
    const root = rootOf(parents, run);
    if (root === run) labelOfRun[run] = areas.push(0);
    labels.fill(labelOfRun[root], start, ends[run]);
    areas[labelOfRun[root] - 1] += ends[run] - start;
  });
  return { labels, areas };
}

/** Where runs of foreground pixels start, and where they end (exclusive), as indices of pixels; none goes beyond its row. */
function foregroundRuns({ pixels, height, width }: Mask): { starts: number[]; ends: number[] } {
  const [starts, ends]: number[][] = [[], []];
  for (let row = 0; row < height; row++) {
    const end = (row + 1) * width;
    for (let index = row * width; index < end; index++) {
      if (pixels[index] === 0) continue;
      starts.push(index);
      while (index < end && pixels[index] !== 0) index++;
      ends.push(index);
    }
  }
  return { starts, ends };
}

/** An earlier run of the same component for each run, or itself. `reach`: how far apart runs of two rows may be, in columns. */
function joinedRuns(starts: readonly number[], ends: readonly number[], width: number, reach: 0 | 1): Int32Array {
  const parents = Int32Array.from(starts, (_, run) => run);
  for (let run = 0, above = 0; run < starts.length; run++) {
    const row = Math.floor(starts[run] / width);
    const [first, last] = [starts[run] - width - reach, ends[run] - width + reach];
    // A run above may touch several of this row: it is left behind only when it ends before this one begins.
    while (above < run && ends[above] <= first) above++;
    for (let other = above; other < run && starts[other] < last; other++) {
      if (ends[other] <= first || Math.floor(starts[other] / width) !== row - 1) continue;
      const [one, two] = [rootOf(parents, run), rootOf(parents, other)];
      parents[Math.max(one, two)] = Math.min(one, two);
    }
  }
  return parents;
}

/** Follows the parents to the first run of a component, and shortens the way for the next time. */
function rootOf(parents: Int32Array, run: number): number {
  while (parents[run] !== run) {
    parents[run] = parents[parents[run]];
    run = parents[run];
  }
  return run;
}

/** The component with the most pixels, of equals the first, as 1; all else 0. An empty mask stays empty. */
export function largestComponent(mask: Mask, options: { readonly connectivity?: Connectivity } = {}): Mask {
  const { labels, areas } = connectedComponents(mask, options);
  const largest = areas.reduce((best, area, index) => (area > (areas[best - 1] ?? 0) ? index + 1 : best), 0);
  const pixels = new Uint8Array(labels.length);
  for (let index = 0; index < pixels.length; index++) pixels[index] = labels[index] === largest && largest > 0 ? 1 : 0;
  return { ...mask, pixels };
}

/**
 * Background that no path of pixels above, below, left or right of each other leads out of the image from becomes foreground, 1
 * (`scipy.ndimage.binary_fill_holes`).
 */
export function fillHoles(mask: Mask): Mask {
  const { pixels, height, width } = checkMask(mask);
  const background = { ...mask, pixels: invertPixels(pixels) };
  const { labels, areas } = connectedComponents(background, { connectivity: 4 });
  const isOpen = new Uint8Array(areas.length + 1);
  for (let column = 0; column < width; column++) {
    isOpen[labels[column]] = 1;
    isOpen[labels[(height - 1) * width + column]] = 1;
  }
  for (let row = 0; row < height; row++) {
    isOpen[labels[row * width]] = 1;
    isOpen[labels[row * width + width - 1]] = 1;
  }
  const filled = new Uint8Array(pixels.length);
  for (let index = 0; index < filled.length; index++)
    filled[index] = pixels[index] !== 0 || isOpen[labels[index]] === 0 ? 1 : 0;
  return { ...mask, pixels: filled };
}

/** The largest component with its holes filled. Scores of cleaned masks are to be reported beside those of the masks as they were. */
export function cleanMask(mask: Mask, options: { readonly connectivity?: Connectivity } = {}): Mask {
  return fillHoles(largestComponent(mask, options));
}
