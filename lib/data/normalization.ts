/** Per-channel statistics that images are normalised with, for values in [0, 1]. */
export interface Normalization {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** MedMNIST's own: values in [0, 1] to [−1, 1]. */
export const halfNormalization: Normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

/** ImageNet's mean and deviation. */
export const imagenetNormalization: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Leaves the bytes as they are. */
export const byteNormalization: Normalization = { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] };

/** Leaves values in [0, 1]. */
export const unitNormalization: Normalization = { mean: [0, 0, 0], std: [1, 1, 1] };
