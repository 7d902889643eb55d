import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { relu } from '../../lib/tensor/activations';
import { batchNormInference, batchNormTraining, type BatchNormOptions } from '../../lib/tensor/batch-norm';
import { conv2d } from '../../lib/tensor/convolution';
import { addBias, product } from '../../lib/tensor/linear';
import { normalizedConvolutionTraining } from '../../lib/tensor/normalized-convolution';
import { maxPool2d } from '../../lib/tensor/pooling';
import { precisionOf, toPrecision } from '../../lib/tensor/precision';
import { biasGeluProduct, layerNormProduct } from '../../lib/tensor/recomputed-products';
import {
  biasGelu,
  biasResidual,
  layerNorm,
  roll,
  scaledDotProductAttention,
  selfAttention,
} from '../../lib/tensor/transformer';
import { resizeBilinear, upsampleNearest, upsampleTransposed } from '../../lib/tensor/upsampling';
import { tf, type Tensor1D, type Tensor2D, type Tensor4D } from '../../lib/tf';
import { assertSameInBfloat16, random, type Compute } from '../same-gradients';

/** A layer, the shapes of its inputs, and which of these are bfloat16. */
type Case = readonly [compute: Compute, shapes: readonly number[][], narrow: readonly number[], tolerance?: number];

const running = (width: number) => ({ mean: tf.fill([width], 0.1).as1D(), variance: tf.fill([width], 0.9).as1D() });
const training =
  (options: (residual: Tensor4D) => BatchNormOptions): Compute =>
  (x, scale, offset, residual) =>
    batchNormTraining(
      x as Tensor4D,
      scale as Tensor1D,
      offset as Tensor1D,
      running(x.shape[3] as number),
      options(residual as Tensor4D),
    ).output;
const images = [3, 9, 7, 20];
const vector = [20];

