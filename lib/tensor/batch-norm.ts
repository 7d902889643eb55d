import { type Tensor1D, type Tensor4D } from '../tf';
import { attribute, executeMany, type Attribute } from './native';
import { defineOperation } from './operation';

export interface BatchNormStatistics {
  readonly mean: Tensor1D;
  readonly variance: Tensor1D;
}

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

/**
 * Batch normalisation with the statistics of the batch (Ioffe and Szegedy 2015). x: N×H×W×C → N×H×W×C, and the running statistics
 * after it as PyTorch keeps them: running ← (1 − momentum)·running + momentum·batch, the batch's variance unbiased.
 */
export function batchNormTraining(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  running: BatchNormStatistics,
  { epsilon = 1e-5, momentum = 0.1 }: Partial<BatchNormAttributes> = {},
): { output: Tensor4D; running: BatchNormStatistics } {
  const outputs = runTraining({ x, scale, offset, ...running }, { epsilon, momentum });
  return {
    output: outputs[0] as Tensor4D,
    running: { mean: outputs[1] as Tensor1D, variance: outputs[2] as Tensor1D },
  };
}

/** Batch normalisation with running statistics, for evaluation and frozen layers. x: N×H×W×C → N×H×W×C. */
export function batchNormInference(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  running: BatchNormStatistics,
  { epsilon = 1e-5 }: { epsilon?: number } = {},
): Tensor4D {
  return runInference({ x, scale, offset, ...running }, { epsilon, momentum: 1 })[0] as Tensor4D;
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
