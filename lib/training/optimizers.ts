import { attribute, execute, executeMany } from '../tensor/native';
import { createVariable, type Variable } from '../tensor/variable';
import { tf, type Tensor } from '../tf';
import { variableOf, type Parameters } from '../models/parameters';

export interface AdamWOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Decoupled: every step multiplies the weights by 1 − learningRate · weightDecay. */
  readonly weightDecay?: number;
}

/** Updates parameters in place. Its slots are part of a checkpoint. */
export interface Optimizer {
  /** Steps taken so far. */
  steps: number;
  /** Applies one gradient for each name; the gradients stay the caller's. */
  step(gradients: ReadonlyMap<string, Tensor>, learningRate: number): void;
  /** What it has accumulated, by slot and parameter name, such as `firstMoment/fc.weight`. */
  readonly slots: ReadonlyMap<string, Variable>;
  dispose(): void;
}

const float32 = attribute.type('T', 'float32');
const applyAdamAttributes = [float32, attribute.bool('use_locking', false), attribute.bool('use_nesterov', false)];
const assignAttributes = [attribute.type('dtype', 'float32')];

/**
 * AdamW (Loshchilov and Hutter 2019) as PyTorch computes it: decay first, then a step of
 * learningRate / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε). One native operation a tensor updates weight and both moments.
 */
export function adamW(parameters: Parameters, names: readonly string[], options: AdamWOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01 } = options;
  const slots = new Map<string, Variable>();
  for (const name of names) {
    for (const slot of ['firstMoment', 'secondMoment']) {
      const zeros = tf.zeros([...variableOf(parameters, name).shape]);
      slots.set(`${slot}/${name}`, createVariable(zeros));
      zeros.dispose();
    }
  }
  const slot = (kind: string, name: string): Tensor => (slots.get(`${kind}/${name}`) as Variable).handle;

  return {
    steps: 0,
    slots,
    step(gradients, learningRate) {
      this.steps++;
      const [power1, power2] = [beta1 ** this.steps, beta2 ** this.steps];
      tf.tidy(() => {
        const scalars = [power1, power2, learningRate, beta1, beta2, epsilon * Math.sqrt(1 - power2)].map((value) =>
          tf.scalar(value),
        );
        const decay = tf.scalar(learningRate * weightDecay);
        for (const name of names) {
          const gradient = gradients.get(name);
          if (gradient === undefined) throw new Error(`There is no gradient for "${name}".`);
          const { handle } = variableOf(parameters, name);
          if (weightDecay !== 0) {
            const value = execute('ReadVariableOp', assignAttributes, [handle]);
            const shrinkage = value.mul(decay);
            value.dispose(); // or the update would have to work on a copy
            executeMany('AssignSubVariableOp', assignAttributes, [handle, shrinkage], 0);
            shrinkage.dispose();
          }
          const state = [handle, slot('firstMoment', name), slot('secondMoment', name)];
          // TensorFlow's ε stands beside √v before the bias correction, hence its factor.
          executeMany('ResourceApplyAdam', applyAdamAttributes, [...state, ...scalars, gradient], 0);
        }
      });
    },
    dispose() {
      for (const variable of slots.values()) variable.dispose();
    },
  };
}
