/** How a network is trained, beside what the caller sets: as the study did it, or as networks are fine-tuned today. */
import type { Parameters } from '../models/parameters';
import { adamW, withStepSchedule, type Optimizer } from './optimizers';
import type { LayerOf } from '../models/network';
import { parameterSettings } from './parameter-groups';
import { warmupCosineSchedule, type Schedule } from './schedules';

export interface Recipe {
  /** What fits the recipe; the training takes what its caller sets. */
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Share of the epochs in which the learning rate rises. */
  readonly warmup: number;
  /** Factor on the learning rate from a layer to the one before it. */
  readonly layerDecay: number;
  /** Whether norms, biases, tokens and positions are decayed too. */
  readonly decayAll: boolean;
  /** How often the learning rate changes. */
  readonly per: 'epoch' | 'step';
}

/**
 * `as-published`: AdamW with one learning rate and weight decay for everything, a cosine that is stepped per epoch.
 *
 * `corrected`: AdamW with layer-wise decay of the learning rate (0.75), no decay of norms, biases and embeddings, a warm-up over the first
 * tenth, then a cosine to 0, both per step. Learning rate and weight decay are those of MAE's fine-tuning of ViT-B (He et al. 2022;
 * FINETUNE.md of its repository): 5e-4 for 256 images a batch, so 2.5e-4 for 128, and 0.05.
 */
export const recipes = {
  'as-published': { learningRate: 1e-3, weightDecay: 1e-5, warmup: 0, layerDecay: 1, decayAll: true, per: 'epoch' },
  corrected: { learningRate: 2.5e-4, weightDecay: 0.05, warmup: 0.1, layerDecay: 0.75, decayAll: false, per: 'step' },
} as const satisfies Record<string, Recipe>;

export type RecipeName = keyof typeof recipes;

export interface RecipeOptions {
  readonly recipe: RecipeName;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** In place of the recipe's. */
  readonly layerDecay?: number;
  /** In place of the recipe's share; may be a fraction. */
  readonly warmupEpochs?: number;
  readonly layerOf?: LayerOf;
}

/** The optimizer of `names`, and the learning rate of each epoch as `fit` takes it. */
export function followRecipe(
  parameters: Parameters,
  names: readonly string[],
  options: RecipeOptions,
): { optimizer: Optimizer; learningRate: Schedule } {
  const { epochs, stepsPerEpoch, learningRate, weightDecay, layerOf } = options;
  const recipe: Recipe = recipes[options.recipe];
  const { layerDecay = recipe.layerDecay, warmupEpochs = recipe.warmup * epochs } = options;
  const { decayAll } = recipe;
  const settingsOf = parameterSettings(parameters.table, { weightDecay, decayAll, layerDecay, layerOf });
  const perStep = recipe.per === 'step';
  const unit = perStep ? stepsPerEpoch : 1;
  const schedule = warmupCosineSchedule({ learningRate, warmup: warmupEpochs * unit, total: epochs * unit });
  const optimizer = adamW(parameters, names, { weightDecay, settingsOf });
  if (!perStep) return { optimizer, learningRate: schedule };
  return {
    optimizer: withStepSchedule(optimizer, schedule, stepsPerEpoch),
    learningRate: (epoch) => schedule(epoch * stepsPerEpoch),
  };
}
