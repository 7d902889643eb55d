/** What a training will take on this machine, before it begins. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchesPerEpoch } from '../data/batches';
import { take } from '../data/take';
import { grouped } from '../grouped';
import { precisions, type Precision } from '../precisions';
import { hasBfloat16 } from '../tensor/native';
import type { Network } from '../models/network';
import { openFeatureCache } from '../training/feature-cache';
import type { Recipe } from '../training/recipe';
import { trainNetwork, type TrainingControls, type TrainingData } from '../training/train-network';

/** Steps that are timed at least, after the first, which also prepares what all need. */
const timedSteps = 3;

/** What a training takes in a precision. */
export interface TrainingCost {
  readonly precision: Precision;
  /** Of one step: a batch forwards and backwards, and its update. */
  readonly secondsPerStep: number;
  /** Of all epochs, without their validation. */
  readonly seconds: number;
}

/**
 * Times three steps in float32, and in bfloat16 too where the processor multiplies it natively. Nothing is kept of them.
 * @returns one for each precision; none where an epoch has fewer steps than are timed, and where `signal` ends it
 * @throws UserError as the training itself
 */
export async function trainingCosts(
  network: Network,
  data: TrainingData,
  recipe: Recipe,
  controls: Pick<TrainingControls, 'signal' | 'featureCache'> = {},
): Promise<TrainingCost[]> {
  const steps = batchesPerEpoch(data.splits.train.count, recipe.batchSize);
  if (steps < timedSteps + 1) return [];
  const costs: TrainingCost[] = [];
  for (const precision of hasBfloat16 ? precisions : (['float32'] as const)) {
    const secondsPerStep = await timeSteps(network, data, { ...recipe, precision }, controls);
    if (controls.signal?.aborted) return [];
    costs.push({ precision, secondsPerStep, seconds: secondsPerStep * steps * recipe.epochs });
  }
  return costs;
}

/** One of many trainings. */
export interface PlannedTraining {
  readonly network: Network;
  readonly data: TrainingData;
  readonly recipe: Recipe;
}

/** What many trainings take in a precision, one after the other. */
export interface PlanCost extends Pick<TrainingCost, 'precision' | 'seconds'> {
  /** Trainings that it is of: networks whose epochs have too few steps to be timed are left out. */
  readonly trainings: number;
}

/**
 * As `trainingCosts` of many trainings. Those of the same network and batch size take the same time a step, which is measured once, on a few
 * images: of a frozen encoder whose maps are kept, no more maps than of these are computed, and its pass over all images is left out.
 */
export async function planCosts(
  plan: readonly PlannedTraining[],
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<PlanCost[]> {
  const alike = grouped(plan, ({ network: { name, config }, recipe: { batchSize } }) =>
    JSON.stringify([name, config, batchSize]),
  );
  const sums = new Map<Precision, PlanCost>();
  for (const trainings of alike.values()) {
    const imagesOf = ({ data: { splits } }: PlannedTraining): number => splits.train.count;
    const largest = trainings.reduce((one, other) => (imagesOf(other) > imagesOf(one) ? other : one));
    let steps = 0;
    for (const one of trainings) steps += batchesPerEpoch(imagesOf(one), one.recipe.batchSize) * one.recipe.epochs;
    for (const { precision, secondsPerStep } of await costsOnFewImages(largest, signal)) {
      const before = sums.get(precision) ?? { seconds: 0, trainings: 0 };
      sums.set(precision, {
        precision,
        seconds: before.seconds + secondsPerStep * steps,
        trainings: before.trainings + trainings.length,
      });
    }
    if (signal?.aborted) return [];
  }
  return [...sums.values()];
}

/** Masks alone have frozen encoders; with few labelled images there may be no AUC. */
async function costsOnFewImages({ network, data, recipe }: PlannedTraining, signal?: AbortSignal) {
  const train = Math.min(data.splits.train.count, (timedSteps + 2) * recipe.batchSize);
  const few = 'task' in data ? data : take(data, { train, val: 1, seed: recipe.seed });
  const directory = mkdtempSync(join(tmpdir(), 'costs-'));
  try {
    return await trainingCosts(network, few, recipe, { signal, featureCache: openFeatureCache({ directory }) });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Mean seconds of a step; of one so short that no batch of an epoch is reported, with its share of the validation. */
async function timeSteps(
  network: Network,
  data: TrainingData,
  recipe: Recipe,
  { signal, featureCache }: Pick<TrainingControls, 'signal' | 'featureCache'>,
): Promise<number> {
  const enough = new AbortController();
  let first: { readonly step: number; readonly at: number } | undefined;
  let seconds = NaN;
  const found = (value: number): void => {
    seconds = value;
    enough.abort();
  };
  await trainNetwork(
    network,
    data,
    // The first epoch also prepares what all need.
    { ...recipe, epochs: Math.max(2, recipe.epochs) },
    {
      featureCache,
      signal: AbortSignal.any([enough.signal, ...(signal ? [signal] : [])]),
      onProgress: (event) => {
        if (enough.signal.aborted) return;
        if (event.kind === 'epoch' && event.epoch > 1)
          found(event.row.seconds / batchesPerEpoch(data.splits.train.count, recipe.batchSize));
        if (event.kind !== 'batch') return;
        const [step, at] = [(event.epoch - 1) * event.steps + event.step, performance.now()];
        first ??= { step, at };
        if (step >= first.step + timedSteps) found((at - first.at) / (step - first.step) / 1000);
      },
    },
  );
  return seconds;
}
