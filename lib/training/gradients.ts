import { tf, type Scalar, type Tensor } from '../tf';
import { readParameters, variableOf, type Parameters } from '../models/parameters';
import { createScope, type Scope } from '../models/scope';
import { valueAndGradients } from './backward';

/** What a training step works with: the scalar to minimise, and anything to be reported with it (kept, not differentiated). */
export interface LossOutput {
  readonly loss: Scalar;
  readonly reported?: Readonly<Record<string, Scalar>>;
}

export interface StepResult {
  readonly loss: Scalar;
  readonly reported: Readonly<Record<string, Scalar>>;
  readonly gradients: ReadonlyMap<string, Tensor>;
}

/**
 * Loss and gradients of one batch, and the new statistics of batch norm assigned. The result's tensors belong to the caller's
 * `tf.tidy`.
 * @param names what the gradient is taken of
 */
export function lossAndGradients(
  parameters: Parameters,
  names: readonly string[],
  compute: (scope: Scope) => LossOutput,
): StepResult {
  const values = readParameters(parameters);
  const scope = createScope(values, true);
  const kept = new Map<string, Scalar>();
  try {
    const { value, gradients } = valueAndGradients(
      () => {
        const output = compute(scope);
        for (const update of scope.pass.updates.values()) tf.keep(update);
        for (const [name, scalar] of Object.entries(output.reported ?? {})) kept.set(name, tf.keep(scalar.clone()));
        return output.loss;
      },
      names.map((name) => values.get(name) as Tensor),
    );
    for (const [name, update] of scope.pass.updates) variableOf(parameters, name).assign(update);
    return {
      loss: value,
      reported: Object.fromEntries([...kept].map(([name, scalar]) => [name, scalar.clone()])),
      gradients: new Map(names.map((name, index) => [name, gradients[index]])),
    };
  } finally {
    // The values before the optimizer's step, which otherwise has to copy what is still read.
    tf.dispose([...scope.pass.updates.values(), ...kept.values(), ...values.values()]);
  }
}

/** Scales all gradients down so that their common L2 norm is at most `limit`, as PyTorch's clip_grad_norm_ does; on the device. */
export function clipByGlobalNorm(gradients: ReadonlyMap<string, Tensor>, limit: number): Map<string, Tensor> {
  const clipped = tf.tidy(() => {
    const norm = tf.addN([...gradients.values()].map((gradient) => gradient.square().sum())).sqrt();
    const factor = tf.minimum(tf.scalar(limit).div(norm.add(1e-6)), 1);
    return [...gradients.values()].map((gradient) => gradient.mul(factor));
  });
  return new Map([...gradients.keys()].map((name, index) => [name, clipped[index]]));
}
