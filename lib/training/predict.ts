import { imageBatches, type Normalization } from '../data/batches';
import type { Dataset, SplitName } from '../data/dataset';
import { readParameters, type Parameters } from '../models/parameters';
import { createScope, type Scope } from '../models/scope';
import { readResult } from '../tensor/read';
import type { Tensor2D, Tensor4D } from '../tf';

export interface PredictOptions {
  readonly normalization: Normalization;
  readonly batchSize?: number;
}

/** The logits of a whole split in evaluation mode: row-major N × classes, in the split's order. */
export async function predictLogits(
  parameters: Parameters,
  forward: (images: Tensor4D, scope: Scope) => Tensor2D,
  dataset: Dataset,
  split: SplitName,
  { normalization, batchSize = 256 }: PredictOptions,
): Promise<Float32Array> {
  const pieces: Float32Array[] = [];
  for (const batch of imageBatches(dataset, dataset.splits[split], { batchSize, normalization })) {
    try {
      pieces.push(readResult(() => forward(batch.images, createScope(readParameters(parameters)))));
    } finally {
      batch.dispose();
    }
    await new Promise(setImmediate);
  }
  const logits = new Float32Array(pieces.reduce((total, piece) => total + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    logits.set(piece, offset);
    offset += piece.length;
  }
  return logits;
}
