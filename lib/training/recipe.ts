/** How a network is trained, as a value: a training is told apart by it, and a table of differences is made of it. */
import { z } from 'zod';
import { shown, suggestion, UserError } from '../errors';
import { precisionSettings, type PrecisionSetting } from '../precisions';
import type { Augmentation } from './augmentations';
import type { Loss, Metric } from './losses';
import type { OptimizerSettings } from './create-optimizer';
import type { ScheduleSettings } from './schedules';

export interface Recipe {
  readonly epochs: number;
  /** Images a step. */
  readonly batchSize: number;
  /** Fixes the initial weights, the order of the images and the augmentation. */
  readonly seed: number;
  /** Such as `adamW({ weightDecay: 0.05 })`. */
  readonly optimizer: OptimizerSettings;
  /** The learning rate over time, such as `cosine({ learningRate: 1e-3 })`, or a function of the epoch, counted from 0. */
  readonly schedule: ScheduleSettings;
  /** What training images go through, in this order; nothing by default. */
  readonly augment?: readonly Augmentation[];
  /** By default that of the data's task. Of several, the sum. */
  readonly loss?: Loss | readonly Loss[];
  /** What is watched beside the loss and the accuracy (of masks, Dice). */
  readonly metrics?: readonly Metric[];
  /**
   * What the selected epoch is: the first with the lowest validation `loss`, or with the highest `accuracy`, `auc`, `dice` or metric of
   * one's own, by its name. By default `accuracy`, of masks `loss`.
   */
  readonly select?: string;
  /** An epoch is better only by more than this; 0 by default. */
  readonly minDelta?: number;
  /** Ends the training after so many epochs without a better one. */
  readonly patience?: number;
  /** Gradients whose common norm is larger are scaled down to it. */
  readonly maxGradientNorm?: number;
  /**
   * How batch norms work whose scale is not trained: with their running statistics, which stay as they are (`evaluation`, the default), or
   * with the batch's, so that the frozen network drifts, as in PyTorch where `train()` is called on all of it.
   */
  readonly frozenBatchNorm?: 'evaluation' | 'training';
  /**
   * What is computed in: `float32` (the default), `bfloat16` for mixed precision, where weights, the optimizer, statistics, losses and sums
   * stay float32, or `auto` for that where this processor is faster in it.
   */
  readonly precision?: PrecisionSetting;
  /** Images at once in validation; by default as many as keep the cores busy. */
  readonly evaluationBatchSize?: number;
}

const count = (least: number, most = Number.MAX_SAFE_INTEGER) => z.int().min(least).max(most);

/** What each setting may be, with the words of a refusal. */
const settings: Readonly<Record<keyof Recipe, readonly [schema: z.ZodType, allowed: string]>> = {
  epochs: [count(1, 100_000), 'a whole number of epochs, 1 or more'],
  batchSize: [count(1, 1_000_000), 'a whole number of images, 1 or more'],
  seed: [count(0, 2 ** 31 - 1), 'a whole number from 0 to 2147483647'],
  optimizer: [
    z.looseObject({ name: z.enum(['adamw', 'sgd']) }),
    'an optimizer, such as nb.adamW({ weightDecay: 0.05 })',
  ],
  schedule: [
    z.union([
      z.looseObject({ name: z.string(), rate: z.custom((value) => typeof value === 'function') }),
      ownFunction(),
    ]),
    'a schedule, such as nb.cosine({ learningRate: 1e-3 }), or a function of the epoch that has a name',
  ],
  augment: [
    z.array(partOrFunction()).optional(),
    "a list of augmentations, such as [nb.flip('horizontal')], or of functions that have a name",
  ],
  loss: [
    z.union([partOrFunction(), z.array(partOrFunction()).min(1)]).optional(),
    'a loss, such as nb.crossEntropy(), a function that has a name, or a list of these',
  ],
  metrics: [z.array(ownFunction()).optional(), 'a list of functions that have a name'],
  select: [z.string().min(1).optional(), 'loss or the name of a metric, such as accuracy'],
  minDelta: [z.number().min(0).optional(), 'a number, 0 or more'],
  patience: [count(1).optional(), 'a whole number of epochs, 1 or more'],
  maxGradientNorm: [z.number().positive().optional(), 'a number above 0'],
  evaluationBatchSize: [count(1, 1_000_000).optional(), 'a whole number of images, 1 or more'],
  precision: [z.enum(precisionSettings).optional(), 'float32, bfloat16 or auto'],
  frozenBatchNorm: [z.enum(['evaluation', 'training']).optional(), 'evaluation or training'],
};

function ownFunction() {
  return z.custom((value) => typeof value === 'function' && value.name !== '');
}

function partOrFunction() {
  return z.union([z.looseObject({ name: z.string() }), ownFunction()]);
}

/** @throws UserError in one line: an unknown setting with the nearest known one, or a value with what is allowed */
export function checkRecipe(recipe: Recipe): void {
  const names = Object.keys(settings);
  const unknown = Object.keys(recipe).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new UserError(`A recipe has no "${unknown}"${suggestion(unknown, names) || '.'} It has ${names.join(', ')}.`);
  for (const [name, [schema, allowed]] of Object.entries(settings)) {
    const value = recipe[name as keyof Recipe];
    if (!schema.safeParse(value).success) throw new UserError(`${name} is ${shown(value)}, but must be ${allowed}.`);
  }
}
