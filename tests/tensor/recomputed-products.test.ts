import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { biasGeluProduct, layerNormProduct } from '../../lib/tensor/recomputed-products';
import { type Tensor, type Tensor1D, type Tensor2D, tf } from '../../lib/tf';
import { assertSame, random, type Compute } from '../same-gradients';

const [epsilon, tolerance] = [1e-5, 5e-5];

describe('a product whose input is computed again', () => {
  for (const [rows, inputs, outputs] of [
    [3, 7, 5],
    [50, 64, 33],
  ]) {
    const shapes = `${rows}×${inputs} · ${inputs}×${outputs}`;

    it(`of layer norm equals the composition of tfjs’s operations for ${shapes}`, () => {
      const fused: Compute = (x, scale, offset, weight) =>
        layerNormProduct(x as Tensor2D, [scale as Tensor1D, offset as Tensor1D], epsilon, weight as Tensor2D);
      const plain: Compute = (x, scale, offset, weight) => {
        const { mean, variance } = tf.moments(x, -1, true);
        return x.sub(mean).div(variance.add(epsilon).sqrt()).mul(scale).add(offset).matMul(weight);
      };
      const given = () => [
        random(1, [rows, inputs], 3),
        random(2, [inputs]),
        random(3, [inputs]),
        random(4, [inputs, outputs]),
      ];
      assertSame(fused, plain, given, tolerance);
    });

    it(`of GELU equals the composition of tfjs’s operations for ${shapes}`, () => {
      const fused: Compute = (x, bias, weight) => biasGeluProduct(x as Tensor2D, bias as Tensor1D, weight as Tensor2D);
      const plain: Compute = (x, bias, weight) => {
        const z = x.add(bias);
        return z.mul(z.mul(Math.SQRT1_2).erf().add(1).mul(0.5)).matMul(weight);
      };
      assertSame(
        fused,
        plain,
        () => [random(5, [rows, inputs], 4), random(6, [inputs]), random(7, [inputs, outputs])],
        tolerance,
      );
    });
  }

  it('gives the gradient of the weight alone where no other is asked for', () => {
    tf.tidy(() => {
      const [hidden, bias, weight] = [random(5, [4, 6]), random(6, [6]), random(7, [6, 3])];
      const ofWeight = (values: Tensor) =>
        biasGeluProduct(hidden as Tensor2D, bias as Tensor1D, values as Tensor2D).sum();
      const all = tf.grads((x, b, w) => biasGeluProduct(x as Tensor2D, b as Tensor1D, w as Tensor2D).sum());
      const [, , expected] = all([hidden, bias, weight]);
      assert.deepEqual(tf.grad(ofWeight)(weight).arraySync(), expected.arraySync());
    });
  });
});
