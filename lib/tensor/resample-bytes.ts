/**
 * Resizing of 8-bit images, equal to Pillow 13's `Image.resize` byte for byte (its Resample.c and Geometry.c): one direction, then the
 * other, with a filter that widens where the image shrinks, coefficients of 22 bits and bytes between the two passes. Everything that
 * depends on sizes alone is worked out once.
 */
import type { PlaneSize } from './resample';

export const interpolations = ['bicubic', 'bilinear', 'nearest'] as const;
export type Interpolation = (typeof interpolations)[number];

/** A part of the resized image, in its pixels. */
export interface CropWindow extends PlaneSize {
  readonly top: number;
  readonly left: number;
}

export interface ByteResize {
  /** Channels are resized independently of each other. */
  readonly from: PlaneSize & { readonly channels: number };
  readonly to: PlaneSize;
  /** `box`: means of areas, as of coarser pixels. */
  readonly interpolation: Interpolation | 'box';
  /** What of the resized image is wanted; all of it by default. Only this is computed. */
  readonly crop?: CropWindow;
}

/** Resizes one image: `source` holds height × width × channels bytes of it, `target` gets those of the crop. */
export type ByteResizer = (source: Uint8Array, target: Uint8Array) => void;

/** The function that resizes images of one size to one other. */
export function createByteResizer({ from, to, interpolation, crop }: ByteResize): ByteResizer {
  const { channels } = from;
  const window = crop ?? { top: 0, left: 0, ...to };
  if (interpolation === 'nearest') {
    const columns = nearestPositions(from.width, to.width, window.left, window.width);
    const rows = nearestPositions(from.height, to.height, window.top, window.height);
    return (source, target) => pick(source, target, { rows, columns, width: from.width, channels });
  }
  const columns = resampleTaps(from.width, to.width, window.left, window.width, interpolation);
  const rows = resampleTaps(from.height, to.height, window.top, window.height, interpolation);
  const narrowLines = channels === 3 ? narrowColours : narrow;
  if (columnsFirst(from, to)) {
    const shortened = new Uint8Array(window.height * from.width * channels);
    return (source, target) => {
      shorten(source, shortened, rows, from.width * channels);
      narrowLines(shortened, target, columns, from.width, channels);
    };
  }
  // Only those rows are narrowed that some output looks at.
  const firstRow = rows.first[0];
  const lastRow = rows.first[window.height - 1] + rows.count;
  const narrowed = new Uint8Array((lastRow - firstRow) * window.width * channels);
  const shifted = { ...rows, first: rows.first.map((first) => first - firstRow) };
  return (source, target) => {
    const part = source.subarray(firstRow * from.width * channels, lastRow * from.width * channels);
    narrowLines(part, narrowed, columns, from.width, channels);
    shorten(narrowed, target, shifted, window.width * channels);
  };
}

/**
 * Whether the height changes before the width, as Pillow 13 has it where the height loses more than twice as much. Earlier versions always
 * begin with the width; in these cases, their bytes differ from the ones here by rounding.
 */
function columnsFirst(from: PlaneSize, to: PlaneSize): boolean {
  const lost = from.height - to.height;
  return lost > 0 && lost > 2 * (from.width - to.width);
}

/** For each output: its first input, and `count` coefficients, the last of which may be 0. */
interface Taps {
  readonly first: Int32Array;
  readonly weights: Int32Array;
  readonly count: number;
}

const precisionBits = 22;
const half = 1 << (precisionBits - 1);

