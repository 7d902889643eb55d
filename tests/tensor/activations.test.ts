import assert from 'node:assert/strict';
import { test } from 'node:test';
import { relu } from '../../lib/tensor/activations';
import { tf, type Tensor } from '../../lib/tf';

test('ReLU and its gradient are tfjs’s, 0 at 0, and what is not a number stays that', () => {
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const x = tf.tensor2d([-2, -1e-30, 0, 1e-30, 3, Infinity], [2, 3]);
    const direction = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
    const run = (compute: (x: Tensor) => Tensor) => tf.valueAndGrad(compute)(x, direction);
    const [actual, expected] = [run(relu), run((values) => values.relu())];
    assert.deepEqual(actual.value.dataSync(), expected.value.dataSync());
    assert.deepEqual([...actual.grad.dataSync()], [0, 0, 0, 4, 5, 6]);
    assert.deepEqual(actual.grad.dataSync(), expected.grad.dataSync());
    assert.ok(Number.isNaN(relu(tf.tensor1d([NaN])).dataSync()[0]));
  });
  assert.equal(tf.memory().numTensors, before);
});
