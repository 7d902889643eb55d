import type { Parameters } from '../models/parameters';
import { attribute, execute, executeMany, hasKernels } from '../tensor/native';
import { inPrecisionOf, toPrecision, typeAttribute } from '../tensor/precision';
import type { Variable } from '../tensor/variable';
import { tf, type Tensor } from '../tf';
import {
  createSlots,
  disposeSlots,
  gradientsOf,
  groupNames,
  withState,
  type GroupOptions,
  type State,
} from './optimizer-groups';
import type { Schedule } from './schedules';

export interface AdamWOptions extends GroupOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Decoupled: every step multiplies the weights by 1 − learningRate · weightDecay. */
  readonly weightDecay?: number;
  /** Factor on all weight decays, by step counted from 0; 1 by default. */
  readonly decayFactor?: Schedule;
}

export interface SgdOptions extends GroupOptions {
  /** 0 by default: then there are no slots. */
  readonly momentum?: number;
  /** Looks one step of the momentum ahead (Sutskever et al. 2013). */
  readonly nesterov?: boolean;
  /** L2: weightDecay · weight is added to the gradient; 0 by default. */
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

interface AdamWSettings {
  readonly rate: number;
  /** Learning rate · weight decay. */
  readonly decay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** 1 − β₁ᵗ and 1 − β₂ᵗ. */
  readonly corrections: readonly number[];
}

/** One operation for all weights, and in it one pass over each weight, its moments and its gradient. */
export function updateAdamW(
  state: State,
  gradients: readonly Tensor[],
  { rate, decay, beta1, beta2, epsilon, corrections: [first, second] }: AdamWSettings,
): void {
  update('NotebookAdamW', state, [1 - decay, beta1, beta2, epsilon, rate / first, 1 / Math.sqrt(second)], gradients);
}

function update(
  op: string,
  { weights, slots, rounded = [] }: State,
  settings: number[],
  gradients: readonly Tensor[],
): void {
  const accumulated = slots.flat();
  const counts = [
    attribute.int('N', weights.length),
    attribute.int('slots', accumulated.length),
    attribute.int('copies', rounded.length),
  ];
  const alike = gradients.map((gradient) => inPrecisionOf(gradients[0], gradient));
  const inputs = [...weights, ...accumulated, ...rounded, tf.tensor1d(settings), ...alike];
  executeMany(op, [...counts, typeAttribute(gradients[0])], inputs, 0);
}

/** The same in TensorFlow's own operations: for the GPU, and to hold the other against. */
export function composedUpdateAdamW(
  { weights, slots: [firstMoments, secondMoments], rounded = [] }: State,
  gradients: readonly Tensor[],
  { rate, decay, beta1, beta2, epsilon, corrections }: AdamWSettings,
): void {
  const powers = corrections.map((correction) => tf.scalar(1 - correction));
  // TensorFlow's ε stands beside √v before the bias correction, hence its factor.
  const constants = [beta1, beta2, epsilon * Math.sqrt(corrections[1])].map((value) => tf.scalar(value));
  const [rateScalar, decayScalar] = [tf.scalar(rate), tf.scalar(decay)];
  weights.forEach((weight, index) => {
    if (decay !== 0) {
      const value = execute('ReadVariableOp', assignAttributes, [weight]);
      const shrinkage = value.mul(decayScalar);
      value.dispose(); // or the update would have to work on a copy
      executeMany('AssignSubVariableOp', assignAttributes, [weight, shrinkage], 0);
      shrinkage.dispose();
    }
    const state = [weight, firstMoments[index], secondMoments[index]];
    const inputs = [...state, ...powers, rateScalar, ...constants, gradients[index]];
    executeMany('ResourceApplyAdam', applyAdamAttributes, inputs, 0);
    roundAgain(weight, rounded[index]);
  });
}

/** What the project's own operations do in the same pass. */
function roundAgain(weight: Tensor, rounded: Tensor | undefined): void {
  if (rounded === undefined) return;
  const value = execute('ReadVariableOp', assignAttributes, [weight]);
  const low = toPrecision(value, 'bfloat16');
  executeMany('AssignVariableOp', [attribute.type('dtype', 'bfloat16')], [rounded, low], 0);
  tf.dispose([value, low]);
}

interface SgdSettings {
  readonly rate: number;
  readonly decay: number;
  readonly momentum: number;
  readonly nesterov: boolean;
}

/** One operation for all weights; bit for bit what `composedUpdateSgd` gives. `slots` holds the velocities where there is momentum. */
export function updateSgd(
  state: State,
  gradients: readonly Tensor[],
  { rate, decay, momentum, nesterov }: SgdSettings,
): void {
  update('NotebookSgd', state, [rate, decay, momentum, nesterov ? 1 : 0], gradients);
}

/** The same in TensorFlow's own operations: for the GPU, and to hold the other against. */
export function composedUpdateSgd(
  { weights, slots: [velocities], rounded = [] }: State,
  gradients: readonly Tensor[],
  { rate, decay, momentum, nesterov }: SgdSettings,
): void {
  const [rateScalar, decayScalar, momentumScalar] = [rate, decay, momentum].map((value) => tf.scalar(value));
  const momentumAttributes = [float32, noLocking, attribute.bool('use_nesterov', nesterov)];
  weights.forEach((weight, index) => {
    let gradient = gradients[index];
    if (decay !== 0) {
      const value = execute('ReadVariableOp', assignAttributes, [weight]);
      gradient = tf.tidy(() => gradients[index].add(value.mul(decayScalar)));
      value.dispose(); // or the update would have to work on a copy
    }
    if (momentum === 0) {
      executeMany('ResourceApplyGradientDescent', [float32, noLocking], [weight, rateScalar, gradient], 0);
    } else {
      const inputs = [weight, velocities[index], rateScalar, gradient, momentumScalar];
      executeMany('ResourceApplyMomentum', momentumAttributes, inputs, 0);
    }
    if (decay !== 0) gradient.dispose();
    roundAgain(weight, rounded[index]);
  });
}

const float32 = attribute.type('T', 'float32');
const noLocking = attribute.bool('use_locking', false);
const applyAdamAttributes = [float32, noLocking, attribute.bool('use_nesterov', false)];
const assignAttributes = [attribute.type('dtype', 'float32')];

/**
 * AdamW (Loshchilov and Hutter 2019) as PyTorch computes it: decay first, then a step of
 * learningRate / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε). One native operation updates all weights and their moments.
 */
export function adamW(parameters: Parameters, names: readonly string[], options: AdamWOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01, settingsOf, decayFactor = () => 1 } = options;
  const kinds = ['firstMoment', 'secondMoment'];
  const slots = createSlots(parameters, names, kinds);
  const groups = groupNames(parameters, names, weightDecay, settingsOf).map((group) =>
    withState(group, parameters, slots, kinds),
  );

