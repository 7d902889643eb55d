import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createRandom } from '../../lib/random';
import { batchNormInference, batchNormTraining, type BatchNormStatistics } from '../../lib/tensor/batch-norm';
import { composedBatchNormInference, composedBatchNormTraining } from '../../lib/tensor/batch-norm-composed';
import { tf, type Tensor, type Tensor1D, type Tensor4D } from '../../lib/tf';
import { assertClose } from '../close';

interface Gradients {
  output: number[];
  x: number[];
  scale: number[];
  offset: number[];
}

interface Case {
  shape: [number, number, number, number];
  epsilon: number;
  momentum: number;
  centre: number;
  steps: (Gradients & { mean: number[]; variance: number[] })[];
  evaluation: Gradients;
}

const { cases }: { cases: Case[] } = JSON.parse(readFileSync(join(__dirname, '../fixtures/batch_norm.json'), 'utf8'));

function draw<T extends Tensor>(
  shape: number[],
  low: number,
  high: number,
  seed: number,
  ...name: (string | number)[]
) {
  const random = createRandom(seed, ...name);
  const count = shape.reduce((product, size) => product * size, 1);
  return tf.tensor(
    Float32Array.from({ length: count }, () => low + (high - low) * random.uniform()),
    shape,
  ) as T;
}

/** What the fixture's case starts with. */
function inputsOf({ shape, centre }: Case, index: number) {
  const channels = [shape[3]];
  return {
    scale: draw<Tensor1D>(channels, -1.5, 1.5, index, 'scale'),
    offset: draw<Tensor1D>(channels, -1, 1, index, 'offset'),
    running: {
      mean: draw<Tensor1D>(channels, -1, 1, index, 'mean'),
      variance: draw<Tensor1D>(channels, 0.5, 2, index, 'variance'),
    },
    x: (step: number) => draw<Tensor4D>(shape, centre - 2, centre + 1 + step, index, 'x', step),
    outputGradient: (step: number) => draw<Tensor4D>(shape, -1, 1, index, 'outputGradient', step),
  };
}

type Compute = (x: Tensor4D, scale: Tensor1D, offset: Tensor1D) => Tensor4D;

function valueAndGradients(compute: Compute, inputs: [Tensor4D, Tensor1D, Tensor1D], outputGradient: Tensor4D) {
  const { value, grads } = tf.valueAndGrads((x, scale, offset) =>
    compute(x as Tensor4D, scale as Tensor1D, offset as Tensor1D),
  )(inputs, outputGradient);
  const [x, scale, offset] = grads;
  return { output: value, x, scale, offset };
}

function assertAll(actual: Record<string, Tensor>, expected: Gradients, tolerance: number, what: string): void {
  for (const name of ['output', 'x', 'scale', 'offset'] as const) {
    assertClose(actual[name].dataSync(), expected[name], tolerance, `${what}: ${name}`);
  }
}

/** Batch norm by its definition. */
function plainTraining(epsilon: number): Compute {
  return (x, scale, offset) => {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    return x.sub(mean).div(variance.add(epsilon).sqrt()).mul(scale).add(offset);
  };
}

function plainInference({ mean, variance }: BatchNormStatistics, epsilon: number): Compute {
  return (x, scale, offset) => x.sub(mean).div(variance.add(epsilon).sqrt()).mul(scale).add(offset);
}

