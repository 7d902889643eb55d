import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  createParameters,
  disposeParameters,
  exportParameters,
  importParameters,
  sizeOf,
  variableOf,
} from '../../lib/models/parameters';
import { resizeBilinear, upsampleBilinear, upsampleNearest, upsampleTransposed } from '../../lib/tensor/upsampling';
import { tf, type Tensor, type Tensor4D } from '../../lib/tf';
import { assertClose } from '../close';
import { imageStream, lossStream, noise } from '../noise';

type Plane = [height: number, width: number];
type Shape = [number, number, number, number];

interface Golden {
  output: number[];
  x: number[];
  filter?: number[];
}

interface Fixture {
  bilinear: (Golden & { from: Plane; to: Plane })[];
  nearest: (Golden & { from: Plane; factor: number })[];
  transposed: { from: Plane; filter: Shape; result: Golden }[];
}

const fixture: Fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/upsampling.json'), 'utf8'));
const [batch, channels] = [2, 2];
const filterStream = 1;

function noiseTensor(stream: number, shape: Shape): Tensor4D {
  return tf.tensor4d(Float32Array.from(noise(stream, sizeOf(shape))), shape);
}

/** Values and gradients of the output's dot product with noise; nothing is left behind. */
function check(shape: Shape, golden: Golden, run: (x: Tensor4D) => Tensor4D, what: string): void {
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const x = noiseTensor(imageStream, shape);
    const output = run(x);
    assertClose(output.dataSync(), golden.output, 1e-6, what);
    const gradient = tf.grad((value) => run(value as Tensor4D))(x, noiseTensor(lossStream, output.shape));
    assertClose(gradient.dataSync(), golden.x, 1e-6, `${what}: gradient`);
  });
  assert.equal(tf.memory().numTensors, before, what);
}

describe('bilinear interpolation', () => {
  for (const golden of fixture.bilinear) {
    const { from, to } = golden;
    const what = `${from.join('×')} to ${to.join('×')}`;
    it(`is PyTorch's without aligned corners: ${what}`, () => {
      const shape: Shape = [batch, ...from, channels];
      check(shape, golden, (x) => resizeBilinear(x, { height: to[0], width: to[1] }), what);
      if (to[0] === 2 * from[0] && to[1] === 2 * from[1]) check(shape, golden, (x) => upsampleBilinear(x, 2), what);
    });
  }

  it('to the same size is the image itself', () => {
    tf.tidy(() => {
      const x = noiseTensor(1, [1, 2, 3, 1]);
      assert.equal(resizeBilinear(x, { height: 2, width: 3 }), x);
    });
  });

  it('needs its own gradient: that of tfjs is of another function', () => {
    const { from, to, x: expected } = fixture.bilinear[0];
    tf.tidy(() => {
      const x = noiseTensor(imageStream, [batch, ...from, channels]);
      const outputGradient = noiseTensor(lossStream, [batch, ...to, channels]);
      const tfjs = tf.grad((value) => tf.image.resizeBilinear(value as Tensor4D, to, false, true))(x, outputGradient);
      assert.throws(() => assertClose(tfjs.dataSync(), expected, 0.1, 'gradient of tfjs'));
    });
  });
});

describe('nearest neighbours', () => {
  for (const golden of fixture.nearest) {
    const { from, factor } = golden;
    it(`are PyTorch's: ${from.join('×')} times ${factor}`, () => {
      check([batch, ...from, channels], golden, (x) => upsampleNearest(x, factor), `times ${factor}`);
    });
  }
});

describe('transposed convolution', () => {
  for (const { from, filter, result } of fixture.transposed) {
    const [inputs, outputs, size] = filter;
    const what = `${from.join('×')}×${inputs} to ${outputs} with ${size}×${size}`;

    /** In memory as a model has it. */
    const withFilter = (run: (value: Tensor4D) => void): void => {
      const parameters = createParameters({ up: { shape: filter, kind: 'transposedConvolution', initial: 0 } }, 1);
      const published = Float32Array.from(noise(filterStream, sizeOf(filter)));
      importParameters(parameters, new Map([['up', published]]), 'noise');
      assert.deepEqual(exportParameters(parameters).get('up'), published);
      tf.tidy(() => run(variableOf(parameters, 'up').read() as Tensor4D));
      disposeParameters(parameters);
    };

    it(`is PyTorch's: ${what}`, () => {
      const before = tf.memory().numTensors;
      withFilter((kernels) => {
        check([batch, ...from, inputs], result, (x) => upsampleTransposed(x, kernels), what);
        const x = noiseTensor(imageStream, [batch, ...from, inputs]);
        const outputGradient = noiseTensor(lossStream, [batch, size * from[0], size * from[1], outputs]);
        const gradient = tf.grad((value) => upsampleTransposed(x, value as Tensor4D))(kernels, outputGradient);
        const published = gradient.transpose([0, 3, 1, 2]);
        assert.deepEqual(published.shape, filter);
        assertClose(published.dataSync(), result.filter ?? [], 1e-6, `${what}: gradient of the filter`);
      });
      assert.equal(tf.memory().numTensors, before);
    });

    it(`is TensorFlow's, forward and backward: ${what}`, () => {
      withFilter((kernels) => {
        const x = noiseTensor(imageStream, [batch, ...from, inputs]);
        const shape: Shape = [batch, size * from[0], size * from[1], outputs];
        // TensorFlow wants k×k×O×I.
        const native = (a: Tensor, f: Tensor) =>
          tf.conv2dTranspose(a as Tensor4D, f.transpose<Tensor4D>([1, 2, 3, 0]), shape, size, 'valid');
        const ours = (a: Tensor, f: Tensor) => upsampleTransposed(a as Tensor4D, f as Tensor4D);
        assertClose(ours(x, kernels).dataSync(), native(x, kernels).dataSync(), 1e-6, what);
        const outputGradient = noiseTensor(lossStream, shape);
        const expected = tf.grads(native)([x, kernels], outputGradient);
        tf.grads(ours)([x, kernels], outputGradient).forEach((gradient, index) =>
          assertClose(gradient.dataSync(), expected[index].dataSync(), 1e-6, `${what}: gradient ${index}`),
        );
      });
    });
  }
});
