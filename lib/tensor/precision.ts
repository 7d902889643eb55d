/**
 * bfloat16 below tfjs, which has no such type: half the memory of float32, and twice its speed in matrix products and convolutions on
 * processors that have instructions for it. A bfloat16 tensor looks like a float32 one to tfjs, whose operations take it as native.ts says;
 * the operations of this project compute in the precision of what they are given, a product or a convolution in that of its matrix. Norms,
 * softmax, losses and sums are float32 inside either way.
 */
import type { Precision } from '../precisions';
import { type Tensor } from '../tf';
import { attribute, cast, isBfloat16, type Attribute } from './native';
import { defineOperation } from './operation';

export function precisionOf(x: Tensor): Precision {
  return isBfloat16(x) ? 'bfloat16' : 'float32';
}

/** The attribute T of an operation on these values. */
export function typeAttribute(x: Tensor): Attribute {
  return attribute.type('T', precisionOf(x));
}

const runCast = defineOperation<'x', { readonly from: Precision; readonly to: Precision }>({
  name: 'ToPrecision',
  forward: ({ x }, { from, to }) => cast(x, from, to),
  gradient: ([outputGradient], _saved, { from }) => ({ x: () => toPrecision(outputGradient, from) }),
});

/** Rounded to bfloat16, or widened to float32, as a tensor of its own; of the same precision, it is the same values. */
export function toPrecision<T extends Tensor>(x: T, precision: Precision): T {
  const from = precisionOf(x);
  return from === precision ? x.clone() : (runCast({ x }, { from, to: precision })[0] as T);
}

/** x as the factor of a matrix: in the matrix's precision. It is x itself where it has it already. */
export function inPrecisionOf<T extends Tensor>(matrix: Tensor, x: T): T {
  const precision = precisionOf(matrix);
  return precisionOf(x) === precision ? x : toPrecision(x, precision);
}
