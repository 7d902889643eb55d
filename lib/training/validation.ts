/** A network on the validation split, between two epochs. */
import type { Dataset } from '../data/dataset';
import { medmnistAuc } from '../metrics/auc';
import { crossEntropy, medmnistAccuracy } from '../metrics/classification';
import type { Network } from '../models/network';
import { readParameters, type Parameters } from '../models/parameters';
import { createScope } from '../models/scope';
import { toPrecision } from '../tensor/precision';
import { tf, type Scalar, type Tensor, type Tensor4D } from '../tf';
import type { Batch, Validation } from './fit';
import { evaluated, imageStream } from './image-stream';
import type { LossFunction, Targets } from './losses';
import { evaluationBatchSize, joinRows } from './predict';
import { scoreLogits, scoreSplit } from './scored-split';
import type { SegmentationSource } from './segmentation-source';

/** A loss, and by name the sum over a batch's images of each metric. */
export interface Measured {
  readonly loss: LossFunction;
  readonly measures: Readonly<Record<string, (output: Tensor, batch: Targets) => Scalar>>;
}

export interface ClassifierValidation {
  /** What the epoch is selected by. */
  readonly select?: string;
  /** A loss or metrics of the recipe's own. */
  readonly measured?: Measured;
  /** Images at once. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

/**
 * Loss, accuracy and, where epochs are selected by it, AUC of a classifier; NaN where it gives no finite scores. Ends early with
 * `signal`'s reason.
 */
export async function validateClassifier(
  parameters: Parameters,
  network: Network,
  dataset: Dataset,
  { select, measured, batchSize, signal }: ClassifierValidation,
): Promise<Validation> {
  const { normalization, transform } = network;
  const rows: Float32Array[] = [];
  let means: Validation | undefined;
  if (measured !== undefined) {
    const options = { batchSize: batchSize ?? evaluationBatchSize(transform ?? dataset), normalization, transform };
    const batches = imageStream(dataset, dataset.splits.val, options);
    const onOutput = (output: Tensor): void => void rows.push(output.dataSync<'float32'>());
    means = await meansOver(batches, parameters, network, measured, { signal, onOutput });
  }
  const scored =
    means === undefined
      ? await scoreSplit(parameters, network, dataset, 'val', { batchSize, signal })
      : scoreLogits(dataset, 'val', joinRows(rows));
  // Metrics refuse what is not finite; here, it says that the weights are broken.
  if (!scored.scores.every(Number.isFinite)) return { loss: NaN, accuracy: NaN };
  const scores: Validation = { loss: crossEntropy(scored), accuracy: medmnistAccuracy(scored) };
  return { ...scores, ...(select === 'auc' && { auc: medmnistAuc(scored) }), ...means };
}

/** Mean loss, Dice and metrics of the validation images, each image counting once. */
export async function validateMasks(
  parameters: Parameters,
  network: Pick<Network, 'forward'>,
  source: SegmentationSource,
  {
    measured,
    batchSize,
    signal,
  }: { readonly measured: Measured; readonly batchSize: number; readonly signal?: AbortSignal },
): Promise<Validation> {
  return meansOver(source.batches('val', { batchSize }), parameters, network, measured, { signal });
}

async function meansOver(
  batches:
    | Iterable<Batch & Targets & { readonly images: Tensor4D }>
    | AsyncIterable<Batch & Targets & { readonly images: Tensor4D }>,
  parameters: Parameters,
  { forward }: Pick<Network, 'forward'>,
  { loss, measures }: Measured,
  { signal, onOutput }: { readonly signal?: AbortSignal; readonly onOutput?: (output: Tensor) => void },
): Promise<Validation> {
  const names = Object.keys(measures);
  const total = { loss: 0, images: 0 };
  const sums = names.map(() => 0);
  for await (const batch of batches) {
    try {
      const values = tf.tidy((): Scalar[] => {
        const made = evaluated(forward, batch.images, createScope(readParameters(parameters)));
        const output = toPrecision(made, 'float32');
        onOutput?.(output);
        return [loss(output, batch), ...names.map((name) => measures[name](output, batch))];
      });
      const [lossOfBatch, ...sumsOfBatch] = values.map((value) => value.dataSync()[0]);
      tf.dispose(values);
      total.loss += lossOfBatch * batch.count;
      total.images += batch.count;
      sumsOfBatch.forEach((sum, index) => (sums[index] += sum));
    } finally {
      batch.dispose();
    }
    await new Promise(setImmediate); // lets the stop button and timers in
    signal?.throwIfAborted();
  }
  const means = names.map((name, index) => [name, sums[index] / total.images] as const);
  return { loss: total.loss / total.images, ...Object.fromEntries(means) };
}
