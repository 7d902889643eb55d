import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toPrecision } from '../../lib/tensor/precision';
import {
  attentionWeights,
  biasGelu,
  biasResidual,
  layerNorm,
  roll,
  scaledDotProductAttention,
  selfAttention,
  type AttentionLayout,
} from '../../lib/tensor/transformer';
import {
  composedBiasGelu,
  composedBiasResidual,
  composedLayerNorm,
  composedSelfAttention,
} from '../../lib/tensor/transformer-composed';
import { tf, type Scalar, type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from '../../lib/tf';
import { assertClose } from '../close';
import { kernelsOnly } from '../kernels-only';
import { assertSame, random, type Compute } from '../same-gradients';

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
    [50, 192], // more rows than blocks of the gradient's sums, whole vectors
    [33, 77], // vectors and a rest
  ]) {
    it(`equals the composition of tfjs’s operations for ${shape.join('×')}`, () => {
      const width = shape[shape.length - 1];
      for (const epsilon of [1e-6, 1e-2]) {
        const inputs = (): Tensor[] => [random(1, shape, 3), random(2, [width]), random(3, [width])];
        for (const norm of [layerNorm, composedLayerNorm]) {
          const actual: Compute = (x, scale, offset) => norm(x, scale as Tensor1D, offset as Tensor1D, epsilon);
          assertSame(actual, composed(epsilon), inputs, 2e-5);
        }
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
  const erf: Compute = (x, bias) => {
    const z = x.add(bias);
    return z.mul(z.mul(Math.SQRT1_2).erf().add(1).mul(0.5));
  };
  for (const shape of [
    [4, 33],
    [2, 3, 16],
    [40, 21],
  ]) {
    it(`equals z · Φ(z) of tfjs’s error function for ${shape.join('×')}`, () => {
      const inputs = (): Tensor[] => [random(5, shape, 4), random(15, [shape[shape.length - 1]])];
      for (const gelu of [biasGelu, composedBiasGelu])
        assertSame((x, bias) => gelu(x, bias as Tensor1D), erf, inputs, 1e-5);
    });
  }

  it('has the values of the normal distribution’s table, not of the tanh approximation', () => {
    tf.tidy(() => {
      const values = biasGelu(tf.tensor1d([-10, -2, -1, 0, 1, 2, 10]), tf.zeros([7])).dataSync();
      // Φ(1) = 0.8413447461, Φ(2) = 0.9772498681
      assertClose(values, [0, -0.0455002639, -0.1586552539, 0, 0.8413447461, 1.9544997361, 10], 2e-7, 'values');
    });
  });

  it('is 0 or x far from zero, and what is not a number stays that', () => {
    tf.tidy(() => {
      const x = tf.tensor1d([-1e30, -100, 100, 1e30, Infinity, NaN]);
      assert.deepEqual(
        [...biasGelu(x, tf.zeros([6])).dataSync()].map((value) => value + 0),
        [0, 0, 100, Math.fround(1e30), Infinity, NaN],
      );
    });
  });
});

describe('the end of a branch', () => {
  for (const shape of [
    [3, 4, 5],
    [40, 48],
  ]) {
    const width = shape[2] ?? shape[1];
    it(`equals residual + scale · (x + bias) for ${shape.join('×')}`, () => {
      const inputs = (): Tensor[] => [random(20, shape), random(21, shape), random(22, [width]), random(23, [width])];
      const plain: Compute = (residual, x, bias, scale) => residual.add(x.add(bias).mul(scale));
      for (const end of [biasResidual, composedBiasResidual]) {
        const scaled: Compute = (residual, x, bias, scale) => end(residual, x, bias as Tensor1D, scale as Tensor1D);
        assertSame(scaled, plain, inputs, 1e-5);
        const unscaled: Compute = (residual, x, bias) => end(residual, x, bias as Tensor1D);
        assertSame(
          unscaled,
          (residual, x, bias) => residual.add(x).add(bias),
          () => inputs().slice(0, 3),
          1e-5,
        );
      }
    });
  }
});

describe('self-attention', () => {
  /** Angles of the last `patches` tokens. */
  const rotaryOf = (patches: number, width: number) => {
    const angles = tf.tile(random(31, [patches, width / 2], 3), [1, 2]);
    return { sine: angles.sin(), cosine: angles.cos() };
  };
  const cases = [
    { images: 2, tokens: 5, heads: 3, width: 8, patches: 0, hasBias: true },
    { images: 1, tokens: 7, heads: 2, width: 4, patches: 4, hasBias: false },
    { images: 2, tokens: 33, heads: 1, width: 20, patches: 32, hasBias: true }, // a head that is no whole vectors
    { images: 1, tokens: 300, heads: 2, width: 16, patches: 0, hasBias: true }, // scores in several blocks of rows
  ];
  for (const { images, tokens, heads, width, patches, hasBias } of cases) {
    it(`equals the composition for ${images} images of ${tokens} tokens in ${heads} heads of ${width}`, () => {
      const channels = heads * width;
      const inputs = (): Tensor[] => [random(30, [images * tokens, 3 * channels], 2), random(32, [3 * channels])];
      const layout = (bias: Tensor): AttentionLayout => ({
        heads,
        tokens,
        bias: hasBias ? (bias as Tensor1D) : undefined,
        rotary: patches > 0 ? rotaryOf(patches, width) : undefined,
      });
      const used = (): Tensor[] => inputs().slice(0, hasBias ? 2 : 1);
      assertSame(
        (qkv, bias) => selfAttention(qkv as Tensor2D, layout(bias)),
        (qkv, bias) => composedSelfAttention(qkv as Tensor2D, layout(bias)),
        used,
        2e-5,
      );
      tf.tidy(() => {
        const [qkv, bias] = inputs();
        const maps = attentionWeights(qkv as Tensor2D, layout(bias));
        assert.deepEqual(maps.shape, [images, heads, tokens, tokens]);
        assertClose(maps.sum(-1).dataSync(), new Float32Array(images * heads * tokens).fill(1), 1e-5, 'sums');
      });
    });
  }

  it('keeps its precision where scores are hundreds apart, and says what is not a number', () => {
    tf.tidy(() => {
      const layout = { heads: 2, tokens: 9 };
      const large = random(33, [18, 48], 60) as Tensor2D;
      assertClose(
        selfAttention(large, layout).dataSync(),
        composedSelfAttention(large, layout).dataSync(),
        1e-3,
        'large',
      );
      const broken = tf.concat([tf.fill([1, 48], NaN), random(34, [17, 48])]) as Tensor2D;
      const values = selfAttention(broken, layout).dataSync();
      assert.ok(values.subarray(0, 9 * 16).every(Number.isNaN), 'the broken image');
      assert.ok(values.subarray(9 * 16).every(Number.isFinite), 'the other one');
    });
  });

  it('is the same bit for bit each time, gradients included', () => {
    const run = (): Float32Array[] =>
      tf.tidy(() => {
        const qkv = random(35, [2 * 50, 3 * 64]) as Tensor2D;
        const direction = random(36, [2 * 50, 64]);
        const { value, grad } = tf.valueAndGrad((x) =>
          selfAttention(x as Tensor2D, { heads: 4, tokens: 50 })
            .mul(direction)
            .sum<Scalar>(),
        )(qkv);
        return [value.dataSync<'float32'>(), grad.dataSync<'float32'>()];
      });
    const first = run();
    for (let repeat = 0; repeat < 5; repeat++) assert.deepEqual(run(), first);
  });

  it('refuses shapes that do not fit by name of what they need', kernelsOnly, () => {
    tf.tidy(() => {
      const qkv = random(37, [10, 24]) as Tensor2D;
      assert.throws(() => selfAttention(qkv, { heads: 5, tokens: 5 }), /NotebookAttention needs/);
      assert.throws(() => selfAttention(qkv, { heads: 2, tokens: 3 }), /NotebookAttention needs/);
    });
  });
});

describe('bfloat16', () => {
  it('differs from float32 by its rounding alone', () => {
    tf.tidy(() => {
      const low = <T extends Tensor>(x: T): T => toPrecision(x, 'bfloat16');
      const high = (x: Tensor) => toPrecision(x, 'float32').dataSync();
      const [x, y] = [random(40, [30, 48], 2), random(41, [30, 48])];
      const [scale, bias] = [random(42, [48]) as Tensor1D, random(43, [48]) as Tensor1D];
      const [roundedX, roundedY] = [x, y].map((values) => toPrecision(low(values), 'float32'));
      // Half a unit in the eighth digit of the result.
      const close = (actual: Tensor, expected: Tensor, name: string): void => {
        const [values, references] = [high(actual), expected.dataSync()];
        references.forEach((reference, index) =>
          assert.ok(Math.abs(values[index] - reference) <= Math.abs(reference) / 256 + 1e-5, `${name} ${index}`),
        );
      };
      close(low(x), x, 'rounding');
      close(layerNorm(low(x), scale, bias, 1e-6), layerNorm(roundedX, scale, bias, 1e-6), 'layer norm');
      close(biasGelu(low(x), bias), biasGelu(roundedX, bias), 'GELU');
      close(biasResidual(low(x), low(y), bias, scale), biasResidual(roundedX, roundedY, bias, scale), 'branch');
      const layout = { heads: 2, tokens: 15, bias }; // an odd number, of which the last has no pair
      // Queries, keys and weights are rounded on the way.
      const full = selfAttention(roundedX as Tensor2D, layout).dataSync<'float32'>();
      const largest = full.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      high(selfAttention(low(x) as Tensor2D, layout)).forEach((value, index) =>
        assert.ok(Math.abs(value - full[index]) <= largest / 64, `attention ${index}: ${value}, ${full[index]}`),
      );
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
