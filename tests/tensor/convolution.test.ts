import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createRandom } from '../../lib/random';
import { batchNormTraining, normalizedOrigin } from '../../lib/tensor/batch-norm';
import { conv2d } from '../../lib/tensor/convolution';
import { hasKernels } from '../../lib/tensor/native';
import { composedMaxPool2d, maxPool2d } from '../../lib/tensor/pooling';
import { tf, type Tensor, type Tensor1D, type Tensor4D } from '../../lib/tf';
import { assertClose } from '../close';
import { kernelsOnly } from '../kernels-only';

type Shape = [number, number, number, number];
/** Height, width, kernel, stride, padding. */
type Geometry = [number, number, number, number, number];
/** Dot products of a result with two fields of random whole numbers. */
type Dots = [number, number];

interface Fixture {
  convolutions: { geometry: Geometry; shape: Shape; output: Dots; x: Dots; filter: Dots }[];
  poolings: { geometry: Geometry; shape: Shape; output: Dots; x: Dots }[];
}

const fixture: Fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/convolution.json'), 'utf8'));
const [batch, channels, filters] = [2, 2, 3];

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function wholeNumbers(largest: number, count: number, seed: number, ...name: (string | number)[]): Float32Array {
  const random = createRandom(seed, ...name);
  return Float32Array.from({ length: count }, () => random.integer(2 * largest + 1) - largest);
}

function wholeTensor(shape: Shape, ...name: (string | number)[]): Tensor4D {
  return tf.tensor4d(wholeNumbers(4, sizeOf(shape), 1, ...name), shape);
}

function ones(shape: Shape): Tensor4D {
  return tf.ones(shape);
}

function channelsOf(value: number, count: number): Tensor1D {
  return tf.fill([count], value);
}

/** All different and all negative. */
function poolingInput(shape: Shape, geometry: Geometry): Tensor4D {
  const count = sizeOf(shape);
  const order = createRandom(1, 'pool', ...geometry).permutation(count);
  return tf.tensor4d(
    Float32Array.from(order, (value) => value - count),
    shape,
  );
}

/** Sums of whole numbers are exact, so nothing is rounded and nothing is tolerated. */
function assertDots(result: Tensor, expected: Dots, name: string, what: string): void {
  const values = result.dataSync<'float32'>();
  expected.forEach((dot, repetition) => {
    const weights = wholeNumbers(1000, values.length, 2, name, repetition);
    const actual = values.reduce((sum, value, index) => sum + value * weights[index], 0);
    assert.equal(actual, dot, `${what}: ${name}`);
  });
}

function describeGeometry([height, width, size, stride, padding]: Geometry): string {
  return `${height}×${width}, kernel ${size}, stride ${stride}, padding ${padding}`;
}

/** The same convolution as plain as it can be written. */
function plainConvolution(x: Tensor4D, filter: Tensor4D, stride: number, padding: number): Tensor4D {
  const side: [number, number] = [padding, padding];
  return tf.conv2d(tf.pad4d(x, [[0, 0], side, side, [0, 0]]), filter, stride, 'valid');
}

