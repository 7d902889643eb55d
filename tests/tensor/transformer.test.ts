import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gelu, layerNorm, roll, scaledDotProductAttention } from '../../lib/tensor/transformer';
import { tf, type Scalar, type Tensor, type Tensor1D, type Tensor4D } from '../../lib/tf';
import { assertClose } from '../close';
import { noise } from '../noise';

type Compute = (...inputs: Tensor[]) => Tensor;

const random = (stream: number, shape: number[], factor = 1): Tensor =>
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
function assertSame(actual: Compute, expected: Compute, inputs: () => Tensor[], tolerance: number): void {
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

describe('layer norm', () => {
  const composed =
    (epsilon: number): Compute =>
    (x, scale, offset) => {
      const { mean, variance } = tf.moments(x, -1, true);
      return x.sub(mean).div(variance.add(epsilon).sqrt()).mul(scale).add(offset);
    };

  for (const shape of [
    [3, 7],
    [2, 3, 8],
    [2, 3, 4, 5],
  ]) {
    it(`equals the composition of tfjs’s operations for ${shape.length} axes`, () => {
      const width = shape[shape.length - 1];
      for (const epsilon of [1e-6, 1e-2]) {
        assertSame(
          (x, scale, offset) => layerNorm(x, scale as Tensor1D, offset as Tensor1D, epsilon),
          composed(epsilon),
          () => [random(1, shape, 3), random(2, [width]), random(3, [width])],
          2e-5,
        );
      }
    });
  }

  it('has mean 0 and variance 1 before its scale, also far from zero', () => {
    tf.tidy(() => {
      const x = random(4, [5, 64]).add(100);
      const { mean, variance } = tf.moments(layerNorm(x, tf.ones([64]), tf.zeros([64]), 1e-6), -1);
      for (const value of mean.dataSync()) assert.ok(Math.abs(value) < 1e-4);
      for (const value of variance.dataSync()) assert.ok(Math.abs(value - 1) < 1e-3);
    });
  });
});

describe('GELU', () => {
  it('equals x · Φ(x) of tfjs’s error function', () => {
    assertSame(
      gelu,
      (x) => x.mul(x.mul(Math.SQRT1_2).erf().add(1).mul(0.5)),
      () => [random(5, [4, 33], 4)],
      1e-5,
    );
  });

  it('has the values of the normal distribution’s table, not of the tanh approximation', () => {
    tf.tidy(() => {
      const values = gelu(tf.tensor1d([-10, -2, -1, 0, 1, 2, 10])).dataSync();
      // Φ(1) = 0.8413447461, Φ(2) = 0.9772498681
      assertClose(values, [0, -0.0455002639, -0.1586552539, 0, 0.8413447461, 1.9544997361, 10], 1e-7, 'values');
    });
  });
});

describe('attention', () => {
  const inputs = (): Tensor[] => [
    random(6, [2, 3, 5, 4], 2),
    random(7, [2, 3, 6, 4], 2),
    random(8, [2, 3, 6, 7]),
    random(9, [1, 3, 5, 6]),
  ];
  const weights: Compute = (q, k, _v, bias) => {
    const scores = q
      .matMul(k.transpose([0, 1, 3, 2]))
      .div(2)
      .add(bias);
    const exponentials = scores.sub(scores.max(-1, true)).exp();
    return exponentials.div(exponentials.sum(-1, true));
  };

  it('equals the composition of tfjs’s operations', () => {
    assertSame(
      (q, k, v, bias) => scaledDotProductAttention(q, k, v, bias).output,
      (q, k, v, bias) => weights(q, k, v, bias).matMul(v),
      inputs,
      1e-5,
    );
    assertSame(
      (q, k, v) => scaledDotProductAttention(q, k, v).output,
      (q, k, v) => weights(q, k, v, tf.scalar(0)).matMul(v),
      () => inputs().slice(0, 3),
      1e-5,
    );
  });

  it('gives its weights, each row a distribution, through which gradients pass', () => {
    assertSame(
      (q, k, bias) => scaledDotProductAttention(q, k, k, bias).weights,
      (q, k, bias) => weights(q, k, k, bias),
      () => inputs().filter((_, index) => index !== 2),
      1e-5,
    );
    tf.tidy(() => {
      const [q, k, v, bias] = inputs();
      const sums = scaledDotProductAttention(q, k, v, bias).weights.sum(-1).dataSync();
      assertClose(sums, new Float32Array(30).fill(1), 1e-6, 'sums');
    });
  });
});

describe('roll', () => {
  const composed =
    (shift: number): Compute =>
    (x) =>
      [1, 2].reduce((image, axis) => {
        const size = x.shape[axis];
        const first = (size - (shift % size)) % size;
        const parts = first === 0 ? [image] : [...tf.split(image, [first, size - first], axis)].reverse();
        return parts.length === 1 ? image : tf.concat(parts, axis);
      }, x);

  for (const shift of [0, 1, 3, -2]) {
    it(`by ${shift} equals slices put together in another order`, () => {
      assertSame(
        (x) => roll(x, shift),
        composed(shift),
        () => [random(10, [2, 4, 5, 3])],
        1e-7,
      );
    });
  }

  it('moves down and to the right, around the edges', () => {
    tf.tidy(() => {
      const image = tf.tensor4d([1, 2, 3, 4, 5, 6], [1, 2, 3, 1]);
      assert.deepEqual([...roll<Tensor4D>(image, 1).dataSync()], [6, 4, 5, 3, 1, 2]);
    });
  });
});
