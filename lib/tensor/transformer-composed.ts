/**
 * What a transformer is made of, in TensorFlow's own operations: for the GPU, for which the project has no operations of its own, where
 * those could not be compiled, and to hold them against. Everything here is differentiated by tfjs; what is given in bfloat16 is computed
 * in float32 and rounded.
 */
import { tf, type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from '../tf';
import { attribute, execute, isBfloat16 } from './native';
import { defineOperation } from './operation';
import { inPrecisionOf, toPrecision } from './precision';
import type { AttentionLayout, RotaryTables } from './transformer';

const float32 = [attribute.type('T', 'float32')];

/** `compute`, and with what is bfloat16 widened before and the result rounded where x is. */
function inFloat32<T extends Tensor>(x: Tensor, compute: (widen: <W extends Tensor>(tensor: W) => W) => T): T {
  if (!isBfloat16(x)) return compute((tensor) => tensor);
  return tf.tidy(() =>
    toPrecision(
      compute((tensor) => toPrecision(tensor, 'float32')),
      'bfloat16',
    ),
  );
}

/** Layer normalisation over the last axis. x: …×C → …×C. */
export function composedLayerNorm(x: Tensor, scale: Tensor1D, offset: Tensor1D, epsilon: number): Tensor {
  return inFloat32(x, (widen) => normalized(widen(x), scale, offset, epsilon));
}

function normalized(x: Tensor, scale: Tensor1D, offset: Tensor1D, epsilon: number): Tensor {
  const centred = x.sub(x.mean(-1, true));
  const inverseDeviation = centred.square().mean(-1, true).add(epsilon).rsqrt();
  return centred.mul(inverseDeviation).mul(scale).add(offset);
}

const runGelu = defineOperation<'x', Record<string, never>>({
  name: 'ExactGelu',
  saveInputs: ['x'],
  forward: ({ x }) => x.mul(standardNormalCdf(x)),
  // d/dx x·Φ(x) = Φ(x) + x·φ(x)
  gradient: ([outputGradient], [x]) => ({
    x() {
      const density = x
        .square()
        .mul(-0.5)
        .exp()
        .mul(1 / Math.sqrt(2 * Math.PI));
      return outputGradient.mul(standardNormalCdf(x).add(x.mul(density)));
    },
  }),
});

function standardNormalCdf(x: Tensor): Tensor {
  return execute('Erf', float32, [x.mul(Math.SQRT1_2)])
    .mul(0.5)
    .add(0.5);
}

/** GELU(x + bias) with the error function. x: …×C → …×C. */
export function composedBiasGelu(x: Tensor, bias: Tensor1D): Tensor {
  return inFloat32(x, (widen) => runGelu({ x: widen(x).add(bias) }, {})[0]);
}

/** residual + scale · (x + bias). All …×C but bias and scale. */
export function composedBiasResidual(residual: Tensor, x: Tensor, bias: Tensor1D, scale?: Tensor1D): Tensor {
  return inFloat32(x, (widen) => {
    const branch = widen(x).add(bias);
    return widen(residual).add(scale === undefined ? branch : branch.mul(scale));
  });
}

/** Queries, keys and values, each N×H×T×D, queries and keys turned by their positions. */
function splitHeads(qkv: Tensor2D, { heads, tokens, bias, rotary }: AttentionLayout): Tensor4D[] {
  const width = qkv.shape[1] / (3 * heads);
  const biased = bias === undefined ? qkv : qkv.add(bias);
  const [q, k, v] = tf.unstack(biased.reshape([-1, tokens, 3, heads, width]).transpose([2, 0, 3, 1, 4])) as Tensor4D[];
  return rotary === undefined ? [q, k, v] : [rotate(q, rotary), rotate(k, rotary), v];
}

/** Multi-head self-attention. qkv: N·T×3C → N·T×C. */
export function composedSelfAttention(qkv: Tensor2D, layout: AttentionLayout): Tensor2D {
  return inFloat32(qkv, (widen) => {
    const [q, k, v] = splitHeads(widen(qkv), layout);
    const { output } = scaledDotProductAttention(q, k, v); // N×H×T×D
    return output.transpose([0, 2, 1, 3]).reshape<Tensor2D>([-1, qkv.shape[1] / 3]);
  });
}

/** The attention maps alone, N×H×T×T. */
export function composedAttentionWeights(qkv: Tensor2D, layout: AttentionLayout): Tensor4D {
  const [q, k, v] = splitHeads(qkv, layout);
  return scaledDotProductAttention(q, k, v).weights as Tensor4D;
}

/** Turns queries or keys by their positions; what comes before the patches has none. N×H×T×D → N×H×T×D. */
export function rotate(values: Tensor4D, { sine, cosine }: RotaryTables): Tensor4D {
  const [count, heads, tokens, width] = values.shape;
  const prefixTokens = tokens - sine.shape[0];
  const prefix = values.slice([0, 0, 0, 0], [count, heads, prefixTokens, width]);
  const patches = values.slice([0, 0, prefixTokens, 0], [count, heads, tokens - prefixTokens, width]);
  const [first, second] = tf.split(patches, 2, 3);
  const turned = patches.mul(cosine).add<Tensor4D>(tf.concat([second.neg(), first], 3).mul(sine));
  return tf.concat4d([prefix, turned], 2);
}

export interface AttentionOutput {
  /** N×H×T×D. */
  readonly output: Tensor;
  /** N×H×T×T: each row sums to 1. */
  readonly weights: Tensor;
}

/**
 * softmax(q·kᵀ / √D + bias)·v (Vaswani et al. 2017). q, k, v: N×H×T×D; bias, where there is one, broadcasts to N×H×T×T.
 * The scale goes into q, the smallest of the factors.
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, bias?: Tensor): AttentionOutput {
  const width = q.shape[q.shape.length - 1];
  const scores = tf.matMul(inPrecisionOf(k, q.mul(1 / Math.sqrt(width))), k, false, true);
  const weights = tf.softmax(bias === undefined ? scores : scores.add(bias));
  return { output: tf.matMul(inPrecisionOf(v, weights), v), weights };
}
