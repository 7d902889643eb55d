import type { Random } from '../../random';

export interface MaskSettings {
  /** Share of the images of which patches are hidden. */
  readonly share: number;
  /** Part of their patches that is, least and most. */
  readonly ratio: readonly [number, number];
}

/** Which patches the student does not see. */
export interface Masks {
  /** Images × patches: 1 where one is hidden. */
  readonly masked: Float32Array;
  /** Of the hidden ones, image · patches + patch. */
  readonly positions: Int32Array;
  /** Of each of them, 1 / the number in its image. */
  readonly weights: Float32Array;
}

const attempts = 12;

/** Hides rectangles of patches (Bao et al., BEiT, ICLR 2022), of as many images as the share says. */
export function drawMasks(
  images: number,
  [rows, columns]: readonly [number, number],
  { share, ratio }: MaskSettings,
  random: Random,
): Masks {
  const patches = rows * columns;
  const masked = new Float32Array(images * patches);
  const positions: number[] = [];
  const weights: number[] = [];
  for (const image of random
    .permutation(images)
    .subarray(0, Math.round(share * images))
    .sort()) {
    const own = masked.subarray(image * patches, (image + 1) * patches);
    const wanted = Math.max(1, Math.round(patches * (ratio[0] + (ratio[1] - ratio[0]) * random.uniform())));
    const hidden = hideRectangles(own, [rows, columns], wanted, random);
    own.forEach((value, patch) => {
      if (value === 0) return;
      positions.push(image * patches + patch);
      weights.push(1 / hidden);
    });
  }
  return { masked, positions: Int32Array.from(positions), weights: Float32Array.from(weights) };
}

/** Returns how many are hidden in the end, at most `wanted`. */
function hideRectangles(
  own: Float32Array,
  [rows, columns]: readonly [number, number],
  wanted: number,
  random: Random,
): number {
  let hidden = 0;
  for (let attempt = 0; attempt < attempts && hidden < wanted; attempt++) {
    const area = 1 + random.uniform() * (wanted - hidden - 1);
    const aspect = 0.3 ** (2 * random.uniform() - 1);
    const height = Math.min(rows, Math.max(1, Math.round(Math.sqrt(area * aspect))));
    const width = Math.min(columns, Math.max(1, Math.round(Math.sqrt(area / aspect))));
    const [top, left] = [random.integer(rows - height + 1), random.integer(columns - width + 1)];
    for (let row = top; row < top + height; row++)
      for (let column = left; column < left + width && hidden < wanted; column++) {
        if (own[row * columns + column] === 1) continue;
        own[row * columns + column] = 1;
        hidden++;
      }
  }
  return hidden;
}
