/** What a training will take on this machine, before it begins. */
import { batchesPerEpoch } from '../data/batches';
import { precisions, type Precision } from '../precisions';
import { hasBfloat16 } from '../tensor/native';
import type { Network } from '../models/network';
import type { Recipe } from '../training/recipe';
import { trainNetwork, type TrainingData } from '../training/train-network';

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
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<TrainingCost[]> {
  const steps = batchesPerEpoch(data.splits.train.count, recipe.batchSize);
  if (steps < timedSteps + 1) return [];
  const costs: TrainingCost[] = [];
  for (const precision of hasBfloat16 ? precisions : (['float32'] as const)) {
    const secondsPerStep = await timeSteps(network, data, { ...recipe, precision }, signal);
    if (signal?.aborted) return [];
    costs.push({ precision, secondsPerStep, seconds: secondsPerStep * steps * recipe.epochs });
  }
  return costs;
}

/** Mean seconds of a step. */
async function timeSteps(network: Network, data: TrainingData, recipe: Recipe, signal?: AbortSignal): Promise<number> {
  const enough = new AbortController();
  let first: { readonly step: number; readonly at: number } | undefined;
  let seconds = NaN;
  await trainNetwork(network, data, recipe, {
    signal: AbortSignal.any([enough.signal, ...(signal ? [signal] : [])]),
    onProgress: (event) => {
      if (event.kind !== 'batch') return;
      const [step, at] = [(event.epoch - 1) * event.steps + event.step, performance.now()];
      first ??= { step, at };
      if (step < first.step + timedSteps) return;
      seconds = (at - first.at) / (step - first.step) / 1000;
      enough.abort();
    },
  });
  return seconds;
}
