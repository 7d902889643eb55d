/** The operations of transformers that tfjs lacks or composes wastefully, with hand-written gradients. */
import { tf, type Tensor, type Tensor1D } from '../tf';
import { attribute, execute } from './native';
import { defineOperation } from './operation';

const float32 = [attribute.type('T', 'float32')];

const runLayerNorm = defineOperation<'x' | 'scale' | 'offset', { readonly epsilon: number }>({
  name: 'FusedLayerNorm',
  saveInputs: ['scale'],
  saveOutputs: [1, 2],
  forward({ x, scale, offset }, { epsilon }) {
    const centred = x.sub(x.mean(-1, true));
    const inverseDeviation = centred.square().mean(-1, true).add(epsilon).rsqrt();
    const normalized = centred.mul(inverseDeviation);
    return [normalized.mul(scale).add(offset), normalized, inverseDeviation];
  },
  gradient([outputGradient], [scale, normalized, inverseDeviation]) {
    const leading = normalized.shape.slice(0, -1).map((_, axis) => axis);
    return {
      x() {
        const scaled = outputGradient.mul(scale);
        const alongNormalized = normalized.mul(scaled.mul(normalized).mean(-1, true));
        return scaled.sub(scaled.mean(-1, true)).sub(alongNormalized).mul(inverseDeviation);
      },
      scale: () => outputGradient.mul(normalized).sum(leading),
      offset: () => outputGradient.sum(leading),
    };
  },
});

/** Layer normalisation over the last axis (Ba et al. 2016). x: …×C → …×C. */
export function layerNorm<T extends Tensor>(x: T, scale: Tensor1D, offset: Tensor1D, epsilon: number): T {
  return runLayerNorm({ x, scale, offset }, { epsilon })[0] as T;
}

const runGelu = defineOperation<'x', Record<string, never>>({
  name: 'ExactGelu',
  saveInputs: ['x'],
  forward: ({ x }) => x.mul(standardNormalCdf(x)),
  // d/dx x·Φ(x) = Φ(x) + x·φ(x)
  gradient: ([outputGradient], [x]) => ({
    x: () =>
      outputGradient.mul(
        standardNormalCdf(x).add(
          x.mul(
            x
              .square()
              .mul(-0.5)
              .exp()
              .mul(1 / Math.sqrt(2 * Math.PI)),
          ),
        ),
      ),
  }),
});

/** GELU as PyTorch computes it by default: x · Φ(x) with the error function, not its tanh approximation. */
export function gelu<T extends Tensor>(x: T): T {
  return runGelu({ x }, {})[0] as T;
}

function standardNormalCdf(x: Tensor): Tensor {
  return execute('Erf', float32, [x.mul(Math.SQRT1_2)])
    .mul(0.5)
    .add(0.5);
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
  const scores = tf.matMul(q.mul(1 / Math.sqrt(width)), k, false, true);
  const weights = tf.softmax(bias === undefined ? scores : scores.add(bias));
  return { output: tf.matMul(weights, v), weights };
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
