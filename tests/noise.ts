import assert from 'node:assert/strict';
import { sizeOf, type ParameterTable } from '../lib/models/parameters';
import type { Checkpoint } from '../lib/models/weight-names';
import type { Tensor } from '../lib/tf';

/** Streams of noise beside those of the weights. */
export const [imageStream, lossStream, dotStream] = [100_000, 100_001, 100_002];

/** Numbers in [−1, 1) that depend on the stream and their index; tests/fixtures/noise.py has the same function. */
export function noise(stream: number, count: number): Float64Array {
  const start = Math.imul(stream, 0x85ebca77);
  const values = new Float64Array(count);
  for (let index = 0; index < count; index++) {
    let hashed = (Math.imul(index, 0x9e3779b1) + start) | 0;
    hashed = Math.imul(hashed ^ (hashed >>> 15), 0x2c1b3c6d);
    hashed = Math.imul(hashed ^ (hashed >>> 12), 0x297a2d39);
    values[index] = ((hashed ^ (hashed >>> 15)) >>> 0) / 2 ** 31 - 1;
  }
  return values;
}

/** A transformer's tensor in the published layout; `index` is its place among the names. */
export function transformerWeights(name: string, shape: readonly number[], index: number): Float32Array {
  const scaled = (factor: number, offset = 0): Float32Array =>
    Float32Array.from(noise(index, sizeOf(shape)), (value) => offset + factor * value);
  if (shape.length === 4) return scaled(Math.sqrt(3 / (shape[1] * shape[2] * shape[3])));
  if (name.endsWith('relative_position_bias_table')) return scaled(1);
  if (shape.length === 2) return scaled(Math.sqrt(3 / shape[1]));
  if (shape.length === 3) return scaled(0.5);
  return name.endsWith('bias') ? scaled(0.2) : scaled(0.3, 0.6);
}

/** A file with such tensors. */
export function noiseCheckpoint(shapes: Record<string, number[]>): Checkpoint {
  return new Map(
    Object.entries(shapes).map(([name, shape], index) => [
      name,
      { shape, read: () => transformerWeights(name, shape, index) },
    ]),
  );
}

/** Written out here, so that the library's own translation is checked too. Biases of positions are no linear layer. */
export function publishedLayout(value: Tensor, name: string, shape: readonly number[]): Float32Array {
  const isLinear = shape.length === 2 && !name.endsWith('table');
  const published = shape.length === 4 ? value.transpose([3, 2, 0, 1]) : isLinear ? value.transpose() : value;
  assert.deepEqual(published.shape, shape);
  return published.dataSync<'float32'>();
}

/** Norm of a tensor's values, and their dot product with noise, which no permutation leaves as it is. */
export type Fingerprint = [norm: number, dot: number];

/** The dot product is a sum with random signs: its error is measured against the norm. */
export function assertFingerprint(
  values: ArrayLike<number>,
  expected: Fingerprint | undefined,
  tolerance: number,
  what: string,
): void {
  assert.ok(expected, what);
  const weights = noise(dotStream, values.length);
  let [squares, dot] = [0, 0];
  for (let index = 0; index < values.length; index++) {
    squares += values[index] ** 2;
    dot += values[index] * weights[index];
  }
  const norm = Math.sqrt(squares);
  const error = Math.max(Math.abs(norm - expected[0]), Math.abs(dot - expected[1])) / expected[0];
  assert.ok(error <= tolerance, `${what}: norm ${norm}, dot ${dot}; expected ${expected.join(', ')}; error ${error}`);
}

/** Each of those that are expected and no other, in the published layout. Within a tidy. */
export function assertGradients(
  gradients: ReadonlyMap<string, Tensor>,
  expected: Readonly<Record<string, Fingerprint>>,
  table: ParameterTable,
): void {
  assert.deepEqual([...gradients.keys()].sort(), Object.keys(expected).sort());
  for (const [name, gradient] of gradients) {
    const published = publishedLayout(gradient, name, table[name].shape);
    assertFingerprint(published, expected[name], 2e-5, `gradient of ${name}`);
  }
}
