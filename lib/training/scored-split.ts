import type { Dataset, SplitName } from '../data/dataset';
import { classificationMetrics, type ClassificationMetrics } from '../metrics/classification';
import { probabilitiesOf, type Scored } from '../metrics/scores';
import type { Network } from '../models/network';
import type { Parameters } from '../models/parameters';
import { predictLogits } from './predict';

/** The test scores of one set of weights. */
export interface TestResult extends ClassificationMetrics {
  /** The epoch whose weights were tested; 0 for what is not trained in epochs. */
  readonly epoch: number;
  /** Row-major N × classes, in the split's order. */
  readonly probabilities: Float64Array;
}

/** Probabilities beside the truth. */
export interface ScoredSplit extends Scored {
  readonly scores: Float64Array;
}

/** What makes logits of images. */
export type Scorer = Pick<Network, 'forward' | 'normalization' | 'transform'>;

/**
 * The probabilities of a whole split beside its labels.
 * @param options.signal ends it between two batches: its reason is thrown
 */
export async function scoreSplit(
  parameters: Parameters,
  { forward, normalization, transform }: Scorer,
  dataset: Dataset,
  split: SplitName,
  { batchSize, signal }: { readonly batchSize?: number; readonly signal?: AbortSignal } = {},
): Promise<ScoredSplit> {
  const logits = await predictLogits(parameters, forward, dataset, split, {
    normalization,
    transform,
    batchSize,
    signal,
  });
  return scoreLogits(dataset, split, logits);
}

/** The probabilities of logits of a whole split beside its labels. */
export function scoreLogits(
  { classNames, splits, task }: Dataset,
  split: SplitName,
  logits: Float32Array,
): ScoredSplit {
  const classes = classNames.length;
  return { task, truth: splits[split].labels, scores: probabilitiesOf(task, logits, classes), classes };
}

/** What is reported of the weights of an epoch. */
export function testResult({ scores, ...scored }: ScoredSplit, epoch: number): TestResult {
  return { ...classificationMetrics({ ...scored, probabilities: scores }), epoch, probabilities: scores };
}