describe('batch norm', () => {
  for (const [index, golden] of cases.entries()) {
    const { shape, epsilon, momentum, centre, steps, evaluation } = golden;
    // With a mean far from zero, float32 has fewer digits left for the deviations from it.
    const tolerance = centre === 0 ? 1e-6 : 3e-5;
    it(`agrees with torch for ${shape.join('×')} around ${centre}, ε ${epsilon}, momentum ${momentum}`, () => {
      tf.tidy(() => {
        const inputs = inputsOf(golden, index);
        const { scale, offset } = inputs;
        let { running } = inputs;
        steps.forEach((expected, step) => {
          const [x, outputGradient] = [inputs.x(step), inputs.outputGradient(step)];
          const actual = valueAndGradients(
            (...leaves) => batchNormTraining(...leaves, running, { epsilon, momentum }).output,
            [x, scale, offset],
            outputGradient,
          );
          assertAll(actual, expected, tolerance, `step ${step}`);
          ({ running } = batchNormTraining(x, scale, offset, running, { epsilon, momentum }));
          assertClose(running.mean.dataSync(), expected.mean, 1e-6, `running mean after step ${step}`);
          assertClose(running.variance.dataSync(), expected.variance, tolerance, `running variance after step ${step}`);
        });
        const last = steps.length - 1;
        const actual = valueAndGradients(
          (...leaves) => batchNormInference(...leaves, running, { epsilon }),
          [inputs.x(last), scale, offset],
          inputs.outputGradient(last),
        );
        assertAll(actual, evaluation, tolerance, 'evaluation');
      });
    });
  }

  it('agrees with its definition', () => {
    tf.tidy(() => {
      const shape = [4, 5, 3, 7];
      const x = draw<Tensor4D>(shape, -3, 2, 1, 'x');
      const [scale, offset] = [draw<Tensor1D>([7], 0.5, 2, 1, 'scale'), draw<Tensor1D>([7], -1, 1, 1, 'offset')];
      const running = { mean: draw<Tensor1D>([7], -1, 1, 1, 'mean'), variance: draw<Tensor1D>([7], 0.5, 2, 1, 'v') };
      const outputGradient = draw<Tensor4D>(shape, -1, 1, 1, 'gradient');
      const pairs: [Compute, Compute][] = [
        [(...leaves) => batchNormTraining(...leaves, running).output, plainTraining(1e-5)],
        [(...leaves) => batchNormInference(...leaves, running), plainInference(running, 1e-5)],
        [(...leaves) => composedBatchNormTraining(...leaves, running, {}).output, plainTraining(1e-5)],
        [(...leaves) => composedBatchNormInference(...leaves, running, {}), plainInference(running, 1e-5)],
      ];
      for (const [fused, plain] of pairs) {
        const actual = valueAndGradients(fused, [x, scale, offset], outputGradient);
        const expected = valueAndGradients(plain, [x, scale, offset], outputGradient);
        for (const name of ['output', 'x', 'scale', 'offset'] as const)
          assertClose(actual[name].dataSync(), expected[name].dataSync(), 2e-6, name);
      }
    });
  });

  for (const shape of [
    [2, 3, 3, 5],
    [6, 31, 29, 70], // several chunks of rows in each block of the sums; channels in vectors and a rest
  ]) {
    for (const [relu, hasResidual] of [
      [true, false],
      [false, true],
      [true, true],
    ]) {
      const what = [...(hasResidual ? ['a shortcut'] : []), ...(relu ? ['ReLU'] : [])].join(' and ');
      it(`is followed by ${what} as composed, gradients included, for ${shape.join('×')}`, () => {
        const before = tf.memory().numTensors;
        tf.tidy(() => {
          const channels = [shape[3]];
          const running = {
            mean: draw<Tensor1D>(channels, -1, 1, 3, 'm'),
            variance: draw<Tensor1D>(channels, 0.5, 2, 3, 'v'),
          };
          const leaves = [
            draw<Tensor4D>(shape, 1, 4, 3, 'x'),
            draw<Tensor1D>(channels, -1.5, 1.5, 3, 'scale'),
            draw<Tensor1D>(channels, -1, 1, 3, 'offset'),
            ...(hasResidual ? [draw<Tensor4D>(shape, -1, 1, 3, 'residual')] : []),
          ];
          const direction = draw<Tensor4D>(shape, -1, 1, 3, 'direction');
          const run = (compute: (...leaves: Tensor[]) => Tensor) => tf.valueAndGrads(compute)(leaves, direction);
          const pairs = [
            [
              run(
                (x, scale, offset, residual) =>
                  batchNormTraining(x as Tensor4D, scale as Tensor1D, offset as Tensor1D, running, {
                    relu,
                    residual: residual as Tensor4D,
                  }).output,
              ),
              run(
                (x, scale, offset, residual) =>
                  composedBatchNormTraining(x as Tensor4D, scale as Tensor1D, offset as Tensor1D, running, {
                    relu,
                    residual: residual as Tensor4D,
                  }).output,
              ),
            ],
            [
              run((x, scale, offset, residual) =>
                batchNormInference(x as Tensor4D, scale as Tensor1D, offset as Tensor1D, running, {
                  relu,
                  residual: residual as Tensor4D,
                }),
              ),
              run((x, scale, offset, residual) =>
                composedBatchNormInference(x as Tensor4D, scale as Tensor1D, offset as Tensor1D, running, {
                  relu,
                  residual: residual as Tensor4D,
                }),
              ),
            ],
          ];
          for (const [actual, expected] of pairs) {
            // Sums over thousands of rows: float32 keeps five digits of them.
            const tolerance = 1e-4 * Math.max(1, Math.sqrt(leaves[0].size) / 100);
            assertClose(actual.value.dataSync(), expected.value.dataSync(), 1e-5, 'output');
            actual.grads.forEach((gradient, index) =>
              assertClose(gradient.dataSync(), expected.grads[index].dataSync(), tolerance, `gradient ${index}`),
            );
          }
        });
        assert.equal(tf.memory().numTensors, before);
      });
    }
  }

  it('is the same bit for bit each time, and lets what is not a number through', () => {
    tf.tidy(() => {
      const [x, scale, offset] = [draw<Tensor4D>([8, 9, 9, 20], -1, 2, 4, 'x'), tf.ones([20]), tf.zeros([20])];
      const running = { mean: tf.zeros([20]), variance: tf.ones([20]) } as BatchNormStatistics;
      const run = (): Float32Array =>
        batchNormTraining(x, scale as Tensor1D, offset as Tensor1D, running, {
          relu: true,
        }).output.dataSync<'float32'>();
      const first = run();
      for (let repeat = 0; repeat < 5; repeat++) assert.deepEqual(run(), first);
      const broken = tf.tensor4d([NaN, 1, 2, 3], [2, 1, 1, 2]);
      const one = { mean: tf.zeros([2]), variance: tf.ones([2]) } as BatchNormStatistics;
      const output = batchNormTraining(broken, tf.ones([2]), tf.zeros([2]), one, { relu: true }).output.dataSync();
      assert.deepEqual([...output].map(Number.isNaN), [true, false, true, false]);
    });
  });

  it("takes momentum and ε as PyTorch's defaults", () => {
    tf.tidy(() => {
      const [scale, offset] = [tf.tensor1d([1]), tf.tensor1d([0])];
      const before = { mean: tf.tensor1d([10]), variance: tf.tensor1d([1]) };
      const x = tf.tensor4d([0, 2e-3], [2, 1, 1, 1]); // mean 1e-3, variance 1e-6, unbiased 2e-6
      const { output, running } = batchNormTraining(x, scale, offset, before);
      assertClose(output.dataSync(), [-1e-3 / Math.sqrt(1.1e-5), 1e-3 / Math.sqrt(1.1e-5)], 1e-6, 'output');
      assertClose(running.mean.dataSync(), [9 + 1e-4], 1e-7, 'running mean');
      assertClose(running.variance.dataSync(), [0.9 + 2e-7], 1e-7, 'running variance');
    });
  });

  it('leaves the statistics that it was given as they are, and no tensor behind', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const inputs = inputsOf(cases[0], 0);
      const mean = [...inputs.running.mean.dataSync()];
      const variance = [...inputs.running.variance.dataSync()];
      tf.grad((x) => batchNormTraining(x as Tensor4D, inputs.scale, inputs.offset, inputs.running).output)(inputs.x(0));
      assert.deepEqual([...inputs.running.mean.dataSync()], mean);
      assert.deepEqual([...inputs.running.variance.dataSync()], variance);
    });
    assert.equal(tf.memory().numTensors, before);
  });
});
