/** Masks as the lengths of their runs, row by row: a lesion's mask of six million pixels is a few thousand numbers. */
import type { Mask } from './mask';

/** Lengths of runs of equal pixels; the first is of 0 and may be empty. pixels: 0 or 1 each. */
export function encodeRuns(pixels: Uint8Array): Uint32Array {
  const runs: number[] = [];
  let value = 0;
  let start = 0;
  while (start < pixels.length) {
    const found = pixels.indexOf(1 - value, start);
    const end = found < 0 ? pixels.length : found;
    runs.push(end - start);
    value = 1 - value;
    start = end;
  }
  return Uint32Array.from(runs);
}

/** @throws RangeError where the runs are not as long as the mask */
export function decodeRuns(runs: Uint32Array, height: number, width: number): Mask {
  const pixels = new Uint8Array(height * width);
  let at = 0;
  runs.forEach((length, index) => {
    if (index % 2 === 1) pixels.fill(1, at, at + length);
    at += length;
  });
  if (at !== pixels.length) throw new RangeError(`Runs of ${at} pixels are no mask of ${height}×${width}.`);
  return { height, width, pixels };
}
