/** The index of the first value that is NaN or infinite; undefined where all are numbers. */
export function firstNonFinite(values: Float32Array): number | undefined {
  // One pass without a branch for each value: zero times anything that is no number is NaN.
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index] * 0;
  return sum === 0 ? undefined : values.findIndex((value) => !Number.isFinite(value));
}
