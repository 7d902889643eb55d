/** Where a patch is: rotary positions (DINOv3), and learned position embeddings brought to another grid (timm). */
import { resizeBicubic } from '../tensor/resample';
import type { RotaryTables } from '../tensor/transformer';
import { tf } from '../tf';

/**
 * DINOv3's rotary positions: patch centres in [−1, 1] on each axis, periods 100^(4i/D), rows in the first quarter of a half and
 * columns in the second (RopePositionEmbedding; timm's RotaryEmbeddingDinoV3).
 * @param headWidth D, a multiple of 4
 */
export function rotaryPositions(rows: number, columns: number, headWidth: number): RotaryTables {
  const { sine, cosine } = rotaryTables(rows, columns, headWidth);
  const shape: [number, number] = [rows * columns, headWidth];
  return { sine: tf.tensor2d(sine, shape), cosine: tf.tensor2d(cosine, shape) };
}

/** The tables' values: rows·columns × headWidth. */
export function rotaryTables(rows: number, columns: number, headWidth: number, temperature = 100) {
  const quarter = headWidth / 4;
  const sine = new Float32Array(rows * columns * headWidth);
  const cosine = new Float32Array(sine.length);
  for (let patch = 0; patch < rows * columns; patch++) {
    const centres = [
      (2 * (Math.floor(patch / columns) + 0.5)) / rows - 1,
      (2 * ((patch % columns) + 0.5)) / columns - 1,
    ];
    for (let channel = 0; channel < headWidth; channel++) {
      const within = channel % (2 * quarter);
      const period = temperature ** ((2 * (within % quarter)) / (headWidth / 2));
      const angle = (2 * Math.PI * centres[Math.floor(within / quarter)]) / period;
      sine[patch * headWidth + channel] = Math.sin(angle);
      cosine[patch * headWidth + channel] = Math.cos(angle);
    }
  }
  return { sine, cosine };
}

/**
 * A learned position embedding for another grid: the class token's stays, the patches' are resized bicubically with antialiasing
 * (timm's resample_abs_pos_embed). values: (1 + from²)×width → (1 + rows·columns)×width.
 */
export function resamplePositions(
  values: Float32Array,
  width: number,
  from: number,
  [rows, columns]: readonly [number, number],
): Float32Array {
  if (rows === from && columns === from) return values;
  const patches = resizeBicubic(
    values.subarray(width),
    { height: from, width: from, channels: width },
    { height: rows, width: columns },
  );
  const resampled = new Float32Array((1 + rows * columns) * width);
  resampled.set(values.subarray(0, width));
  resampled.set(patches, width);
  return resampled;
}