const cases: Readonly<Record<string, Case>> = {
  'matrix product': [
    (x, w) => product(x as Tensor2D, w as Tensor2D),
    [
      [40, 33],
      [33, 21],
    ],
    [0, 1],
  ],
  bias: [(x, bias) => addBias(x, bias as Tensor1D), [images, vector], [0]],
  ReLU: [(x) => relu(x), [images], [0]],
  convolution: [(x, w) => conv2d(x as Tensor4D, w as Tensor4D, { padding: 1 }), [images, [3, 3, 20, 16]], [0, 1]],
  'convolution of every other pixel': [
    (x, w) => conv2d(x as Tensor4D, w as Tensor4D, { stride: 2, padding: 1 }),
    [images, [3, 3, 20, 16]],
    [0, 1],
  ],
  'convolution that covers its image': [
    (x, w) => conv2d(x as Tensor4D, w as Tensor4D),
    [
      [4, 3, 3, 20],
      [3, 3, 20, 16],
    ],
    [0, 1],
  ],
  'convolution of small maps': [
    (x, w) => conv2d(x as Tensor4D, w as Tensor4D, { padding: 1 }),
    [
      [5, 2, 2, 20],
      [3, 3, 20, 16],
    ],
    [0, 1],
  ],
  // Channels and filters in whole vectors, for which there is a filter gradient of the project's own.
  'convolution of whole vectors': [
    (x, w) => conv2d(x as Tensor4D, w as Tensor4D, { padding: 1 }),
    [
      [5, 2, 3, 32],
      [3, 3, 32, 64],
    ],
    [0, 1],
  ],
  'convolution of whole vectors, every other pixel': [
    (x, w) => conv2d(x as Tensor4D, w as Tensor4D, { stride: 2, padding: 1 }),
    [
      [4, 8, 9, 16],
      [3, 3, 16, 32],
    ],
    [0, 1],
  ],
  'convolution of whole vectors, one pixel each': [
    (x, w) => conv2d(x as Tensor4D, w as Tensor4D, { stride: 2 }),
    [
      [1, 5, 4, 48],
      [1, 1, 48, 32],
    ],
    [0, 1],
  ],
  'convolution of whole vectors in several bands': [
    (x, w) => conv2d(x as Tensor4D, w as Tensor4D, { padding: 1 }),
    [
      [3, 40, 60, 16],
      [3, 3, 16, 32],
    ],
    [0, 1],
  ],
  'convolution of patches': [
    (x, w) => conv2d(x as Tensor4D, w as Tensor4D, { stride: 3 }),
    [
      [3, 9, 6, 4],
      [3, 3, 4, 16],
    ],
    [0, 1],
  ],
  'first convolution with batch norm': [
    (x, w, scale, offset) =>
      normalizedConvolutionTraining(
        x as Tensor4D,
        w as Tensor4D,
        [scale as Tensor1D, offset as Tensor1D],
        running(16),
        { padding: 1 },
      ).output,
    [images, [3, 3, 20, 16], [16], [16]],
    [0, 1],
    0.05,
  ],
  'batch norm': [training(() => ({})), [images, vector, vector], [0]],
  'batch norm with ReLU': [training(() => ({ relu: true })), [images, vector, vector], [0], 0.03],
  'batch norm with shortcut and ReLU': [
    training((residual) => ({ residual, relu: true })),
    [images, vector, vector, images],
    [0, 3],
    0.03,
  ],
  'batch norm in evaluation': [
    (x, scale, offset, residual) =>
      batchNormInference(x as Tensor4D, scale as Tensor1D, offset as Tensor1D, running(20), {
        residual: residual as Tensor4D,
      }),
    [images, vector, vector, images],
    [0, 3],
  ],
  'largest in windows that overlap': [
    (x) => maxPool2d(x as Tensor4D, { size: 3, stride: 2, padding: 1 }),
    [images],
    [0],
  ],
  'largest in windows of two': [(x) => maxPool2d(x as Tensor4D, { size: 2 }), [images], [0]],
  'bilinear enlargement': [(x) => resizeBilinear(x as Tensor4D, { height: 18, width: 15 }), [images], [0]],
  'repeated pixels': [(x) => upsampleNearest(x as Tensor4D, 2), [images], [0]],
  'transposed convolution': [
    (x, w) => upsampleTransposed(x as Tensor4D, w as Tensor4D),
    [images, [20, 2, 2, 8]],
    [0, 1],
  ],
  'layer norm': [
    (x, scale, offset) => layerNorm(x, scale as Tensor1D, offset as Tensor1D, 1e-5),
    [[40, 77], [77], [77]],
    [0],
  ],
  GELU: [(x, bias) => biasGelu(x, bias as Tensor1D), [[40, 21], [21]], [0]],
  'end of a branch': [
    (residual, x, bias) => biasResidual(residual, x, bias as Tensor1D),
    [[40, 21], [40, 21], [21]],
    [0, 1],
  ],
  'scaled end of a branch': [
    (residual, x, bias, scale) => biasResidual(residual, x, bias as Tensor1D, scale as Tensor1D),
    [[40, 21], [40, 21], [21], [21]],
    [0, 1],
  ],
  'product of layer norm': [
    (x, scale, offset, w) =>
      layerNormProduct(x as Tensor2D, [scale as Tensor1D, offset as Tensor1D], 1e-5, w as Tensor2D),
    [[40, 33], [33], [33], [33, 21]],
    [0, 3],
  ],
  'product of GELU': [
    (x, bias, w) => biasGeluProduct(x as Tensor2D, bias as Tensor1D, w as Tensor2D),
    [[40, 33], [33], [33, 21]],
    [0, 2],
  ],
  'attention of an even number of tokens': [
    (qkv, bias) => selfAttention(qkv as Tensor2D, { heads: 2, tokens: 20, bias: bias as Tensor1D }),
    [[40, 96], [96]],
    [0],
  ],
  'attention of an odd number of tokens': [
    (qkv) => selfAttention(qkv as Tensor2D, { heads: 1, tokens: 197 }),
    [[197, 192]],
    [0],
  ],
  'attention of windows': [
    (q, k, v, bias) => scaledDotProductAttention(q, k, v, bias).output,
    [
      [6, 2, 9, 16],
      [6, 2, 9, 16],
      [6, 2, 9, 16],
      [1, 2, 9, 9],
    ],
    [0, 1, 2],
    0.03,
  ],
  'image that is moved around': [(x) => roll(x, 2), [images], [0]],
};

describe('in bfloat16', () => {
  for (const [name, [compute, shapes, narrow, tolerance]] of Object.entries(cases)) {
    it(`${name} is nearly what it is in float32, gradients included`, () => {
      const inputs = () => shapes.map((shape, index) => random(200 + index, [...shape], index === 0 ? 2 : 1));
      assertSameInBfloat16(compute, inputs, narrow, tolerance);
    });
  }

  it('the factor of a matrix takes on its precision, and its gradient has the factor’s own', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const [x, weight] = [random(1, [6, 5]), toPrecision(random(2, [5, 4]), 'bfloat16')];
      assert.equal(precisionOf(product(x as Tensor2D, weight as Tensor2D)), 'bfloat16');
      const gradient = tf.grad((given) => product(given as Tensor2D, weight as Tensor2D).sum())(x);
      assert.equal(precisionOf(gradient), 'float32');
      assert.deepEqual(gradient.shape, [6, 5]);
    });
    assert.equal(tf.memory().numTensors, before);
  });
});
