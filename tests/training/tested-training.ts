/** A training whose weights of the best and of the last epoch are scored on the test images. */
import type { Dataset } from '../../lib/data/dataset';
import type { Network } from '../../lib/models/network';
import { adamW } from '../../lib/training/create-optimizer';
import type { Recipe } from '../../lib/training/recipe';
import { cosine } from '../../lib/training/schedules';
import { scoreSplit, testResult, type TestResult } from '../../lib/training/scored-split';
import { trainNetwork, type TrainedNetwork, type TrainingControls } from '../../lib/training/train-network';

export interface TestedTraining extends Omit<TrainedNetwork, 'best'> {
  readonly bestEpoch: number | undefined;
  readonly bestValAccuracy: number | undefined;
  readonly test: TestResult | undefined;
  readonly testOfLast: TestResult | undefined;
}

export async function testedTraining(
  network: Network,
  dataset: Dataset,
  recipe: Recipe,
  controls: TrainingControls = {},
): Promise<TestedTraining> {
  const tests: Partial<Record<'best' | 'last', TestResult>> = {};
  const { best, ...trained } = await trainNetwork(network, dataset, recipe, {
    ...controls,
    async onWeights(parameters, { which, epoch }) {
      tests[which] = testResult(await scoreSplit(parameters, network, dataset, 'test'), epoch);
    },
  });
  const bestValAccuracy = best && trained.history[best.epoch - 1].valAccuracy;
  return { ...trained, bestEpoch: best?.epoch, bestValAccuracy, test: tests.best, testOfLast: tests.last };
}

/** The first study's way to train, by its numbers. */
export interface StudySettings {
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly seed: number;
}

/** AdamW with one learning rate and decay for everything, and a cosine that is stepped per epoch. */
export function studyRecipe({ epochs, batchSize, seed, learningRate, weightDecay }: StudySettings): Recipe {
  return { epochs, batchSize, seed, optimizer: adamW({ weightDecay }), schedule: cosine({ learningRate }) };
}
