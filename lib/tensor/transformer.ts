/**
 * What a transformer is made of, each part one pass over memory: operations of the project's own on the CPU (lib/tensor/kernels), with
 * hand-written gradients, in float32 and bfloat16; TensorFlow's operations on a GPU. tests/tensor/transformer.test.ts holds one against the
 * other.
 */
import { tf, type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from '../tf';
import { sumOverRows } from './linear';
import { attribute, execute, executeMany, hasKernels } from './native';
import { defineOperation } from './operation';
import { inPrecisionOf, typeAttribute } from './precision';
import {
  composedAttentionWeights,
  composedBiasGelu,
  composedBiasResidual,
  composedLayerNorm,
  composedSelfAttention,
} from './transformer-composed';

export { rotate, scaledDotProductAttention } from './transformer-composed';

const runLayerNorm = defineOperation<'x' | 'scale' | 'offset', { readonly epsilon: number }>({
  name: 'FusedLayerNorm',
  saveInputs: ['x', 'scale'],
  saveOutputs: [1, 2],
  forward: ({ x, scale, offset }, { epsilon }) =>
    executeMany('NotebookLayerNorm', [typeAttribute(x), attribute.float('epsilon', epsilon)], [x, scale, offset], 3),
  gradient([outputGradient], [x, scale, mean, inverseDeviation]) {
    const inputs = [outputGradient, x, scale, mean, inverseDeviation];
    const gradients = executeMany('NotebookLayerNormGrad', [typeAttribute(x)], inputs, 3);
    return { x: () => gradients[0], scale: () => gradients[1], offset: () => gradients[2] };
  },
});

/** Layer normalisation over the last axis (Ba et al. 2016). x: …×C → …×C. */
export function layerNorm<T extends Tensor>(x: T, scale: Tensor1D, offset: Tensor1D, epsilon: number): T {
  if (!hasKernels) return composedLayerNorm(x, scale, offset, epsilon) as T;
  return runLayerNorm({ x, scale, offset }, { epsilon })[0] as T;
}

const runBiasGelu = defineOperation<'x' | 'bias', Record<string, never>>({
  name: 'FusedBiasGelu',
  saveInputs: ['x', 'bias'],
  forward: ({ x, bias }) => execute('NotebookBiasGelu', [typeAttribute(x)], [x, bias]),
  gradient([outputGradient], [x, bias]) {
    const gradients = executeMany('NotebookBiasGeluGrad', [typeAttribute(x)], [outputGradient, x, bias], 2);
    return { x: () => gradients[0], bias: () => gradients[1] };
  },
});

/**
 * GELU(x + bias) as PyTorch computes it by default: z · Φ(z) with the normal distribution and not its tanh approximation. Takes what a
 * matrix product gives before its bias. x: …×C, bias: C → …×C.
 */
export function biasGelu<T extends Tensor>(x: T, bias: Tensor1D): T {
  return (hasKernels ? runBiasGelu({ x, bias }, {})[0] : composedBiasGelu(x, bias)) as T;
}

const runBiasResidual = defineOperation<'residual' | 'x' | 'bias', Record<string, never>>({
  name: 'FusedBiasResidual',
  forward: ({ residual, x, bias }) =>
    execute('NotebookBiasResidual', [typeAttribute(x)], [residual, x, bias, tf.tensor1d([])]),
  gradient: ([outputGradient]) => ({
    residual: () => outputGradient.clone(),
    x: () => outputGradient.clone(),
    bias: () => sumOverRows(outputGradient),
  }),
});

const runScaledResidual = defineOperation<'residual' | 'x' | 'bias' | 'scale', Record<string, never>>({
  name: 'FusedScaledResidual',
  saveInputs: ['x', 'bias', 'scale'],
  forward: ({ residual, x, bias, scale }) =>
    execute('NotebookBiasResidual', [typeAttribute(x)], [residual, x, bias, scale]),
  gradient([outputGradient], [x, bias, scale]) {
    const gradients = executeMany('NotebookBiasResidualGrad', [typeAttribute(x)], [outputGradient, x, bias, scale], 3);
    const [xGradient, biasGradient, scaleGradient] = gradients.map((gradient) => () => gradient);
    return { residual: () => outputGradient.clone(), x: xGradient, bias: biasGradient, scale: scaleGradient };
  },
});

/** residual + scale · (x + bias), the end of a branch; scale is layer scale (Touvron et al. 2021). x, residual: …×C → …×C. */
export function biasResidual<T extends Tensor>(residual: T, x: T, bias: Tensor1D, scale?: Tensor1D): T {
  if (!hasKernels) return composedBiasResidual(residual, x, bias, scale) as T;
  const inputs = { residual: inPrecisionOf(x, residual), x, bias };
  return (scale === undefined ? runBiasResidual(inputs, {}) : runScaledResidual({ ...inputs, scale }, {}))[0] as T;
}

/** Sines and cosines of rotary positions, patches × D; they belong to the last so many tokens. */
export interface RotaryTables {
  readonly sine: Tensor;
  readonly cosine: Tensor;
}

export interface AttentionLayout {
  readonly heads: number;
  /** Tokens an image. */
  readonly tokens: number;
  /** 3C, of the product that made queries, keys and values. */
  readonly bias?: Tensor1D;
  readonly rotary?: RotaryTables;
}

interface AttentionAttributes {
  readonly heads: number;
  readonly tokens: number;
}

const attentionAttributes = ({ heads, tokens }: AttentionAttributes) => [
  attribute.int('heads', heads),
  attribute.int('tokens', tokens),
];

const runAttention = defineOperation<'qkv' | 'bias' | 'sine' | 'cosine', AttentionAttributes>({
  name: 'FusedSelfAttention',
  saveInputs: ['qkv', 'bias', 'sine', 'cosine'],
  saveOutputs: [0, 1],
  forward: ({ qkv, bias, sine, cosine }, layout) =>
    executeMany(
      'NotebookAttention',
      [typeAttribute(qkv), ...attentionAttributes(layout)],
      [qkv, bias, sine, cosine],
      2,
    ),
  gradient([outputGradient], [qkv, bias, sine, cosine, output, logSum], layout) {
    const inputs = [outputGradient, qkv, bias, sine, cosine, output, logSum];
    const gradient = execute('NotebookAttentionGrad', [typeAttribute(qkv), ...attentionAttributes(layout)], inputs);
    return {
      qkv: () => gradient,
      bias: () => (bias.size === 0 ? tf.zerosLike(bias) : sumOverRows(gradient)),
    };
  },
});

/**
 * Multi-head self-attention (Vaswani et al. 2017) of N images: qkv is the product that made queries, keys and values, before its bias.
 * The T×T scores are never in memory. N·T×3C → N·T×C, heads side by side.
 */
export function selfAttention(qkv: Tensor2D, layout: AttentionLayout): Tensor2D {
  if (!hasKernels) return composedSelfAttention(qkv, layout);
  const { heads, tokens, bias, rotary } = layout;
  return tf.tidy(() => {
    const none = tf.tensor1d([]);
    const inputs = { qkv, bias: bias ?? none, sine: rotary?.sine ?? none, cosine: rotary?.cosine ?? none };
    return runAttention(inputs, { heads, tokens })[0] as Tensor2D;
  });
}

/** The attention maps that `selfAttention` uses, N×H×T×T: each row sums to 1. Float32 only. */
export function attentionWeights(qkv: Tensor2D, layout: AttentionLayout): Tensor4D {
  return composedAttentionWeights(qkv, layout);
}

const runRoll = defineOperation<'x', { readonly shift: number }>({
  name: 'RollImage',
  forward: ({ x }, { shift }) => rolled(x, shift),
  gradient: ([outputGradient], _saved, { shift }) => ({ x: () => rolled(outputGradient, -shift) }),
});

/** Moves an image by `shift` rows and columns, around the edges. x: N×H×W×C. */
export function roll<T extends Tensor>(x: T, shift: number): T {
  return runRoll({ x }, { shift })[0] as T;
}

function rolled(x: Tensor, shift: number): Tensor {
  const attributes = [
    attribute.type('T', 'float32'),
    attribute.type('Tshift', 'int32'),
    attribute.type('Taxis', 'int32'),
  ];
  return execute('Roll', attributes, [x, tf.tensor1d([shift, shift], 'int32'), tf.tensor1d([1, 2], 'int32')]);
}