describe('conv2d', () => {
  it(`is torch's conv2d, forward and backward, for ${fixture.convolutions.length} geometries`, () => {
    assert.ok(fixture.convolutions.length > 200);
    for (const { geometry, shape, output, x, filter } of fixture.convolutions) {
      const [height, width, kernel, stride, padding] = geometry;
      const what = describeGeometry(geometry);
      tf.tidy(() => {
        const image = wholeTensor([batch, height, width, channels], 'x', ...geometry);
        const weights = wholeTensor([kernel, kernel, channels, filters], 'filter', ...geometry);
        const outputGradient = wholeTensor(shape, 'outputGradient', ...geometry);
        const result = conv2d(image, weights, { stride, padding });
        assert.deepEqual(result.shape, shape, what);
        assertDots(result, output, 'output', what);
        const gradients = tf.grads((a, b) => conv2d(a as Tensor4D, b as Tensor4D, { stride, padding }));
        const [ofImage, ofWeights] = gradients([image, weights], outputGradient);
        assertDots(ofImage, x, 'x', what);
        assertDots(ofWeights, filter, 'filter', what);
      });
    }
  });

  it('is the plain convolution of the padded image, value by value, also for filters that are not square', () => {
    const random = createRandom(5);
    for (let trial = 0; trial < 150; trial++) {
      const [height, width] = [1 + random.integer(9), 1 + random.integer(9)];
      const [stride, padding] = [1 + random.integer(3), random.integer(4)];
      const [kernelHeight, kernelWidth] = [1 + random.integer(7), 1 + random.integer(7)];
      if (kernelHeight > height + 2 * padding || kernelWidth > width + 2 * padding) continue;
      const what = `${height}×${width}, kernel ${kernelHeight}×${kernelWidth}, stride ${stride}, padding ${padding}`;
      tf.tidy(() => {
        const uniform = (shape: Shape) =>
          tf.tensor4d(
            Float32Array.from({ length: sizeOf(shape) }, () => 2 * random.uniform() - 1),
            shape,
          );
        const inputs = [uniform([2, height, width, 3]), uniform([kernelHeight, kernelWidth, 3, 4])];
        const plain = (a: Tensor, b: Tensor) => plainConvolution(a as Tensor4D, b as Tensor4D, stride, padding);
        const ours = (a: Tensor, b: Tensor) => conv2d(a as Tensor4D, b as Tensor4D, { stride, padding });
        const expected = plain(inputs[0], inputs[1]);
        assert.deepEqual(ours(inputs[0], inputs[1]).shape, expected.shape, what);
        assertClose(ours(inputs[0], inputs[1]).dataSync(), expected.dataSync(), 1e-6, what);
        const outputGradient = uniform(expected.shape);
        const [ofImage, ofFilter] = tf.grads(plain)(inputs, outputGradient);
        const [image, filter] = tf.grads(ours)(inputs, outputGradient);
        assertClose(image.dataSync(), ofImage.dataSync(), 1e-6, `${what}: image`);
        assertClose(filter.dataSync(), ofFilter.dataSync(), 1e-6, `${what}: filter`);
      });
    }
  });

  for (const relu of [true, false])
    for (const [side, kernel, stride, padding] of [
      [6, 3, 1, 1],
      [7, 3, 2, 1],
      [8, 3, 2, 1], // padded first
      [5, 1, 2, 0],
      [1, 3, 1, 1], // a matrix product
    ]) {
      const what = `${side}×${side}, kernel ${kernel}, stride ${stride}, padding ${padding}, ${relu ? 'with' : 'without'} ReLU`;
      it(`computes batch norm's output again for its gradient, bit for bit what is kept: ${what}`, kernelsOnly, () => {
        const before = tf.memory().numTensors;
        tf.tidy(() => {
          const random = createRandom(3, what);
          const draw = (shape: number[]): Tensor =>
            tf.tensor(
              Float32Array.from({ length: sizeOf(shape) }, () => 2 * random.uniform() - 1),
              shape,
            );
          const running = { mean: channelsOf(0, 37), variance: channelsOf(1, 37) };
          const leaves = [draw([3, side, side, 37]), draw([37]), draw([37]), draw([kernel, kernel, 37, 5])];
          const run = (again: boolean) =>
            tf.valueAndGrads((x, scale, offset, filter) => {
              const { output } = batchNormTraining(x as Tensor4D, scale as Tensor1D, offset as Tensor1D, running, {
                relu,
              });
              assert.ok(normalizedOrigin(output) !== undefined);
              // A copy has no origin.
              const image = again ? output : output.clone();
              return conv2d(image, filter as Tensor4D, { stride, padding }).square();
            })(leaves);
          const [actual, expected] = [run(true), run(false)];
          assert.deepEqual(actual.value.dataSync(), expected.value.dataSync());
          actual.grads.forEach((gradient, index) => {
            assert.ok(gradient.abs().sum().dataSync()[0] > 0 || side === 1, `gradient ${index} is not zero`);
            assert.deepEqual(gradient.dataSync(), expected.grads[index].dataSync(), `gradient ${index}`);
          });
        });
        assert.equal(tf.memory().numTensors, before);
      });
    }

  it(
    "keeps batch norm's output where what it was computed from is gone, and nothing beside it where it is there",
    kernelsOnly,
    () => {
      const [x, scale, filter] = [ones([2, 8, 8, 4]), channelsOf(1, 4), ones([3, 3, 4, 4])];
      const running = { mean: scale, variance: scale };
      const kept = (discard: boolean): number => {
        const buffers: number[] = [];
        tf.tidy(() =>
          tf.grad((given: Tensor) => {
            const image = given.add<Tensor4D>(1);
            const result = tf.tidy(() => {
              const { output } = batchNormTraining(image, scale, scale, running, { relu: true });
              buffers.push(tf.memory().numDataBuffers);
              if (discard) image.dispose();
              return conv2d(output, filter, { padding: 1 });
            });
            buffers.push(tf.memory().numDataBuffers);
            return result;
          })(x),
        );
        return buffers[1] - buffers[0];
      };
      // The convolution's result comes, and with the inner tidy go batch norm's running statistics, and its output unless it is kept.
      assert.deepEqual([kept(false), kept(true)], [-2, -1]);
      tf.dispose([x, scale, filter]);
    },
  );

  it('leaves no tensor behind', () => {
    const image = ones([1, 1, 1, 2]);
    const weights = ones([3, 3, 2, 2]);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      tf.grads((a, b) => conv2d(a as Tensor4D, b as Tensor4D, { padding: 1 }))([image, weights]);
    });
    assert.equal(tf.memory().numTensors, before);
    tf.dispose([image, weights]);
  });

  it('does not take a filter for another number of channels, nor one larger than the padded image', () => {
    tf.tidy(() => {
      for (const size of [1, 2, 3, 5]) {
        const image = ones([1, size, size, 2]);
        for (const inputs of [1, 3, 4]) {
          const filter = ones([3, 3, inputs, 2]);
          assert.throws(() => conv2d(image, filter, { padding: 1 }), /Matrix size-incompatible|depth of input/);
        }
      }
      const image = ones([1, 2, 2, 1]);
      assert.throws(() => conv2d(image, ones([3, 3, 1, 1])));
      assert.throws(() => conv2d(image, ones([7, 7, 1, 1]), { padding: 2 }));
    });
  });
});

