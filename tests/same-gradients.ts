import assert from 'node:assert/strict';
import { precisionOf, toPrecision } from '../lib/tensor/precision';
import { tf, type Scalar, type Tensor } from '../lib/tf';
import { assertClose } from './close';
import { noise } from './noise';

export type Compute = (...inputs: Tensor[]) => Tensor;

/** Numbers around 0 that are the same at every call. */
export const random = (stream: number, shape: number[], factor = 1): Tensor =>
  tf.tensor(
    Float32Array.from(
      noise(
        stream,
        shape.reduce((product, size) => product * size, 1),
      ),
      (value) => factor * value,
    ),
    shape,
  );

/** Values and gradients of two functions of the same inputs agree, and neither leaves tensors behind. */
export function assertSame(actual: Compute, expected: Compute, inputs: () => Tensor[], tolerance: number): void {
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const given = inputs();
    const [output, reference] = [actual(...given), expected(...given)];
    assert.deepEqual(output.shape, reference.shape);
    assertClose(output.dataSync(), reference.dataSync(), tolerance, 'output');
    const direction = random(99, output.shape);
    const gradients = (compute: Compute): Tensor[] =>
      tf.grads((...values) =>
        compute(...values)
          .mul(direction)
          .sum<Scalar>(),
      )(given);
    const references = gradients(expected);
    gradients(actual).forEach((gradient, index) => {
      assert.deepEqual(gradient.shape, given[index].shape);
      assertClose(gradient.dataSync(), references[index].dataSync(), tolerance, `gradient of input ${index}`);
    });
  });
  assert.equal(tf.memory().numTensors, before);
}

/**
 * A function of bfloat16 inputs, those at the positions `narrow`, agrees with itself in float32 but for rounding, gradients included, and
 * its output is bfloat16.
 */
export function assertSameInBfloat16(
  compute: Compute,
  inputs: () => Tensor[],
  narrow: readonly number[],
  tolerance = 0.02,
): void {
  const rounded = (x: Tensor): Tensor => toPrecision(x, 'bfloat16');
  const exact = (): Tensor[] =>
    inputs().map((x, index) => (narrow.includes(index) ? toPrecision(rounded(x), 'float32') : x));
  const low: Compute = (...given) => {
    const output = compute(...given.map((x, index) => (narrow.includes(index) ? rounded(x) : x)));
    assert.equal(precisionOf(output), 'bfloat16');
    return toPrecision(output, 'float32');
  };
  assertSame(low, compute, exact, tolerance);
}
