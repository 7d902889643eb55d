import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { countCorrect, crossEntropy, sigmoidCrossEntropy } from '../../lib/tensor/losses';
import { tf, type Tensor, type Tensor2D } from '../../lib/tf';
import { assertClose } from '../close';

interface Case {
  name: string;
  logits: number[][];
  labels: number[];
  outputGradient: number[];
  loss: number[];
  gradient: number[][];
  correct: number;
}

interface BinaryCase {
  name: string;
  shape: number[];
  logits: number[];
  targets: number[];
  outputGradient: number[];
  loss: number[];
  gradient: number[];
}

const { cases, binaryCases }: { cases: Case[]; binaryCases: BinaryCase[] } = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/losses.json'), 'utf8'),
);

describe('cross-entropy', () => {
  for (const { name, logits, labels, outputGradient, loss, gradient } of cases) {
    it(`agrees with torch: ${name}`, () => {
      tf.tidy(() => {
        const classes = tf.tensor1d(labels, 'int32');
        const { value, grad } = tf.valueAndGrad((x) => crossEntropy(x as Tensor2D, classes))(
          tf.tensor2d(logits),
          tf.tensor1d(outputGradient),
        );
        assert.deepEqual(value.shape, [labels.length]);
        assertClose(value.dataSync(), loss, 1e-6, 'loss');
        assertClose(grad.dataSync(), gradient.flat(), 1e-6, 'gradient');
      });
    });
  }

  it('has the gradient of the mean: softmax − one-hot over the number of images', () => {
    tf.tidy(() => {
      const logits = tf.tensor2d([
        [0, Math.log(3)],
        [0, 0],
      ]);
      const labels = tf.tensor1d([0, 1], 'int32');
      const gradient = tf.grad((x) => crossEntropy(x as Tensor2D, labels).mean())(logits);
      assertClose(gradient.dataSync(), [-0.375, 0.375, 0.25, -0.25], 1e-6, 'gradient');
    });
  });

  it('refuses labels that are no class, and leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const logits = tf.tensor2d([0, 0, 0, 0, 0, 0], [2, 3]);
      for (const labels of [
        [0, 3],
        [-1, 0],
      ])
        assert.throws(() => crossEntropy(logits, tf.tensor1d(labels, 'int32')), /label value/);
    });
    assert.equal(tf.memory().numTensors, before);
  });
});

describe('sigmoid cross-entropy', () => {
  /** As it is defined, with the gradient that tfjs finds. */
  const plain = (logits: Tensor, targets: Tensor): Tensor =>
    logits.relu().sub(logits.mul(targets)).add(logits.abs().neg().exp().log1p());

  for (const { name, shape, logits, targets, outputGradient, loss, gradient } of binaryCases) {
    it(`agrees with torch and with the plain version: ${name}`, () => {
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const [x, z, outer] = [logits, targets, outputGradient].map((values) => tf.tensor(values, shape));
        const own = tf.valueAndGrad((value) => sigmoidCrossEntropy(value, z))(x, outer);
        assert.deepEqual(own.value.shape, shape);
        assert.deepEqual(own.grad.shape, shape);
        // Each loss on its own, since a certain pixel's is far below the largest; 1e-30 is where float32 runs out.
        loss.forEach((expected, index) => {
          const error = Math.abs(own.value.dataSync()[index] - expected);
          assert.ok(error <= 1e-6 * Math.max(expected, 1e-30), `loss ${index}: ${own.value.dataSync()[index]}`);
        });
        assertClose(own.grad.dataSync(), gradient, 1e-6, 'gradient');
        assertClose(own.value.dataSync(), plain(x, z).dataSync(), 1e-6, 'plain loss');
        // At exactly 0, the plain version has the derivative of a corner.
        if (!logits.includes(0)) {
          const found = tf.grad((value) => plain(value, z))(x, outer);
          assertClose(own.grad.dataSync(), found.dataSync(), 1e-6, 'plain gradient');
        }
      });
      assert.equal(tf.memory().numTensors, before);
    });
  }

  it('refuses targets of another shape', () => {
    tf.tidy(() => {
      assert.throws(() => sigmoidCrossEntropy(tf.zeros([2, 3]), tf.zeros([3, 2])), /Logits and targets need the same/);
    });
  });
});

describe('countCorrect', () => {
  for (const { name, logits, labels, correct } of cases) {
    it(`agrees with torch: ${name}`, () => {
      const before = tf.memory().numTensors;
      const [inputs, classes] = [tf.tensor2d(logits), tf.tensor1d(labels, 'int32')];
      const counted = countCorrect(inputs, classes);
      assert.deepEqual(counted.shape, []);
      assert.equal(counted.dataSync()[0], correct);
      tf.dispose([inputs, classes, counted]);
      assert.equal(tf.memory().numTensors, before);
    });
  }
});
