/** Maps of numbers as pixels, for `imageGrid`. */

type Color = readonly [red: number, green: number, blue: number];

/** From dark to light, so that it reads without colours too (viridis at five places; Smith and van der Walt 2015). */
const heatScale: readonly Color[] = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
];

/**
 * The smallest value dark, the largest light, or the ends of a range that several images have in common. values → values × 3 bytes.
 */
export function heatPixels(values: ArrayLike<number>, range?: readonly [low: number, high: number]): Uint8Array {
  const pixels = new Uint8Array(values.length * 3);
  scaled(Array.from(values), 0, range).forEach((share, index) => pixels.set(heatColor(share), index * 3));
  return pixels;
}

function heatColor(share: number): number[] {
  const place = share * (heatScale.length - 1);
  const below = Math.min(heatScale.length - 2, Math.floor(place));
  const [from, to] = [heatScale[below], heatScale[below + 1]];
  return from.map((value, channel) => Math.round(value + (place - below) * (to[channel] - value)));
}

/**
 * Three numbers a place as red, green and blue. Each channel is spread over its range, but for a hundredth at either end, where a few
 * unusual places would make all others alike. scores: row-major count × 3 → count × 3 bytes.
 */
export function componentPixels(scores: Float32Array): Uint8Array {
  const pixels = new Uint8Array(scores.length);
  for (let channel = 0; channel < 3; channel++) {
    const values = Array.from({ length: scores.length / 3 }, (_, place) => scores[place * 3 + channel]);
    scaled(values, 0.01).forEach((share, place) => {
      pixels[place * 3 + channel] = Math.round(255 * share);
    });
  }
  return pixels;
}

/** To [0, 1] from a range, or from that of the values with a share of them cut off at both ends; what does not vary is 0. */
function scaled(values: readonly number[], cut: number, range?: readonly [low: number, high: number]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  const skipped = Math.floor(cut * sorted.length);
  const [low, high] = range ?? [sorted[skipped], sorted[sorted.length - 1 - skipped]];
  return values.map((value) => (high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0));
}
