import type { Normalization } from '../data/batches';
import type { Dataset, SplitName } from '../data/dataset';
import { classificationMetrics, type ClassificationMetrics } from '../metrics/classification';
import { softmax, type Scored } from '../metrics/scores';
import type { Parameters } from '../models/parameters';
import type { Scope } from '../models/scope';
import type { Tensor2D, Tensor4D } from '../tf';
import { forwardRows, transformedBatches, type ImageTransform } from './image-stream';
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

/** The probabilities of a whole split beside its labels. */
export async function scoreSplit(
  parameters: Parameters,
  { forward, normalization, transform }: Scorer,
  dataset: Dataset,
  split: SplitName,
): Promise<ScoredSplit> {
  const { classNames, splits, task } = dataset;
  const classes = classNames.length;
  const logits =
    transform === undefined
      ? await predictLogits(parameters, forward, dataset, split, { normalization })
      : await transformedLogits(parameters, forward, dataset, split, transform);
  return { task, truth: splits[split].labels, scores: softmax(logits, classes), classes };
}

async function transformedLogits(
  parameters: Parameters,
  forward: Scorer['forward'],
  dataset: Dataset,
  split: SplitName,
  transform: ImageTransform,
): Promise<Float32Array> {
  // Images are larger than what `predictLogits` takes 256 of at once.
  const batches = transformedBatches(dataset, dataset.splits[split], transform, { batchSize: 64 });
  const logits = new Float32Array(dataset.splits[split].count * dataset.classNames.length);
  let offset = 0;
  for await (const rows of forwardRows(batches, parameters, forward)) {
    logits.set(rows, offset);
    offset += rows.length;
  }
  return logits;
}

/** What is reported of the weights of an epoch. */
export function testResult({ scores, ...scored }: ScoredSplit, epoch: number): TestResult {
  return { ...classificationMetrics({ ...scored, probabilities: scores }), epoch, probabilities: scores };
}
