import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { batchNormTraining, type BatchNormOptions } from '../../lib/tensor/batch-norm';
import { conv2d, type ConvolutionOptions } from '../../lib/tensor/convolution';
import { normalizedConvolutionTraining } from '../../lib/tensor/normalized-convolution';
import { tf, type Tensor, type Tensor1D, type Tensor4D } from '../../lib/tf';
import { liveBytes } from '../live-bytes';
import { assertSame, random, type Compute } from '../same-gradients';
import { kernelsOnly } from '../kernels-only';

const [images, filters] = [3, 10];
const statistics = () => ({
  mean: random(8, [filters]) as Tensor1D,
  variance: random(9, [filters]).square() as Tensor1D,
});
type Options = ConvolutionOptions & Omit<BatchNormOptions, 'residual'>;
type Form = (x: Tensor4D, filter: Tensor4D, affine: readonly [Tensor1D, Tensor1D]) => { output: Tensor4D };

describe('a convolution and batch norm in one', () => {
  for (const [what, size, kernel, options] of [
    ['a ResNet’s first, TensorFlow pads', 16, 7, { stride: 2, padding: 3, relu: true }],
    ['the image is padded first', 15, 4, { stride: 3, padding: 1, epsilon: 1e-2 }],
    ['all of the image at once', 3, 3, { relu: true }],
    ['a filter wider than the image', 2, 7, { padding: 3 }],
  ] as [string, number, number, Options][]) {
    const one: Form = (x, filter, affine) => normalizedConvolutionTraining(x, filter, affine, statistics(), options);
    const two: Form = (x, filter, [scale, offset]) =>
      batchNormTraining(conv2d(x, filter, options), scale, offset, statistics(), options);

    it(`equals the two, one after the other: ${what}`, () => {
      const compute =
        (form: Form): Compute =>
        (x, filter, scale, offset) =>
          form(x as Tensor4D, filter as Tensor4D, [scale as Tensor1D, offset as Tensor1D]).output;
      const inputs = () => [
        random(1, [images, size, size, 3]),
        random(2, [kernel, kernel, 3, filters]),
        random(3, [filters]),
        random(4, [filters]),
      ];
      assertSame(compute(one), compute(two), inputs, 1e-6);
      tf.tidy(() => {
        const [x, filter, scale, offset] = inputs() as [Tensor4D, Tensor4D, Tensor1D, Tensor1D];
        const { running } = normalizedConvolutionTraining(x, filter, [scale, offset], statistics(), options);
        const expected = batchNormTraining(conv2d(x, filter, options), scale, offset, statistics(), options).running;
        for (const of of ['mean', 'variance'] as const) {
          assert.deepEqual(running[of].arraySync(), expected[of].arraySync());
        }
      });
    });
  }

  it('keeps the image and its result for the gradient, not what the convolution gives', kernelsOnly, () => {
    tf.tidy(() => {
      const [x, filter] = [random(1, [2, 32, 32, 3]) as Tensor4D, random(2, [3, 3, 3, filters]) as Tensor4D];
      const affine = [random(3, [filters]) as Tensor1D, random(4, [filters]) as Tensor1D] as const;
      const result = 4 * 2 * 32 * 32 * filters;
      let kept = 0;
      tf.grad((weight: Tensor) => {
        const { after } = liveBytes(() => {
          tf.tidy(() => {
            const given = statistics();
            return normalizedConvolutionTraining(x, weight as Tensor4D, affine, given, { padding: 1 }).output;
          });
        });
        kept = after;
        return weight.sum();
      })(filter);
      assert.ok(kept > 0.9 * result && kept < 1.1 * result, `${kept / result} times the result`);
    });
  });
});
