/**
 * bfloat16 below tfjs, which has no such type: half the memory of float32, and twice its speed in matrix products on processors that
 * have instructions for it. A bfloat16 tensor looks like a float32 one to tfjs, but only the operations of this project take it
 * (`linear.ts`, `transformer.ts`), and only forwards; anything else, reading its values included, fails. Ends with `toFloat32`.
 */
import { tf, type Tensor } from '../tf';
import { attribute, execute, isBfloat16, type Attribute, type NativeType } from './native';

/** What a frozen network computes in. Norms, softmax and sums are float32 inside either way. */
export const precisions = ['float32', 'bfloat16'] as const;
export type Precision = (typeof precisions)[number];

export function precisionOf(x: Tensor): Precision {
  return isBfloat16(x) ? 'bfloat16' : 'float32';
}

/** The attribute T of an operation on these values. */
export function typeAttribute(x: Tensor): Attribute {
  return attribute.type('T', precisionOf(x));
}

/** Rounded to bfloat16, or widened to float32. Not differentiable; of the same precision, it is the same values. */
export function toPrecision<T extends Tensor>(x: T, precision: Precision): T {
  const from: NativeType = precisionOf(x);
  if (from === precision) return x.clone();
  const attributes = [
    attribute.type('SrcT', from),
    attribute.type('DstT', precision),
    attribute.bool('Truncate', false),
  ];
  return execute('Cast', attributes, [x]) as T;
}

/** The same values in another shape, in either precision. Not differentiable in bfloat16. */
export function reshape<T extends Tensor>(x: Tensor, shape: readonly number[]): T {
  if (!isBfloat16(x)) return x.reshape<T>([...shape] as T['shape']);
  const attributes = [typeAttribute(x), attribute.type('Tshape', 'int32')];
  return tf.tidy(() => execute('Reshape', attributes, [x, tf.tensor1d([...shape], 'int32')])) as T;
}
