/** Batch normalisation with what usually follows it: a shortcut that is added, and ReLU. */
import { tf, type Tensor, type Tensor1D, type Tensor4D } from '../tf';
import { composedBatchNormInference, composedBatchNormTraining } from './batch-norm-composed';
import { sumOverRows } from './linear';
import { attribute, execute, executeMany, hasKernels } from './native';
import { defineOperation } from './operation';
import { inPrecisionOf, precisionOf, toPrecision, typeAttribute } from './precision';

export interface BatchNormStatistics {
  readonly mean: Tensor1D;
  readonly variance: Tensor1D;
}

export interface BatchNormOptions {
  /** Beside the variance; 1e-5 by default. */
  readonly epsilon?: number;
  /** Share of the batch in the new running statistics; 0.1 by default. */
  readonly momentum?: number;
  /** N×H×W×C, added after the normalisation. */
  readonly residual?: Tensor4D;
  /** Whether ReLU comes last; false by default. */
  readonly relu?: boolean;
}

export interface BatchNormOutput {
  readonly output: Tensor4D;
  /** Afterwards. */
  readonly running: BatchNormStatistics;
}

export interface BatchNormAttributes {
  readonly epsilon: number;
  readonly momentum: number;
  readonly relu: boolean;
  readonly hasResidual: boolean;
}

/**
 * The operation itself, outside the tape. Inputs: x, scale, offset, running mean and variance, and a residual or an empty tensor. Outputs:
 * the result, the new running mean and variance, the batch's mean and 1/√(variance + ε).
 */
export function normalize(inputs: Tensor[], { epsilon, momentum, relu }: BatchNormAttributes): Tensor[] {
  const attributes = [
    typeAttribute(inputs[0]),
    attribute.float('epsilon', epsilon),
    attribute.float('momentum', momentum),
    attribute.bool('relu', relu),
  ];
  return executeMany('NotebookBatchNorm', attributes, inputs, 5);
}

/**
 * Gradients of x, scale, offset and residual from that of the output, x, scale, offset, the batch's mean and 1/√(variance + ε), and the
 * output where there were both a residual and ReLU, or an empty tensor.
 */
export function normalizeGradients(
  inputs: Tensor[],
  { relu, hasResidual }: Pick<BatchNormAttributes, 'relu' | 'hasResidual'>,
): Tensor[] {
  const attributes = [typeAttribute(inputs[1]), attribute.bool('relu', relu), attribute.bool('residual', hasResidual)];
  return executeMany('NotebookBatchNormGrad', attributes, inputs, 4);
}

/** The output is kept only where the gradient needs it: behind ReLU after a shortcut, where it tells what passed. */
const defineTraining = (name: string, keepsOutput: boolean) =>
  defineOperation<'x' | 'scale' | 'offset' | 'mean' | 'variance' | 'residual', BatchNormAttributes>({
    name,
    saveInputs: ['x', 'scale', 'offset'],
    saveOutputs: keepsOutput ? [0, 3, 4] : [3, 4],
    forward: ({ x, scale, offset, mean, variance, residual }, attributes) =>
      normalize([x, scale, offset, mean, variance, residual], attributes),
    gradient([outputGradient], [x, scale, offset, ...kept], { relu, hasResidual }) {
      const [output, mean, inverseDeviation] = keepsOutput ? kept : [nothing(x), ...kept];
      const inputs = [outputGradient, x, scale, offset, mean, inverseDeviation, output];
      const gradients = normalizeGradients(inputs, { relu, hasResidual });
      return {
        x: () => gradients[0],
        scale: () => gradients[1],
        offset: () => gradients[2],
        residual: () => gradients[3],
      };
    },
  });

/** What an output was computed from, for operations that compute it again for their gradient instead of keeping it. */
export interface NormalizedOrigin {
  /** x, scale, offset, the batch's mean and 1/√(variance + ε). */
  readonly inputs: readonly [Tensor, Tensor, Tensor, Tensor, Tensor];
  readonly relu: boolean;
}

const origins = new WeakMap<Tensor, NormalizedOrigin>();

/** The origin of an output of `batchNormTraining` without a shortcut; undefined for other tensors, and where it is gone. */
export function normalizedOrigin(output: Tensor): NormalizedOrigin | undefined {
  const origin = origins.get(output);
  return origin?.inputs.every(({ isDisposed }) => !isDisposed) ? origin : undefined;
}

