import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tf, type Scalar, type Tensor, type Tensor4D } from '../../lib/tf';
import { valueAndGradients } from '../../lib/training/backward';
import { noise } from '../noise';

const random = (stream: number, shape: number[]): Tensor =>
  tf.tensor(
    Float32Array.from(
      noise(
        stream,
        shape.reduce((product, size) => product * size, 1),
      ),
    ),
    shape,
  );

type Compute = (...inputs: Tensor[]) => Scalar;

/** Functions whose tapes have every form: branches that meet, inputs used twice, outputs nobody uses, views and constants. */
const functions: Record<string, { compute: Compute; shapes: number[][] }> = {
  'a chain': { compute: (x) => x.sin().exp().square().mean(), shapes: [[4, 5]] },
  'an input that is used twice': { compute: (x) => x.mul(x).add(x).sum(), shapes: [[3]] },
  'branches that meet': {
    compute: (x, y) => x.add(y).mul(x.sub(y.relu())).mean(),
    shapes: [
      [4, 3],
      [4, 3],
    ],
  },
  'the same gradient for two inputs': { compute: (x, y) => x.add(y).sum(), shapes: [[6], [6]] },
  'outputs that are not all used': {
    compute: (x) => tf.split(x, 3, 1)[1].square().sum(),
    shapes: [[2, 6]],
  },
  'broadcasting and views': {
    compute: (x, y) => x.reshape([2, 6]).add(y).transpose().square().mean(),
    shapes: [[3, 4], [6]],
  },
  convolution: {
    compute: (x, filter) =>
      tf
        .conv2d(x as Tensor4D, filter as Tensor4D, 1, 'same')
        .relu()
        .mean(),
    shapes: [
      [2, 5, 5, 3],
      [3, 3, 3, 4],
    ],
  },
  'a custom gradient': {
    compute: (x) =>
      tf
        .customGrad((value, save) => {
          (save as (tensors: Tensor[]) => void)([value as Tensor]);
          return { value: (value as Tensor).abs(), gradFunc: (dy, saved) => dy.mul(saved[0].mul(7)) };
        })(x)
        .sum(),
    shapes: [[5]],
  },
};

describe('gradients over the tape', () => {
  for (const [name, { compute, shapes }] of Object.entries(functions)) {
    it(`of ${name} are tfjs’s own bit for bit, and nothing is left behind`, () => {
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const inputs = shapes.map((shape, index) => random(index + 1, shape));
        const expected = tf.valueAndGrads((...values: Tensor[]) => compute(...values))(inputs);
        const found = valueAndGradients(() => compute(...inputs), inputs);
        assert.deepEqual(found.value.dataSync(), expected.value.dataSync());
        found.gradients.forEach((gradient, index) => {
          assert.deepEqual(gradient.shape, shapes[index]);
          assert.deepEqual(gradient.dataSync(), expected.grads[index].dataSync());
        });
        for (const input of inputs) assert.ok(!input.isDisposed);
      });
      assert.equal(tf.memory().numTensors, before);
    });
  }

  it('are zero for an input that the value does not depend on', () => {
    tf.tidy(() => {
      const [x, y] = [random(1, [3]), random(2, [2])];
      const { gradients } = valueAndGradients(() => x.square().sum(), [x, y]);
      assert.deepEqual([...gradients[1].dataSync()], [0, 0]);
    });
  });

  it('need a value that depends on an input, and leave nothing behind where there is none or the function fails', () => {
    const x = random(1, [3]);
    const before = tf.memory().numTensors;
    tf.tidy(() => assert.throws(() => valueAndGradients(() => tf.scalar(1).square(), [x]), /depends on none/));
    tf.tidy(() =>
      assert.throws(
        () =>
          valueAndGradients(() => {
            x.square().exp();
            throw new Error('in the middle');
          }, [x]),
        /in the middle/,
      ),
    );
    assert.equal(tf.memory().numTensors, before);
    tf.tidy(() => assert.equal(tf.grad((value: Tensor) => value.square().sum())(x).size, 3)); // the engine works on
    x.dispose();
  });

  it('free what a long chain has saved while they go back', () => {
    tf.tidy(() => {
      const x = random(1, [1000]);
      const links = 40;
      let most = 0;
      const probed = (value: Tensor): Tensor =>
        tf.customGrad((given) => ({
          value: (given as Tensor).clone(),
          gradFunc: (dy) => {
            most = tf.memory().numTensors;
            return dy.clone();
          },
        }))(value);
      const start = tf.memory().numTensors;
      valueAndGradients(() => {
        let value = probed(x);
        for (let link = 0; link < links; link++) value = value.sin();
        return value.sum<Scalar>();
      }, [x]);
      // At the last operation of the way back, none of the forty saved inputs and none of the forty gradients is left.
      assert.ok(most - start < 10, `${most - start} tensors`);
    });
  });
});
