import type { Parameters } from '../models/parameters';
import type { Scope } from '../models/scope';
import { tf, type Scalar } from '../tf';
import { clipByGlobalNorm, lossAndGradients, type LossOutput } from './gradients';
import type { Optimizer } from './optimizers';

export interface StepOptions {
  readonly parameters: Parameters;
  /** Names of what the optimizer updates. */
  readonly names: readonly string[];
  readonly optimizer: Optimizer;
  readonly learningRate: number;
  /** Gradients whose common norm is larger are scaled down to it. */
  readonly maxGradientNorm?: number;
}

/** One step of training: loss, gradients, update. What it returns is on the device and the caller's to dispose. */
export function trainingStep(
  compute: (scope: Scope) => LossOutput,
  { parameters, names, optimizer, learningRate, maxGradientNorm }: StepOptions,
): { readonly loss: Scalar; readonly reported: Readonly<Record<string, Scalar>> } {
  return tf.tidy(() => {
    const { loss, reported, gradients } = lossAndGradients(parameters, names, compute);
    const clipped = maxGradientNorm === undefined ? gradients : clipByGlobalNorm(gradients, maxGradientNorm);
    optimizer.step(clipped, learningRate);
    return { loss, reported: { ...reported } };
  });
}
