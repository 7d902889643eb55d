/**
 * A convolution and the batch norm after it as one operation that keeps its image and not the convolution's output: the gradient computes
 * that again. For a network's first convolution, whose image has three channels and whose output is the largest of all tensors.
 */
import { tf, type Tensor1D, type Tensor4D } from '../tf';
import {
  batchNormTraining,
  normalize,
  normalizeGradients,
  nothing,
  type BatchNormAttributes,
  type BatchNormOptions,
  type BatchNormOutput,
  type BatchNormStatistics,
} from './batch-norm';
import {
  conv2d,
  convolve,
  filterGradient,
  imageGradient,
  planConvolution,
  type ConvolutionOptions,
  type ConvolutionPlan,
} from './convolution';
import { hasKernels } from './native';
import { defineOperation } from './operation';
import { inPrecisionOf } from './precision';

type Attributes = ConvolutionPlan & BatchNormAttributes;

const run = defineOperation<'x' | 'filter' | 'scale' | 'offset' | 'mean' | 'variance', Attributes>({
  name: 'NormalizedConvolution',
  saveInputs: ['x', 'filter', 'scale', 'offset'],
  saveOutputs: [3, 4],
  forward: ({ x, filter, scale, offset, mean, variance }, attributes) =>
    normalize([convolve(x, filter, attributes), scale, offset, mean, variance, nothing(filter)], attributes),
  gradient([outputGradient], [x, filter, scale, offset, mean, inverseDeviation], attributes) {
    const [gradient, scaleGradient, offsetGradient] = tf.tidy(() => {
      const convolved = convolve(x, filter, attributes);
      const inputs = [outputGradient, convolved, scale, offset, mean, inverseDeviation, nothing(filter)];
      return normalizeGradients(inputs, attributes).slice(0, 3);
    });
    return {
      x: () => imageGradient(gradient, filter, attributes),
      filter: () => filterGradient(gradient, x, attributes),
      scale: () => scaleGradient,
      offset: () => offsetGradient,
    };
  },
});

/** `batchNormTraining(conv2d(x, filter, …), …)` of convolution.ts and batch-norm.ts. images: N×H×W×C, filter: kH×kW×C×O → N×H'×W'×O. */
export function normalizedConvolutionTraining(
  images: Tensor4D,
  filter: Tensor4D,
  [scale, offset]: readonly [Tensor1D, Tensor1D],
  running: BatchNormStatistics,
  options: ConvolutionOptions & Omit<BatchNormOptions, 'residual'>,
): BatchNormOutput {
  const { epsilon = 1e-5, momentum = 0.1, relu = false } = options;
  const x = inPrecisionOf(filter, images);
  const plan = hasKernels ? planConvolution(x, filter, options) : undefined;
  if (plan === undefined) return batchNormTraining(conv2d(x, filter, options), scale, offset, running, options);
  const outputs = run(
    { x, filter, scale, offset, ...running },
    { ...plan, epsilon, momentum, relu, hasResidual: false },
  );
  return {
    output: outputs[0] as Tensor4D,
    running: { mean: outputs[1] as Tensor1D, variance: outputs[2] as Tensor1D },
  };
}
