import type { Parameters } from '../models/parameters';
import { adamW, sgd, type AdamWOptions, type Optimizer, type SgdOptions } from './optimizers';

/** An optimizer as data. */
export type OptimizerSettings = (AdamWOptions & { readonly name: 'adamw' }) | (SgdOptions & { readonly name: 'sgd' });

/** The optimizer of these parameters. */
export function createOptimizer(
  parameters: Parameters,
  names: readonly string[],
  settings: OptimizerSettings,
): Optimizer {
  return settings.name === 'sgd' ? sgd(parameters, names, settings) : adamW(parameters, names, settings);
}