/** The taps of outputs `start` … `start + length − 1` of a line of `from` pixels that is resized to `to`. */
function resampleTaps(
  from: number,
  to: number,
  start: number,
  length: number,
  interpolation: keyof typeof filters,
): Taps {
  if (from === to) return identityTaps(start, length);
  const { filter, reach } = filters[interpolation];
  const scale = from / to;
  const stretch = Math.max(1, scale); // antialiasing
  const support = reach * stretch;
  const bounds = Array.from({ length }, (_, index) => {
    const centre = (start + index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(from, Math.trunc(centre + support + 0.5));
    return { centre, first, last };
  });
  const count = Math.max(...bounds.map(({ first, last }) => last - first));
  const weights = new Int32Array(length * count);
  const firsts = new Int32Array(length);
  bounds.forEach(({ centre, first, last }, output) => {
    const values = Array.from({ length: last - first }, (_, tap) =>
      filter((tap + first - centre + 0.5) * (1 / stretch)),
    );
    const sum = values.reduce((total, value) => total + value, 0);
    // Every output has the same number of taps within the line: it may begin earlier, with zeros before its own.
    firsts[output] = Math.min(first, from - count);
    values.forEach((value, tap) => {
      const scaled = (sum === 0 ? value : value / sum) * (1 << precisionBits);
      weights[output * count + first - firsts[output] + tap] = Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    });
  });
  return { first: firsts, weights, count };
}

/** A line that keeps its length is copied. */
function identityTaps(start: number, length: number): Taps {
  const first = Int32Array.from({ length }, (_, index) => start + index);
  return { first, weights: new Int32Array(length).fill(1 << precisionBits), count: 1 };
}

const filters = {
  bilinear: { reach: 1, filter: (x: number): number => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { reach: 2, filter: cubic },
  box: { reach: 0.5, filter: (x: number): number => (x > -0.5 && x <= 0.5 ? 1 : 0) },
} as const;

/** Keys' cubic with a = −½ (Catmull-Rom), its terms in Pillow's order. */
function cubic(x: number): number {
  const a = -0.5;
  const distance = Math.abs(x);
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * a;
  return 0;
}

/** A sum of products as a byte. */
function toByte(sum: number): number {
  const value = sum >> precisionBits;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** Each row of 3 channels to its new width. */
function narrowColours(source: Uint8Array, target: Uint8Array, { first, weights, count }: Taps, width: number): void {
  const line = width * 3;
  let output = 0;
  for (let row = 0; row < source.length; row += line) {
    for (let column = 0; column < first.length; column++) {
      let at = row + first[column] * 3;
      let red = half;
      let green = half;
      let blue = half;
      const end = (column + 1) * count;
      for (let tap = column * count; tap < end; tap++, at += 3) {
        const weight = weights[tap];
        red = (red + Math.imul(source[at], weight)) | 0;
        green = (green + Math.imul(source[at + 1], weight)) | 0;
        blue = (blue + Math.imul(source[at + 2], weight)) | 0;
      }
      target[output] = toByte(red);
      target[output + 1] = toByte(green);
      target[output + 2] = toByte(blue);
      output += 3;
    }
  }
}

/** Each row to its new width, for any number of channels. */
function narrow(
  source: Uint8Array,
  target: Uint8Array,
  { first, weights, count }: Taps,
  width: number,
  channels: number,
): void {
  const line = width * channels;
  let output = 0;
  for (let row = 0; row < source.length; row += line) {
    for (let column = 0; column < first.length; column++) {
      for (let channel = 0; channel < channels; channel++) {
        let at = row + first[column] * channels + channel;
        let sum = half;
        const end = (column + 1) * count;
        for (let tap = column * count; tap < end; tap++, at += channels) {
          sum = (sum + Math.imul(source[at], weights[tap])) | 0;
        }
        target[output++] = toByte(sum);
      }
    }
  }
}

/** All columns at once to their new height; `line` is the number of bytes in a row. */
function shorten(source: Uint8Array, target: Uint8Array, { first, weights, count }: Taps, line: number): void {
  const sums = new Int32Array(line);
  for (let row = 0; row < first.length; row++) {
    sums.fill(half);
    let tap = 0;
    // Four rows in one go: the sums are read and written a quarter as often.
    for (; tap + 4 <= count; tap += 4) {
      const at = row * count + tap;
      const [a, b, c, d] = [weights[at], weights[at + 1], weights[at + 2], weights[at + 3]];
      const rowA = (first[row] + tap) * line;
      const rowB = rowA + line;
      const rowC = rowB + line;
      const rowD = rowC + line;
      for (let position = 0; position < line; position++) {
        sums[position] +=
          Math.imul(source[rowA + position], a) +
          Math.imul(source[rowB + position], b) +
          Math.imul(source[rowC + position], c) +
          Math.imul(source[rowD + position], d);
      }
    }
    for (; tap < count; tap++) {
      const weight = weights[row * count + tap];
      const rowA = (first[row] + tap) * line;
      for (let position = 0; position < line; position++) sums[position] += Math.imul(source[rowA + position], weight);
    }
    const output = row * line;
    for (let position = 0; position < line; position++) target[output + position] = toByte(sums[position]);
  }
}

/** For outputs `start` … the input that each is a copy of; the step is added up as Pillow does, rounding errors included. */
function nearestPositions(from: number, to: number, start: number, length: number): Int32Array {
  const positions = new Int32Array(length);
  const step = from / to;
  let at = step * 0.5;
  for (let output = 0; output < start + length; output++, at += step) {
    if (output >= start) positions[output - start] = Math.min(from - 1, Math.trunc(at));
  }
  return positions;
}

interface Picked {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly width: number;
  readonly channels: number;
}

function pick(source: Uint8Array, target: Uint8Array, { rows, columns, width, channels }: Picked): void {
  let output = 0;
  for (const row of rows) {
    for (const column of columns) {
      const at = (row * width + column) * channels;
      for (let channel = 0; channel < channels; channel++) target[output++] = source[at + channel];
    }
  }
}
