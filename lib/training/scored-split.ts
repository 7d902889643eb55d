import type { Normalization } from '../data/batches';
import type { Dataset, SplitName } from '../data/dataset';
import { classificationMetrics, type ClassificationMetrics } from '../metrics/classification';
import { probabilitiesOf, type Scored } from '../metrics/scores';
import type { Parameters } from '../models/parameters';
import type { Scope } from '../models/scope';
import type { Tensor2D, Tensor4D } from '../tf';
import type { ImageTransform } from './image-stream';
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
export interface Scorer {
  forward(images: Tensor4D, scope: Scope): Tensor2D;
  readonly normalization: Normalization;
  readonly transform?: ImageTransform;
}

/**
 * The probabilities of a whole split beside its labels.
 * @param signal ends it between two batches: its reason is thrown
 */
export async function scoreSplit(
  parameters: Parameters,
  { forward, normalization, transform }: Scorer,
  dataset: Dataset,
  split: SplitName,
  signal?: AbortSignal,
): Promise<ScoredSplit> {
  const { classNames, splits, task } = dataset;
  const classes = classNames.length;
  const logits = await predictLogits(parameters, forward, dataset, split, { normalization, transform, signal });
  return { task, truth: splits[split].labels, scores: probabilitiesOf(task, logits, classes), classes };
}

/** What is reported of the weights of an epoch. */
export function testResult({ scores, ...scored }: ScoredSplit, epoch: number): TestResult {
  return { ...classificationMetrics({ ...scored, probabilities: scores }), epoch, probabilities: scores };
}
