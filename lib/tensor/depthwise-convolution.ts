/** Depthwise 2-D convolution: each channel has a filter of its own. */
import { tf, type Tensor, type Tensor4D } from '../tf';
import { attribute, execute } from './native';
import { defineOperation } from './operation';
import { toPrecision } from './precision';

const attributes = [
  attribute.type('T', 'float32'),
  attribute.ints('strides', [1, 1, 1, 1]),
  attribute.string('padding', 'SAME'),
  attribute.string('data_format', 'NHWC'),
];

const runDepthwise = defineOperation<'x' | 'filter', object>({
  name: 'DepthwiseConvolutionAsPyTorch',
  saveInputs: ['x', 'filter'],
  forward: ({ x, filter }) => execute('DepthwiseConv2dNative', attributes, [x, filter]),
  gradient: ([outputGradient], [x, filter]) => ({
    x: () => backward('Input', outputGradient, [tf.tensor1d(x.shape, 'int32'), filter]),
    filter: () => backward('Filter', outputGradient, [x, tf.tensor1d(filter.shape, 'int32')]),
  }),
});

const backward = (of: 'Input' | 'Filter', gradient: Tensor, inputs: readonly Tensor[]): Tensor =>
  execute(`DepthwiseConv2dNativeBackprop${of}`, attributes, [...inputs, gradient]);

/**
 * With a stride of 1 and as many zeros around the image as leave it its size, which an odd filter has on each side alike; in float32,
 * whatever it is given. images: N×H×W×C, filter: kH×kW×1×C, as a convolution in groups has it → N×H×W×C.
 */
export function depthwiseConv2d(images: Tensor4D, filter: Tensor4D): Tensor4D {
  const [height, width, , channels] = filter.shape;
  const ofChannels = toPrecision(filter, 'float32').reshape([height, width, channels, 1]);
  return runDepthwise({ x: toPrecision(images, 'float32'), filter: ofChannels }, {})[0] as Tensor4D;
}
