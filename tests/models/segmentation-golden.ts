/** Holds a segmentation model against a pass of PyTorch's; tests/fixtures/segmentation_noise.py makes the same weights. */
import assert from 'node:assert/strict';
import {
  createParameters,
  importParameters,
  readParameters,
  sizeOf,
  toPublished,
  trainableNames,
  variableOf,
  type ParameterTable,
  type Parameters,
} from '../../lib/models/parameters';
import { createScope, type Scope } from '../../lib/models/scope';
import { tf, type Scalar, type Tensor, type Tensor4D } from '../../lib/tf';
import { lossAndGradients } from '../../lib/training/gradients';
import { assertFingerprint, lossStream, noise, type Fingerprint } from '../noise';

export interface GoldenPass {
  training: boolean;
  /** The result first. */
  outputs: Record<string, { shape: number[]; fingerprint: Fingerprint }>;
  gradients: Record<string, Fingerprint>;
  inputGradients: Fingerprint[];
  statistics?: Record<string, Fingerprint>;
}

/** Of a norm: how far scale and shift are from 1 and 0, and statistics from those of a normal distribution. */
const otherWeights: Record<string, [offset: number, factor: number]> = {
  running_var: [1, 0.5],
  running_mean: [0, 0.2],
  bias: [0, 0.2],
  weight: [0.6, 0.3],
};

function noiseWeights(name: string, shape: readonly number[], index: number): Float32Array {
  const scaled = (factor: number, offset = 0): Float32Array =>
    Float32Array.from(noise(index, sizeOf(shape)), (value) => offset + factor * value);
  if (shape.length === 4) return scaled(Math.sqrt(6 / (shape[1] * shape[2] * shape[3])));
  if (shape.length === 2) return scaled(Math.sqrt(3 / shape[1]));
  const [offset, factor] = otherWeights[name.slice(name.lastIndexOf('.') + 1)];
  return scaled(factor, offset);
}

/** Parameters of noise, which the caller disposes. */
export function noiseParameters(table: ParameterTable): Parameters {
  const constant = Object.entries(table).map(([name, spec]) => [name, { ...spec, initial: 0 }]);
  const parameters = createParameters(Object.fromEntries(constant) as ParameterTable, 0);
  const weights = Object.entries(table).map(([name, { shape }], index) => [name, noiseWeights(name, shape, index)]);
  importParameters(parameters, new Map(weights as [string, Float32Array][]), 'noise');
  return parameters;
}

export function noiseMap(stream: number, shape: [number, number, number, number]): Tensor4D {
  return tf.tensor4d(Float32Array.from(noise(stream, sizeOf(shape))), shape);
}

export function assertSameShapes(table: ParameterTable, shapes: Record<string, number[]>): void {
  assert.deepEqual(
    Object.entries(table).map(([name, { shape }]) => [name, shape]),
    Object.entries(shapes),
  );
}

/**
 * Outputs, gradients of all parameters and of the inputs, statistics after the pass, and that no tensor is left over. The parameters have
 * their old statistics again afterwards.
 * @param run the outputs by name as the golden pass has them
 */
export function checkPass(
  parameters: Parameters,
  golden: GoldenPass,
  makeInputs: () => Tensor4D[],
  run: (inputs: readonly Tensor4D[], scope: Scope) => Record<string, Tensor>,
): void {
  const before = tf.memory().numTensors;
  const names = trainableNames(parameters);
  const statistics = Object.keys(parameters.table).filter((name) => parameters.table[name].kind === 'statistic');
  const old = readStatistics(parameters, statistics);
  const lossOf = (outputs: Record<string, Tensor>): Scalar => {
    const [result] = Object.values(outputs);
    const weights = tf.tensor(Float32Array.from(noise(lossStream, result.size)), result.shape);
    return result.mul(weights).sum();
  };
  tf.tidy(() => {
    const inputs = makeInputs();
    const values = readParameters(parameters);
    const outputs = run(inputs, createScope(values, golden.training));
    assert.deepEqual(Object.keys(outputs), Object.keys(golden.outputs));
    for (const [name, { shape, fingerprint }] of Object.entries(golden.outputs)) {
      assert.deepEqual(outputs[name].shape, shape, name);
      assertFingerprint(outputs[name].dataSync(), fingerprint, 2e-5, name);
    }
    // As a training step computes them, and in evaluation, for what is trained on top of frozen statistics, as tfjs does.
    const ofParameters = golden.training
      ? lossAndGradients(parameters, names, (scope) => ({ loss: lossOf(run(inputs, scope)) })).gradients
      : evaluationGradients(values, names, (scope) => lossOf(run(inputs, scope)));
    assert.deepEqual([...ofParameters.keys()], Object.keys(golden.gradients));
    const largest = Math.max(...Object.values(golden.gradients).map(([norm]) => norm));
    for (const [name, gradient] of ofParameters) {
      const values = toPublished(gradient, parameters.table[name]);
      // Of a bias that batch norm takes out again, which is nothing but rounding on both sides.
      if (golden.gradients[name][0] < 1e-9 * largest) assert.ok(Math.hypot(...values) < 1e-6 * largest, `∂${name}`);
      else assertFingerprint(values, golden.gradients[name], 2e-4, `∂${name}`);
    }
    const ofInputs = tf.grads((...maps: Tensor[]) =>
      lossOf(run(maps as Tensor4D[], createScope(values, golden.training))),
    )(inputs);
    ofInputs.forEach((gradient, index) =>
      assertFingerprint(gradient.dataSync(), golden.inputGradients[index], 2e-4, `∂input ${index}`),
    );
  });
  assert.equal(tf.memory().numTensors, before);
  if (golden.training) {
    assert.deepEqual(statistics, Object.keys(golden.statistics ?? {}));
    for (const [name, values] of readStatistics(parameters, statistics))
      assertFingerprint(values, golden.statistics?.[name], 1e-5, `${name} after one step`);
    for (const [name, values] of old) tf.tidy(() => variableOf(parameters, name).assign(tf.tensor(values)));
  } else {
    assert.deepEqual(readStatistics(parameters, statistics), old);
  }
}

function evaluationGradients(
  values: ReadonlyMap<string, Tensor>,
  names: readonly string[],
  loss: (scope: Scope) => Scalar,
): Map<string, Tensor> {
  const { grads } = tf.engine().gradients(
    () => loss(createScope(values)),
    names.map((name) => values.get(name) as Tensor),
  );
  return new Map(names.map((name, index) => [name, grads[index]]));
}

function readStatistics(parameters: Parameters, names: readonly string[]): Map<string, Float32Array> {
  return new Map(
    names.map((name) => {
      const value = variableOf(parameters, name).read();
      const values = value.dataSync<'float32'>().slice();
      value.dispose();
      return [name, values];
    }),
  );
}
