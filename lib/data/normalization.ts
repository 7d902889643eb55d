/** Per-channel statistics that images are normalised with, for values in [0, 1]. */
export interface Normalization {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** MedMNIST's own: values in [0, 1] to [−1, 1]. */
export const halfNormalization: Normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
