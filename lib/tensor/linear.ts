/** Matrix products and biases, in float32 and bfloat16. */
import { type Tensor, type Tensor1D, type Tensor2D } from '../tf';
import { attribute, execute, hasKernels, isBfloat16 } from './native';
import { defineOperation } from './operation';
import { inPrecisionOf, typeAttribute } from './precision';

interface Transposed {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

/** a · b of two matrices, either read as its transpose; outside the tape, for the operations of this folder. */
export function multiply(a: Tensor, b: Tensor, { transposeA = false, transposeB = false }: Transposed = {}): Tensor {
  const attributes = [
    typeAttribute(a),
    attribute.bool('transpose_a', transposeA),
    attribute.bool('transpose_b', transposeB),
  ];
  return execute('MatMul', attributes, [a, b]);
}

const runProduct = defineOperation<'x' | 'weight', Record<string, never>>({
  name: 'MatrixProduct',
  saveInputs: ['x', 'weight'],
  forward: ({ x, weight }) => multiply(x, weight),
  gradient: ([outputGradient], [x, weight]) => ({
    x: () => multiply(outputGradient, weight, { transposeB: true }),
    weight: () => multiply(x, outputGradient, { transposeA: true }),
  }),
});

/** x · weight, in the precision of the weight. x: N×I, weight: I×O → N×O. */
export function product(x: Tensor2D, weight: Tensor2D): Tensor2D {
  return runProduct({ x: inPrecisionOf(weight, x), weight }, {})[0] as Tensor2D;
}

const runAddBias = defineOperation<'x' | 'bias', Record<string, never>>({
  name: 'AddBias',
  forward: ({ x, bias }) => execute('BiasAdd', [typeAttribute(x)], [x, inPrecisionOf(x, bias)]),
  gradient: ([outputGradient]) => ({
    x: () => outputGradient.clone(),
    bias: () => sumOverRows(outputGradient),
  }),
});

/** The gradient of a bias, float32. …×C → C. */
export function sumOverRows(outputGradient: Tensor): Tensor {
  if (hasKernels && isBfloat16(outputGradient))
    return execute('NotebookSumRows', [typeAttribute(outputGradient)], [outputGradient]);
  return execute('BiasAddGrad', [attribute.type('T', 'float32')], [outputGradient]);
}

/** Adds a value a channel. x: …×C of two axes or more, bias: C → …×C. */
export function addBias<T extends Tensor>(x: T, bias: Tensor1D): T {
  return runAddBias({ x, bias }, {})[0] as T;
}