for (const pool of [maxPool2d, composedMaxPool2d])
  describe(pool.name, () => {
    it(`is torch's max_pool2d of negative values, forward and backward, for ${fixture.poolings.length} geometries`, () => {
      assert.ok(fixture.poolings.length > 100);
      for (const { geometry, shape, output, x } of fixture.poolings) {
        const [height, width, size, stride, padding] = geometry;
        const what = describeGeometry(geometry);
        tf.tidy(() => {
          const image = poolingInput([batch, height, width, channels], geometry);
          const outputGradient = wholeTensor(shape, 'outputGradient', ...geometry);
          const result = pool(image, { size, stride, padding });
          assert.deepEqual(result.shape, shape, what);
          assertDots(result, output, 'output', what);
          const gradient = tf.grad((a) => pool(a as Tensor4D, { size, stride, padding }))(image, outputGradient);
          assertDots(gradient, x, 'x', what);
        });
      }
    });

    it('moves by its own size unless told otherwise', () => {
      const output = tf.tidy(() => pool(tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]), { size: 2 }));
      assert.deepEqual([...output.dataSync()], [5]);
      output.dispose();
    });

    it('takes channels that are no whole vectors, the first of equal values, and what is not a number', () => {
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const shape: Shape = [2, 6, 5, 37];
        const image = tf.tensor4d(wholeNumbers(2, sizeOf(shape), 5, 'ties'), shape); // of five values: many are equal
        const options = { size: 3, stride: 2, padding: 1 };
        const run = (compute: typeof maxPool2d) =>
          tf.valueAndGrad((a: Tensor) => compute(a as Tensor4D, options))(image);
        const [actual, expected] = [run(pool), run(composedMaxPool2d)];
        assert.deepEqual(actual.value.dataSync(), expected.value.dataSync());
        assert.deepEqual(actual.grad.dataSync(), expected.grad.dataSync());
        const equal = tf.grad((a: Tensor) => pool(a as Tensor4D, { size: 2 }))(ones([1, 2, 2, 1]));
        assert.deepEqual([...equal.dataSync()], [1, 0, 0, 0]);
        // TensorFlow's own passes over it.
        if (pool === maxPool2d && hasKernels)
          assert.ok(Number.isNaN(pool(tf.tensor4d([1, NaN, 3, 2], [1, 2, 2, 1]), { size: 2 }).dataSync()[0]));
      });
      assert.equal(tf.memory().numTensors, before);
    });
  });