/** The output again, bit for bit. */
export function normalizeAgain({ inputs, relu }: NormalizedOrigin): Tensor4D {
  return execute('NotebookNormalize', [typeAttribute(inputs[0]), attribute.bool('relu', relu)], inputs) as Tensor4D;
}

const runTraining = defineTraining('BatchNormTraining', false);
const runTrainingBehindShortcut = defineTraining('BatchNormTrainingBehindShortcut', true);

/**
 * Batch normalisation with the statistics of the batch (Ioffe and Szegedy 2015). x: N×H×W×C → N×H×W×C, and the running statistics
 * after it as PyTorch keeps them: running ← (1 − momentum)·running + momentum·batch, the batch's variance unbiased.
 */
export function batchNormTraining(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  running: BatchNormStatistics,
  options: BatchNormOptions = {},
): BatchNormOutput {
  if (!hasKernels) {
    const composed = composedBatchNormTraining(inFloat32(x), scale, offset, running, widened(options));
    return { ...composed, output: inPrecisionOf(x, composed.output) };
  }
  const { epsilon = 1e-5, momentum = 0.1, relu = false, residual } = options;
  const attributes = { epsilon, momentum, relu, hasResidual: residual !== undefined };
  const run = residual !== undefined && relu ? runTrainingBehindShortcut : runTraining;
  const outputs = withResidual(x, residual, (given) =>
    run({ x, scale, offset, ...running, residual: given }, attributes),
  );
  if (residual === undefined) origins.set(outputs[0], { inputs: [x, scale, offset, outputs[3], outputs[4]], relu });
  return {
    output: outputs[0] as Tensor4D,
    running: { mean: outputs[1] as Tensor1D, variance: outputs[2] as Tensor1D },
  };
}

const runAffine = defineOperation<'x' | 'scale' | 'offset' | 'residual', { readonly relu: boolean }>({
  name: 'ChannelAffine',
  saveInputs: ['x', 'scale'],
  saveOutputs: [0],
  forward: ({ x, scale, offset, residual }, { relu }) =>
    execute('NotebookChannelAffine', [typeAttribute(x), attribute.bool('relu', relu)], [x, scale, offset, residual]),
  gradient([outputGradient], [x, scale, output], { relu }) {
    const passed = relu ? execute('ReluGrad', [typeAttribute(output)], [outputGradient, output]) : outputGradient;
    return {
      x: () => passed.mul(scale),
      scale: () => passed.mul(x).sum([0, 1, 2]),
      offset: () => sumOverRows(passed),
      residual: () => passed.clone(),
    };
  },
});

/** Batch normalisation with running statistics, for evaluation and frozen layers. x: N×H×W×C → N×H×W×C. */
export function batchNormInference(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  running: BatchNormStatistics,
  options: BatchNormOptions = {},
): Tensor4D {
  if (!hasKernels)
    return inPrecisionOf(x, composedBatchNormInference(inFloat32(x), scale, offset, running, widened(options)));
  const { epsilon = 1e-5, relu = false, residual } = options;
  return tf.tidy(() => {
    const factor = scale.mul<Tensor1D>(running.variance.add(epsilon).rsqrt());
    const shift = offset.sub<Tensor1D>(running.mean.mul(factor));
    const [output] = withResidual(x, residual, (given) =>
      runAffine({ x, scale: factor, offset: shift, residual: given }, { relu }),
    );
    return output as Tensor4D;
  });
}

const inFloat32 = (x: Tensor4D): Tensor4D => toPrecision(x, 'float32');

/** For TensorFlow's own operations, which compute in float32; the cast is on the tape, so that gradients come back in x's precision. */
function widened({ residual, ...options }: BatchNormOptions): BatchNormOptions {
  return residual === undefined ? options : { ...options, residual: inFloat32(residual) };
}

/** The operations take an empty tensor for no residual, or no output. Of the precision of x. */
export function nothing(x: Tensor): Tensor {
  return tf.tidy(() => toPrecision(tf.tensor1d([]), precisionOf(x)));
}

function withResidual(x: Tensor, residual: Tensor4D | undefined, run: (residual: Tensor) => Tensor[]): Tensor[] {
  return residual === undefined ? tf.tidy(() => run(nothing(x))) : run(inPrecisionOf(x, residual));
}
