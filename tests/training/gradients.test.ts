import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  createParameters,
  disposeParameters,
  exportParameters,
  type ParameterTable,
} from '../../lib/models/parameters';
import { batchNorm, type Scope } from '../../lib/models/scope';
import { createRandom } from '../../lib/random';
import { tf, type Scalar, type Tensor } from '../../lib/tf';
import { clipByGlobalNorm, lossAndGradients } from '../../lib/training/gradients';
import { assertClose } from '../close';

interface Clip {
  limit: number;
  factor: number;
  norm: number;
  clipped: Record<string, number[]>;
}

const { clips }: { clips: Clip[] } = JSON.parse(readFileSync(join(__dirname, '../fixtures/optimizers.json'), 'utf8'));
const shapes: Record<string, number[]> = { first: [3, 4], second: [5] };

function drawGradients(factor: number): Map<string, Tensor> {
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const random = createRandom(4, 'clip', name);
      const count = shape.reduce((product, size) => product * size, 1);
      const values = Float32Array.from({ length: count }, () => Math.fround(2 * random.uniform() - 1) * factor);
      return [name, tf.tensor(values, shape)];
    }),
  );
}

describe('clipByGlobalNorm', () => {
  for (const { limit, factor, norm, clipped } of clips) {
    it(`is torch's clip_grad_norm_: norm ${norm.toPrecision(3)} to ${limit}`, () => {
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const gradients = drawGradients(factor);
        const result = clipByGlobalNorm(gradients, limit);
        assert.deepEqual([...result.keys()], Object.keys(clipped));
        for (const [name, gradient] of result) {
          assert.deepEqual(gradient.shape, shapes[name]);
          assertClose(gradient.dataSync(), clipped[name], 1e-6, name);
        }
        // Gradients within the limit come out as they went in.
        if (norm < limit)
          for (const [name, gradient] of result)
            assert.deepEqual(gradient.dataSync(), gradients.get(name)?.dataSync(), name);
        const flat = [...result.values()].flatMap((gradient) => [...gradient.dataSync()]);
        assert.ok(Math.hypot(...flat) <= limit * (1 + 1e-6));
      });
      assert.equal(tf.memory().numTensors, before);
    });
  }
});

const table: ParameterTable = {
  'bn.weight': { shape: [2], kind: 'vector', initial: 1 },
  'bn.bias': { shape: [2], kind: 'vector', initial: 0.5 },
  'bn.running_mean': { shape: [2], kind: 'statistic', initial: 0 },
  'bn.running_var': { shape: [2], kind: 'statistic', initial: 1 },
  unused: { shape: [3], kind: 'vector', initial: 0 },
};
const trained = ['bn.weight', 'bn.bias'];
// Channel means 2.5 and 25, unbiased variances 5/3 and 500/3.
const images = [1, 10, 2, 20, 3, 30, 4, 40];

function loss(scope: Scope): { loss: Scalar; reported: { largest: Scalar } } {
  const x = tf.tensor4d(images, [4, 1, 1, 2]);
  const output = batchNorm(x, scope.at('bn'));
  return { loss: output.square().sum<Scalar>(), reported: { largest: output.max<Scalar>() } };
}

describe('lossAndGradients', () => {
  it('gives loss, gradients and what is reported, and assigns the new statistics', () => {
    const before = tf.memory().numTensors;
    const parameters = createParameters(table, 0);
    const withParameters = tf.memory().numTensors;
    for (const weight of [0.1, 0.19]) {
      tf.tidy(() => {
        const { loss: value, reported, gradients } = lossAndGradients(parameters, trained, loss);
        // Normalised values have mean 0 and mean square 1, up to ε: Σ(x̂ + ½)² = 4·(1 + ¼) a channel.
        assertClose(value.dataSync(), [10], 1e-5, 'loss');
        assertClose(reported.largest.dataSync(), [1.5 / Math.sqrt(1.25) + 0.5], 1e-5, 'reported');
        assert.deepEqual([...gradients.keys()], trained);
        assertClose(gradients.get('bn.weight')?.dataSync() ?? [], [8, 8], 1e-5, 'gradient of the scale');
        assertClose(gradients.get('bn.bias')?.dataSync() ?? [], [4, 4], 1e-5, 'gradient of the offset');
      });
      const values = exportParameters(parameters);
      assertClose(values.get('bn.running_mean') ?? [], [2.5 * weight, 25 * weight], 1e-6, 'mean');
      const variance = [5 / 3, 500 / 3].map((batch) => 1 - weight + weight * batch);
      assertClose(values.get('bn.running_var') ?? [], variance, 1e-6, 'variance');
      assert.deepEqual([...(values.get('bn.weight') ?? [])], [1, 1]);
      assert.equal(tf.memory().numTensors, withParameters);
    }
    disposeParameters(parameters);
    assert.equal(tf.memory().numTensors, before);
  });

  it('takes no gradient of what is frozen', () => {
    const parameters = createParameters(table, 0);
    tf.tidy(() => {
      const { gradients } = lossAndGradients(parameters, ['bn.bias'], loss);
      assert.deepEqual([...gradients.keys()], ['bn.bias']);
      assertClose(gradients.get('bn.bias')?.dataSync() ?? [], [4, 4], 1e-5, 'gradient of the offset');
    });
    disposeParameters(parameters);
  });

  it('leaves no tensor behind where the loss fails, nor a changed statistic', () => {
    const parameters = createParameters(table, 0);
    const before = tf.memory().numTensors;
    const failing = (scope: Scope) => {
      batchNorm(tf.tensor4d(images, [4, 1, 1, 2]), scope.at('bn'));
      throw new Error('no loss');
    };
    assert.throws(() => tf.tidy(() => void lossAndGradients(parameters, trained, failing)), /no loss/);
    assert.equal(tf.memory().numTensors, before);
    assert.deepEqual([...(exportParameters(parameters).get('bn.running_mean') ?? [])], [0, 0]);
    disposeParameters(parameters);
  });
});
