import { tf, type Tensor4D } from '../tf';
import { attribute, execute, hasKernels } from './native';
import { defineOperation } from './operation';

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

const runMaxPool = defineOperation<'x', Required<PoolOptions>>({
  name: 'MaxPoolAsPyTorch',
  saveInputs: ['x'],
  saveOutputs: [0],
  forward: ({ x }, options) => execute('NotebookMaxPool', attributesOf(options), [x]),
  gradient: ([outputGradient], [x, output], options) => ({
    x: () => execute('NotebookMaxPoolGrad', attributesOf(options), [outputGradient, x, output]),
  }),
});

/** Maximum over size×size windows with PyTorch's padding. x: N×H×W×C → N×H'×W'×C with H' = ⌊(H + 2·padding − size) / stride⌋ + 1. */
export function maxPool2d(x: Tensor4D, { size, stride = size, padding = 0 }: PoolOptions): Tensor4D {
  if (!hasKernels) return composedMaxPool2d(x, { size, stride, padding });
  return runMaxPool({ x }, { size, stride, padding })[0] as Tensor4D;
}

/** The smallest float32; minus infinity would turn into NaN where it is multiplied by zero. */
const lowest = -3.4028234663852886e38;

/** In TensorFlow's own operations: for the GPU, and to hold the other against. */
export function composedMaxPool2d(x: Tensor4D, { size, stride = size, padding = 0 }: PoolOptions): Tensor4D {
  const side: [number, number] = [padding, padding];
  const padded = padding === 0 ? x : tf.pad4d(x, [[0, 0], side, side, [0, 0]], lowest);
  return tf.maxPool(padded, size, stride, 'valid');
}
