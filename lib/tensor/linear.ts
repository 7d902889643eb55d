/** Matrix products and biases, in float32 and bfloat16. */
import { type Tensor, type Tensor1D, type Tensor2D } from '../tf';
import { attribute, execute } from './native';
import { defineOperation } from './operation';
import { typeAttribute } from './precision';

const float32 = attribute.type('T', 'float32');

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

/** x · weight. x: N×I, weight: I×O → N×O. */
export function product(x: Tensor2D, weight: Tensor2D): Tensor2D {
  return runProduct({ x, weight }, {})[0] as Tensor2D;
}

const runAddBias = defineOperation<'x' | 'bias', Record<string, never>>({
  name: 'AddBias',
  forward: ({ x, bias }) => execute('BiasAdd', [float32], [x, bias]),
  gradient: ([outputGradient]) => ({
    x: () => outputGradient.clone(),
    bias: () => execute('BiasAddGrad', [float32], [outputGradient]),
  }),
});

/** Adds a value a channel. x: …×C of two axes or more, bias: C → …×C. */
export function addBias<T extends Tensor>(x: T, bias: Tensor1D): T {
  return runAddBias({ x, bias }, {})[0] as T;
}
