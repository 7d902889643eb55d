/** Optimizers as parts of a recipe. */
import { UserError } from '../errors';
import type { LayerOf } from '../models/network';
import type { Parameters } from '../models/parameters';
import {
  adamW as createAdamW,
  sgd as createSgd,
  type AdamWOptions,
  type Optimizer,
  type SgdOptions,
} from './optimizers';
import { parameterSettings } from './parameter-groups';

interface Grouping {
  /** Whether norms, biases, tokens and positions are decayed too; true by default, as PyTorch's optimizers do. */
  readonly decayAll?: boolean;
  /** Factor on the learning rate from a layer to the one before it; 1 by default. For networks that have layers (`layerOf`). */
  readonly layerDecay?: number;
}

type AdamWSettings = Omit<AdamWOptions, 'settingsOf'> & Grouping;
type SgdSettings = Omit<SgdOptions, 'settingsOf'> & Grouping;

/** An optimizer as data. */
export type OptimizerSettings =
  { readonly name: 'adamw'; readonly options: AdamWSettings } | { readonly name: 'sgd'; readonly options: SgdSettings };

const adamWOptions = ['beta1', 'beta2', 'epsilon', 'weightDecay', 'decayAll', 'layerDecay'];
const sgdOptions = ['momentum', 'nesterov', 'weightDecay', 'decayAll', 'layerDecay'];

/** AdamW (Loshchilov and Hutter 2019) as PyTorch computes it; weight decay 0.01, β₁ 0.9, β₂ 0.999 and ε 1e-8 by default. */
export function adamW(options: AdamWSettings = {}): OptimizerSettings {
  checkOptions('adamW', options, adamWOptions);
  return { name: 'adamw', options };
}

/** Stochastic gradient descent as PyTorch computes it, without momentum and weight decay by default. */
export function sgd(options: SgdSettings = {}): OptimizerSettings {
  checkOptions('sgd', options, sgdOptions);
  return { name: 'sgd', options };
}

function checkOptions(name: string, options: object, known: readonly string[]): void {
  for (const [option, value] of Object.entries(options)) {
    if (!known.includes(option))
      throw new UserError(
        `${name} has no option "${option}"; it has ${known.join(', ')}. The learning rate is the schedule's.`,
      );
    if (typeof value === 'number' && !(value >= 0 && value < Infinity))
      throw new UserError(`${option} of ${name} is ${value}, but must be a number, 0 or more.`);
  }
}

/** The optimizer of these parameters. */
export function createOptimizer(
  parameters: Parameters,
  names: readonly string[],
  settings: OptimizerSettings,
  layerOf?: LayerOf,
): Optimizer {
  const { decayAll = true, layerDecay = 1, ...options } = settings.options;
  const { weightDecay = settings.name === 'adamw' ? 0.01 : 0 } = options;
  const settingsOf = parameterSettings(parameters.table, { weightDecay, decayAll, layerDecay, layerOf });
  return settings.name === 'sgd'
    ? createSgd(parameters, names, { ...options, settingsOf })
    : createAdamW(parameters, names, { ...options, settingsOf });
}
