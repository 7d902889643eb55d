/** Resizing of arrays as PIL and PyTorch (antialias=True) do it: separable, with a filter that widens where the array shrinks. */

export interface PlaneSize {
  readonly height: number;
  readonly width: number;
}

/** The weights with which inputs `first` … make one output. */
interface Taps {
  readonly first: number;
  readonly weights: Float64Array;
}

/** Bicubic (a = −½), antialiased. values: height × width × channels, row-major → the same at the other size, in float32. */
export function resizeBicubic(
  values: Float32Array | Uint8Array,
  from: PlaneSize & { readonly channels: number },
  to: PlaneSize,
): Float32Array {
  const { channels } = from;
  const columns = resampleTaps(from.width, to.width);
  const rows = resampleTaps(from.height, to.height);
  const narrowed = new Float32Array(from.height * to.width * channels);
  for (let row = 0; row < from.height; row++) {
    columns.forEach(({ first, weights }, column) => {
      const target = (row * to.width + column) * channels;
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let tap = 0; tap < weights.length; tap++)
          sum += weights[tap] * values[(row * from.width + first + tap) * channels + channel];
        narrowed[target + channel] = sum;
      }
    });
  }
  const line = to.width * channels;
  const resized = new Float32Array(to.height * line);
  rows.forEach(({ first, weights }, row) => {
    for (let position = 0; position < line; position++) {
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap++) sum += weights[tap] * narrowed[(first + tap) * line + position];
      resized[row * line + position] = sum;
    }
  });
  return resized;
}

function resampleTaps(from: number, to: number): Taps[] {
  const scale = from / to;
  const stretch = Math.max(1, scale); // antialiasing
  const reach = 2 * stretch;
  return Array.from({ length: to }, (_, output) => {
    const centre = (output + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const last = Math.min(from, Math.floor(centre + reach + 0.5));
    const weights = Float64Array.from({ length: last - first }, (_value, tap) =>
      cubic((first + tap + 0.5 - centre) / stretch),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/** Keys' cubic with a = −½ (Catmull-Rom). */
function cubic(x: number): number {
  const a = -0.5;
  const distance = Math.abs(x);
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * a;
  return 0;
}
