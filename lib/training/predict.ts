import type { ImageTransform, Network } from '../models/network';
import type { Normalization } from '../data/normalization';
import type { Dataset, SplitName } from '../data/dataset';
import type { Parameters } from '../models/parameters';
import type { PlaneSize } from '../tensor/resample';
import { forwardRows, imageStream } from './image-stream';

export interface PredictOptions {
  readonly normalization: Normalization;
  /** Brings the images to the network's size and has its normalisation then; by default they stay as the dataset has them. */
  readonly transform?: ImageTransform;
  /** By default `evaluationBatchSize`. */
  readonly batchSize?: number;
  /** Ends between two batches: its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** The logits of a whole split in evaluation mode: row-major N × classes, in the split's order. */
export async function predictLogits(
  parameters: Parameters,
  forward: Network['forward'],
  dataset: Dataset,
  split: SplitName,
  { normalization, transform, batchSize = evaluationBatchSize(transform ?? dataset), signal }: PredictOptions,
): Promise<Float32Array> {
  const pieces: Float32Array[] = [];
  const batches = imageStream(dataset, dataset.splits[split], { batchSize, normalization, transform });
  for await (const rows of forwardRows(batches, parameters, forward)) {
    signal?.throwIfAborted();
    pieces.push(rows);
  }
  return joinRows(pieces);
}

/** Rows of batches, one after the other. */
export function joinRows(pieces: readonly Float32Array[]): Float32Array {
  const rows = new Float32Array(pieces.reduce((total, piece) => total + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    rows.set(piece, offset);
    offset += piece.length;
  }
  return rows;
}

const mostImages = 256;
/** 20 images of 224×224: whoever can train with batches of 32 of them has the memory. */
const mostPixels = 1 << 20;

/**
 * How many images are evaluated at once: as many as keep the cores busy, and fewer of larger ones, whose activations fill the memory; never
 * one, which would be computed twice.
 */
export function evaluationBatchSize({ height, width }: PlaneSize): number {
  return Math.max(2, Math.min(mostImages, Math.floor(mostPixels / (height * width))));
}
