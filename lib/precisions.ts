/** What may be computed in. Here and not beside the tensors, so that what reads settings needs no TensorFlow. */
export const precisions = ['float32', 'bfloat16'] as const;
export type Precision = (typeof precisions)[number];

/** What may be asked for: `auto` leaves it to the machine. */
export const precisionSettings = [...precisions, 'auto'] as const;
export type PrecisionSetting = (typeof precisionSettings)[number];