  return {
    steps: 0,
    slots,
    step(gradients, learningRate) {
      const factor = decayFactor(this.steps++);
      const corrections = [1 - beta1 ** this.steps, 1 - beta2 ** this.steps];
      const apply = hasKernels ? updateAdamW : composedUpdateAdamW;
      tf.tidy(() => {
        for (const group of groups) {
          const rate = learningRate * group.scale;
          const settings = { rate, decay: rate * group.weightDecay * factor, beta1, beta2, epsilon, corrections };
          apply(group.state, gradientsOf(gradients, group.names), settings);
        }
      });
    },
    dispose: () => disposeSlots(slots),
  };
}

/**
 * Stochastic gradient descent as torch.optim.SGD computes it (dampening 0): the velocity is momentum · velocity + gradient, and a step
 * goes learningRate · velocity, or with Nesterov's momentum learningRate · (gradient + momentum · velocity).
 */
export function sgd(parameters: Parameters, names: readonly string[], options: SgdOptions = {}): Optimizer {
  const { momentum = 0, nesterov = false, weightDecay = 0, settingsOf } = options;
  const kinds = momentum === 0 ? [] : ['velocity'];
  if (nesterov && momentum === 0) throw new Error('Nesterov’s way needs a momentum above 0.');
  const slots = createSlots(parameters, names, kinds);
  const groups = groupNames(parameters, names, weightDecay, settingsOf).map((group) =>
    withState(group, parameters, slots, kinds),
  );

  return {
    steps: 0,
    slots,
    step(gradients, learningRate) {
      this.steps++;
      const apply = hasKernels ? updateSgd : composedUpdateSgd;
      tf.tidy(() => {
        for (const group of groups) {
          const settings = { rate: learningRate * group.scale, decay: group.weightDecay, momentum, nesterov };
          apply(group.state, gradientsOf(gradients, group.names), settings);
        }
      });
    },
    dispose: () => disposeSlots(slots),
  };
}

/** An optimizer with another way to step; steps and slots are the given one's. */
export function withStep(optimizer: Optimizer, step: Optimizer['step']): Optimizer {
  return {
    get steps() {
      return optimizer.steps;
    },
    set steps(steps) {
      optimizer.steps = steps;
    },
    slots: optimizer.slots,
    step,
    dispose: () => optimizer.dispose(),
  };
}

/**
 * An optimizer whose learning rate changes with each step. `step` is given the schedule's value at the first step of the epoch, as
 * `fit` passes it, times whatever factor a recovery has put on it.
 * @param schedule positive, by step counted from 0
 */
export function withStepSchedule(optimizer: Optimizer, schedule: Schedule, stepsPerEpoch: number): Optimizer {
  return withStep(optimizer, (gradients, learningRate) => {
    const step = optimizer.steps;
    const atEpochStart = schedule(step - (step % stepsPerEpoch));
    optimizer.step(gradients, learningRate * (schedule(step) / atEpochStart));
  });
}
