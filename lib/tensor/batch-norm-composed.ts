/** Batch normalisation in TensorFlow's own operations: for the GPU, and to hold the project's against. */
import { type Tensor1D, type Tensor4D } from '../tf';
import type { BatchNormOptions, BatchNormOutput, BatchNormStatistics } from './batch-norm';
import { attribute, executeMany, type Attribute } from './native';
import { defineOperation } from './operation';

interface BatchNormAttributes {
  readonly epsilon: number;
  readonly momentum: number;
}

const runTraining = defineOperation<'x' | 'scale' | 'offset' | 'mean' | 'variance', BatchNormAttributes>({
  name: 'FusedBatchNormTraining',
  saveInputs: ['x', 'scale'],
  saveOutputs: [3, 4, 5],
  forward: ({ x, scale, offset, mean, variance }, attributes) =>
    executeMany('FusedBatchNormV3', nativeAttributes(attributes, true), [x, scale, offset, mean, variance], 6),
  gradient: ([outputGradient], [x, scale, ...reserved], attributes) => {
    // Computed here and not in the functions below, each of which tfjs runs in a tidy of its own: one native call gives all three.
    const gradients = executeMany(
      'FusedBatchNormGradV3',
      [attribute.type('T', 'float32'), attribute.type('U', 'float32'), ...gradientAttributes(attributes)],
      [outputGradient, x, scale, ...reserved],
      5,
    );
    return { x: () => gradients[0], scale: () => gradients[1], offset: () => gradients[2] };
  },
});

const runInference = defineOperation<'x' | 'scale' | 'offset' | 'mean' | 'variance', BatchNormAttributes>({
  name: 'FusedBatchNormInference',
  saveInputs: ['x', 'scale', 'mean', 'variance'],
  forward: ({ x, scale, offset, mean, variance }, attributes) =>
    executeMany('FusedBatchNormV3', nativeAttributes(attributes, false), [x, scale, offset, mean, variance], 6),
  // Statistics are constants here, so this is the gradient of a scale and a shift.
  gradient: ([outputGradient], [x, scale, mean, variance], { epsilon }) => ({
    x: () => outputGradient.mul(scale.mul(variance.add(epsilon).rsqrt())),
    scale: () => outputGradient.mul(x.sub(mean)).mul(variance.add(epsilon).rsqrt()).sum([0, 1, 2]),
    offset: () => outputGradient.sum([0, 1, 2]),
  }),
});

/** As `batchNormTraining`. */
export function composedBatchNormTraining(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  running: BatchNormStatistics,
  { epsilon = 1e-5, momentum = 0.1, relu, residual }: BatchNormOptions,
): BatchNormOutput {
  const outputs = runTraining({ x, scale, offset, ...running }, { epsilon, momentum });
  return {
    output: followed(outputs[0] as Tensor4D, { relu, residual }),
    running: { mean: outputs[1] as Tensor1D, variance: outputs[2] as Tensor1D },
  };
}

/** As `batchNormInference`. */
export function composedBatchNormInference(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  running: BatchNormStatistics,
  { epsilon = 1e-5, relu, residual }: BatchNormOptions,
): Tensor4D {
  const [output] = runInference({ x, scale, offset, ...running }, { epsilon, momentum: 1 });
  return followed(output as Tensor4D, { relu, residual });
}

function followed(x: Tensor4D, { relu = false, residual }: Pick<BatchNormOptions, 'relu' | 'residual'>): Tensor4D {
  const sum = residual === undefined ? x : x.add<Tensor4D>(residual);
  return relu ? sum.relu() : sum;
}

function nativeAttributes({ epsilon, momentum }: BatchNormAttributes, training: boolean): Attribute[] {
  return [
    attribute.type('T', 'float32'),
    attribute.type('U', 'float32'),
    attribute.float('epsilon', epsilon),
    attribute.float('exponential_avg_factor', momentum),
    attribute.string('data_format', 'NHWC'),
    attribute.bool('is_training', training),
  ];
}

function gradientAttributes({ epsilon }: BatchNormAttributes): Attribute[] {
  return [
    attribute.float('epsilon', epsilon),
    attribute.string('data_format', 'NHWC'),
    attribute.bool('is_training', true),
  ];
}
