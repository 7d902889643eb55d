import { tf, type Tensor4D } from '../tf';
import { attribute, execute, executeMany, hasKernels } from './native';
import { defineOperation } from './operation';
import { inPrecisionOf, toPrecision, typeAttribute } from './precision';

export interface PoolOptions {
  /** Of the square windows. */
  readonly size: number;
  /** From window to window; the size by default. */
  readonly stride?: number;
  /** On each side, at most half the size; it never wins. */
  readonly padding?: number;
}

const attributesOf = ({ size, stride, padding }: Required<PoolOptions>) => [
  attribute.int('size', size),
  attribute.int('stride', stride),
  attribute.int('padding', padding),
];

interface PoolAttributes extends Required<PoolOptions> {
  /** Of the images, which the gradient does not keep: where each maximum was found is a quarter of their size or less. */
  readonly height: number;
  readonly width: number;
}

const runMaxPool = defineOperation<'x', PoolAttributes>({
  name: 'MaxPoolAsPyTorch',
  saveOutputs: [1],
  forward: ({ x }, options) => executeMany('NotebookMaxPool', [typeAttribute(x), ...attributesOf(options)], [x], 2),
  gradient([outputGradient], [winner], { height, width, ...options }) {
    const sizes = [attribute.int('height', height), attribute.int('width', width)];
    const attributes = [typeAttribute(outputGradient), ...attributesOf(options), ...sizes];
    return { x: () => execute('NotebookMaxPoolGrad', attributes, [outputGradient, winner]) };
  },
});

/** Maximum over size×size windows with PyTorch's padding. x: N×H×W×C → N×H'×W'×C with H' = ⌊(H + 2·padding − size) / stride⌋ + 1. */
export function maxPool2d(x: Tensor4D, { size, stride = size, padding = 0 }: PoolOptions): Tensor4D {
  if (!hasKernels) return inPrecisionOf(x, composedMaxPool2d(toPrecision(x, 'float32'), { size, stride, padding }));
  const [, height, width] = x.shape;
  return tf.tidy(() => runMaxPool({ x }, { size, stride, padding, height, width })[0] as Tensor4D);
}

/** The smallest float32; minus infinity would turn into NaN where it is multiplied by zero. */
const lowest = -3.4028234663852886e38;

/** In TensorFlow's own operations: for the GPU, and to hold the other against. */
export function composedMaxPool2d(x: Tensor4D, { size, stride = size, padding = 0 }: PoolOptions): Tensor4D {
  const side: [number, number] = [padding, padding];
  const padded = padding === 0 ? x : tf.pad4d(x, [[0, 0], side, side, [0, 0]], lowest);
  return tf.maxPool(padded, size, stride, 'valid');
}
