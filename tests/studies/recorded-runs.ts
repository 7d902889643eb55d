/** Runs as notebooks record them, for tests of what reads them. */
import { join } from 'node:path';
import { runIdOf, writeResults, type Results } from '../../lib/runs/results';

export interface RecordedTraining {
  readonly learningRate: number;
  readonly epochs: number;
  readonly bestValAccuracy: number;
  readonly testAccuracy: number;
  readonly data?: string;
}

/** Writes one run for each training below `folder`, as notebook 01 does: two arms, and losses per epoch. */
export function recordRuns(folder: string, notebook: string, trainings: readonly RecordedTraining[]): void {
  trainings.forEach(({ learningRate, epochs, bestValAccuracy, testAccuracy, data = 'cells' }, index) => {
    const parameters = { profile: 'tour', seed: 1, learningRate, epochs };
    const runId = runIdOf(notebook, parameters);
    const trainingKey = `training-${index}`;
    const row = {
      ...{ trainingKey, model: 'ResNet-18', weights: 'random', protocol: 'scratch' as const },
      ...{ parameters: 100, trainableParameters: 100, seconds: 10 + index, bestValAccuracy },
      settings: { epochs, batchSize: 32, learningRate, seed: 1 },
    };
    const results: Results = {
      ...{ notebook, runId, profile: 'tour', parameters, seed: 1, environment: {} },
      data: { name: data, sha256: data.repeat(8), splits: { train: 50, val: 20, test: 30 } },
      results: [
        { ...row, arm: 'as-published', testAccuracy: testAccuracy - 0.01 },
        { ...row, arm: 'corrected', testAccuracy },
      ],
      history: {
        [trainingKey]: Array.from({ length: epochs }, (_, epoch) => ({
          ...{ epoch: epoch + 1, trainLoss: 2 / (epoch + 1), valLoss: 2 / (epoch + 1) + 0.1 * index },
        })),
      },
    };
    writeResults(join(folder, notebook, runId), results);
  });
}
