import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addBias, product } from '../../lib/tensor/linear';
import { precisionOf, toPrecision } from '../../lib/tensor/precision';
import { tf, type Scalar, type Tensor, type Tensor1D, type Tensor2D } from '../../lib/tf';
import { assertClose } from '../close';
import { noise } from '../noise';

const random = (stream: number, rows: number, columns: number): Tensor2D =>
  tf.tensor2d(Float32Array.from(noise(stream, rows * columns)), [rows, columns]);

const gradients = (compute: (...inputs: Tensor[]) => Tensor, inputs: Tensor[]): Tensor[] =>
  tf.grads((...values) =>
    compute(...values)
      .square()
      .sum<Scalar>(),
  )(inputs);

describe('matrix product', () => {
  it('equals tfjs’s, gradients included', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const inputs = [random(1, 7, 5), random(2, 5, 11)];
      const ours = (x: Tensor, weight: Tensor): Tensor => product(x as Tensor2D, weight as Tensor2D);
      const theirs = (x: Tensor, weight: Tensor): Tensor => tf.matMul(x, weight);
      assertClose(ours(inputs[0], inputs[1]).dataSync(), theirs(inputs[0], inputs[1]).dataSync(), 1e-6, 'product');
      const references = gradients(theirs, inputs);
      gradients(ours, inputs).forEach((gradient, index) =>
        assertClose(gradient.dataSync(), references[index].dataSync(), 1e-5, `gradient ${index}`),
      );
    });
    assert.equal(tf.memory().numTensors, before);
  });

  it('in bfloat16 is that of the rounded factors, rounded', () => {
    tf.tidy(() => {
      const [x, weight] = [random(3, 6, 40), random(4, 40, 9)].map((values) => toPrecision(values, 'bfloat16'));
      const result = product(x, weight);
      assert.equal(precisionOf(result), 'bfloat16');
      const exact = toPrecision(x, 'float32').matMul(toPrecision(weight, 'float32')).dataSync();
      toPrecision(result, 'float32')
        .dataSync()
        .forEach((value, index) => assert.ok(Math.abs(value - exact[index]) <= Math.abs(exact[index]) / 128 + 1e-3));
    });
  });
});

describe('bias', () => {
  for (const shape of [
    [4, 6],
    [2, 3, 6],
    [2, 3, 2, 6],
  ]) {
    it(`is added to ${shape.join('×')} as tfjs does, gradients included`, () => {
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const size = shape.reduce((product, count) => product * count, 1);
        const inputs = [
          tf.tensor(Float32Array.from(noise(5, size)), shape),
          tf.tensor1d(Float32Array.from(noise(6, 6))),
        ];
        const ours = (x: Tensor, bias: Tensor): Tensor => addBias(x, bias as Tensor1D);
        const theirs = (x: Tensor, bias: Tensor): Tensor => x.add(bias);
        assert.deepEqual(ours(inputs[0], inputs[1]).dataSync(), theirs(inputs[0], inputs[1]).dataSync());
        const references = gradients(theirs, inputs);
        gradients(ours, inputs).forEach((gradient, index) =>
          assertClose(gradient.dataSync(), references[index].dataSync(), 1e-5, `gradient ${index}`),
        );
      });
      assert.equal(tf.memory().numTensors, before);
    });
  }
});

describe('precision', () => {
  it('rounds to the nearest bfloat16, ties to even, and back without a change', () => {
    tf.tidy(() => {
      // 1 + 2⁻⁸ is half way between 1 and 1 + 2⁻⁷; 1 + 3·2⁻⁸ between 1 + 2⁻⁷ and 1 + 2⁻⁶.
      const given = tf.tensor1d([1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -7, -3.140625, Infinity]);
      const rounded = toPrecision(toPrecision(given, 'bfloat16'), 'float32').dataSync();
      assert.deepEqual([...rounded], [1, 1, 1 + 2 ** -6, 1 + 2 ** -7, -3.140625, Infinity]);
    });
  });

  it('is kept by tfjs’s operations that move values or are of two of them; the others, and a mixture, give float32', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const low = toPrecision(tf.range(0, 6).reshape<Tensor2D>([2, 3]), 'bfloat16');
      const kept = {
        transposed: low.transpose(),
        padded: low.pad([
          [1, 0],
          [0, 1],
        ]),
        joined: tf.concat([low, low], 1),
        sum: low.add(low),
        product: low.matMul(low, false, true),
      };
      const wide = { mean: low.mean(), softmax: low.softmax(), mixed: low.add(tf.ones([2, 3])), scaled: low.mul(0.1) };
      for (const [name, value] of Object.entries(kept)) assert.equal(precisionOf(value), 'bfloat16', name);
      for (const [name, value] of Object.entries(wide)) assert.equal(precisionOf(value), 'float32', name);
      assert.deepEqual([...kept.padded.dataSync()], [0, 0, 0, 0, 0, 1, 2, 0, 3, 4, 5, 0]);
      assert.deepEqual(kept.product.arraySync(), [
        [5, 14],
        [14, 50],
      ]);
      assert.equal(wide.mean.dataSync()[0], 2.5);
      assert.deepEqual(
        [...wide.scaled.dataSync()],
        [0, 1, 2, 3, 4, 5].map((value) => Math.fround(value * Math.fround(0.1))),
      );
    });
    assert.equal(tf.memory().numTensors, before);
  });
});
