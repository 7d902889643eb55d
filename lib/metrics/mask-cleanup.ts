/** What may be done to a predicted mask where it is known that the truth is one region without holes, as the ISIC masks of lesions are. */
import { checkMask, type Mask } from '../data/mask';

/** Whether pixels that touch at a corner only belong together (8) or not (4). */
export type Connectivity = 4 | 8;

export interface Components {
  /** Height × width: 0 for background, else the number of the pixel's component, from 1 by their first pixels, row by row. */
  readonly labels: Int32Array;
  /** Number of pixels of each component; that of component n is at n − 1. */
  readonly areas: readonly number[];
}

/** The connected components of the foreground (`scipy.ndimage.label`), in linear time. */
export function connectedComponents(
  mask: Mask,
  { connectivity = 8 }: { readonly connectivity?: Connectivity } = {},
): Components {
  const { pixels, height, width } = checkMask(mask);
  const labels = new Int32Array(pixels.length);
  const waiting = new Int32Array(pixels.length); // each pixel waits once
  const areas: number[] = [];
  for (let first = 0; first < pixels.length; first++) {
    if (pixels[first] === 0 || labels[first] !== 0) continue;
    const label = areas.length + 1;
    labels[first] = label;
    waiting[0] = first;
    let [area, count] = [0, 1];
    while (count > 0) {
      const pixel = waiting[--count];
      const [row, column] = [Math.floor(pixel / width), pixel % width];
      area++;
      for (let down = row > 0 ? -1 : 0; down <= (row < height - 1 ? 1 : 0); down++) {
        for (let right = column > 0 ? -1 : 0; right <= (column < width - 1 ? 1 : 0); right++) {
          if (connectivity === 4 && down !== 0 && right !== 0) continue;
          const neighbour = pixel + down * width + right;
          if (pixels[neighbour] === 0 || labels[neighbour] !== 0) continue;
          labels[neighbour] = label;
          waiting[count++] = neighbour;
        }
      }
    }
    areas.push(area);
  }
  return { labels, areas };
}

/** The component with the most pixels, of equals the first, as 1; all else 0. An empty mask stays empty. */
export function largestComponent(mask: Mask, options: { readonly connectivity?: Connectivity } = {}): Mask {
  const { labels, areas } = connectedComponents(mask, options);
  const largest = areas.reduce((best, area, index) => (area > (areas[best - 1] ?? 0) ? index + 1 : best), 0);
  return { ...mask, pixels: Uint8Array.from(labels, (label) => (label !== 0 && label === largest ? 1 : 0)) };
}

/**
 * Background that no path of pixels above, below, left or right of each other leads out of the image from becomes foreground, 1
 * (`scipy.ndimage.binary_fill_holes`).
 */
export function fillHoles(mask: Mask): Mask {
  const { pixels, height, width } = checkMask(mask);
  const background = { ...mask, pixels: pixels.map((value) => (value === 0 ? 1 : 0)) };
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
  return { ...mask, pixels: pixels.map((value, index) => (value !== 0 || isOpen[labels[index]] === 0 ? 1 : 0)) };
}

/** The largest component with its holes filled. Scores of cleaned masks are to be reported beside those of the masks as they were. */
export function cleanMask(mask: Mask, options: { readonly connectivity?: Connectivity } = {}): Mask {
  return fillHoles(largestComponent(mask, options));
}
