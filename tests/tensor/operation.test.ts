import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defineOperation, type Operation } from '../../lib/tensor/operation';
import { tf, type Scalar, type Tensor } from '../../lib/tf';
import { valueAndGradients } from '../../lib/training/backward';

interface Power {
  readonly exponent: number;
}

/** factor · x^exponent, and its sum over all values. */
function powerOperation(calls: string[]): Operation<'x' | 'factor', Power> {
  return {
    name: 'TestPower',
    saveInputs: ['factor', 'x'],
    saveOutputs: [1],
    forward({ x, factor }, { exponent }) {
      calls.push('forward');
      const output = x.pow(exponent).mul(factor);
      return [output, output.sum()];
    },
    gradient([outputGradient], [factor, x, sum, ...rest], { exponent }) {
      assert.deepEqual(sum.shape, []);
      assert.deepEqual(rest, []);
      return {
        x: () => {
          calls.push('x');
          return outputGradient.mul(factor).mul(x.pow(exponent - 1).mul(exponent));
        },
        factor: () => {
          calls.push('factor');
          return outputGradient.mul(x.pow(exponent)).sum();
        },
      };
    },
  };
}

describe('defineOperation', () => {
  it('gives an operation that tfjs differentiates, with its attributes', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const run = defineOperation(powerOperation([]));
      const [x, factor] = [tf.tensor1d([1, 2, 3]), tf.scalar(5)];
      const tensors = tf.memory().numTensors;
      const outputs = run({ x, factor }, { exponent: 3 });
      // What the kernel needed in between is gone at once, not when the caller's tidy ends.
      assert.equal(tf.memory().numTensors, tensors + 2);
      assert.deepEqual(
        outputs.map((output) => [...output.dataSync()]),
        [[5, 40, 135], [180]],
      );
      const [ofX, ofFactor] = tf.grads((a, b) => run({ x: a, factor: b }, { exponent: 2 })[0])([x, factor]);
      assert.deepEqual([...ofX.dataSync()], [10, 20, 30]);
      assert.deepEqual([...ofFactor.dataSync()], [14]);
    });
    assert.equal(tf.memory().numTensors, before);
  });

  it('computes the gradients of the inputs that are asked for, and no others', () => {
    tf.tidy(() => {
      const calls: string[] = [];
      const run = defineOperation(powerOperation(calls));
      const [x, factor] = [tf.tensor1d([1, 2]), tf.scalar(5)];
      run({ x, factor }, { exponent: 2 });
      assert.deepEqual(calls.splice(0), ['forward']);
      tf.grad((a) => run({ x: a, factor }, { exponent: 2 })[0])(x);
      assert.deepEqual(calls.splice(0), ['forward', 'x']);
      tf.grad((a) => run({ x, factor: a }, { exponent: 2 })[0])(factor);
      assert.deepEqual(calls.splice(0), ['forward', 'factor']);
      tf.grads((a, b) => run({ x: a, factor: b }, { exponent: 2 })[0])([x, factor]);
      assert.deepEqual(calls.splice(0).sort(), ['factor', 'forward', 'x']);
    });
  });

  it('passes no gradient through constants, whatever they were made from, and keeps their values where they are saved', () => {
    const before = tf.memory();
    tf.tidy(() => {
      const run = defineOperation<'x' | 'factor', Record<string, never>>({
        name: 'TestConstant',
        saveInputs: ['factor'],
        constants: ['factor'],
        forward: ({ x, factor }) => x.mul(factor),
        gradient: ([outputGradient], [factor]) => ({ x: () => outputGradient.mul(factor) }),
      });
      const x = tf.tensor1d([1, 2, 3]);
      const square = (value: Tensor): Tensor => {
        const factor = value.square();
        const output = run({ x: value, factor }, {})[0];
        assert.ok(!factor.isDisposed);
        factor.dispose(); // what is saved does not depend on it
        return output;
      };
      const { value, grad } = tf.valueAndGrad(square)(x);
      assert.deepEqual([...value.dataSync()], [1, 8, 27]);
      assert.deepEqual([...grad.dataSync()], [1, 4, 9]); // not 3, 12, 27
      const own = valueAndGradients(() => square(x).sum<Scalar>(), [x]);
      assert.deepEqual([...own.gradients[0].dataSync()], [1, 4, 9]);
    });
    const { numTensors, numDataBuffers } = tf.memory();
    assert.deepEqual([numTensors, numDataBuffers], [before.numTensors, before.numDataBuffers]);
  });

  it('replaces an operation of the same name, forward and backward, without a warning', (context) => {
    const warn = context.mock.method(console, 'warn', () => undefined);
    const define = (factor: number) =>
      defineOperation<'x', Record<string, never>>({
        name: 'TestReplaced',
        forward: ({ x }) => x.mul(factor),
        gradient: ([outputGradient]) => ({ x: () => outputGradient.mul(factor) }),
      });
    tf.tidy(() => {
      for (const factor of [2, 3, 5]) {
        const run = define(factor);
        const { value, grad } = tf.valueAndGrad((x: Tensor) => run({ x }, {})[0])(tf.scalar(7));
        assert.equal(value.dataSync()[0], 7 * factor);
        assert.equal(grad.dataSync()[0], factor);
      }
    });
    assert.equal(warn.mock.callCount(), 0);
  });

  it('without a gradient is for evaluation only, and says so', () => {
    tf.tidy(() => {
      const run = defineOperation<'x', Record<string, never>>({
        name: 'TestForward',
        forward: ({ x }) => x.square(),
      });
      assert.equal(run({ x: tf.scalar(3) }, {})[0].dataSync()[0], 9);
      assert.throws(() => tf.grad((x: Tensor) => run({ x }, {})[0])(tf.scalar(3)), {
        message: 'TestForward has no gradient: it is for evaluation only.',
      });
    });
  });
});
