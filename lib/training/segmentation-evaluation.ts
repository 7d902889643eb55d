/** A segmentation network on validation and test images. */
import { scoreSegmentation, type SegmentationScores, type EmptyConvention } from '../metrics/segmentation';
import { withBatchStatistics } from '../models/blocks';
import { readParameters, type Parameters } from '../models/parameters';
import { createScope } from '../models/scope';
import { tf } from '../tf';
import type { SplitName } from '../data/dataset';
import type { Network } from '../models/network';
import { evaluated } from './image-stream';
import type { SegmentationSource } from './segmentation-source';

/** What a network makes of the images of a split. */
export interface SegmentationTest {
  /** Of each image, in the split's order, at the size that the network works at. */
  readonly scores: readonly SegmentationScores[];
  /** One mask after the other, height × width bytes of 0 and 1 each. */
  readonly masks: Uint8Array;
}

/**
 * Segments the images of a split and scores each mask at the size that the network works at. A pixel is in a mask where its logit is above
 * 0, its probability above ½; the third study's code has P ≥ ½, which differs where a logit is exactly 0. Ends between two batches with
 * `signal`'s reason.
 */
export async function scoreMasks(
  parameters: Parameters,
  { forward }: Pick<Network, 'forward'>,
  source: SegmentationSource,
  { split, statistics = 'running', empty, batchSize, signal }: ScoreOptions,
): Promise<SegmentationTest> {
  const scores: SegmentationScores[] = [];
  const pieces: Uint8Array[] = [];
  for (const batch of source.batches(split, { batchSize })) {
    try {
      const [, height, width] = batch.masks.shape;
      const logits = tf.tidy(() => {
        const scope = createScope(readParameters(parameters));
        return evaluated(forward, batch.images, statistics === 'batch' ? withBatchStatistics(scope) : scope);
      });
      const predicted = Uint8Array.from(logits.dataSync(), (logit) => (logit > 0 ? 1 : 0));
      const truth = Uint8Array.from(batch.masks.dataSync());
      logits.dispose();
      pieces.push(predicted);
      for (let start = 0; start < predicted.length; start += height * width) {
        const mask = (pixels: Uint8Array) => ({
          height,
          width,
          pixels: pixels.subarray(start, start + height * width),
        });
        scores.push(scoreSegmentation(mask(truth), mask(predicted), { empty }));
      }
    } finally {
      batch.dispose();
    }
    await new Promise(setImmediate);
    signal?.throwIfAborted();
  }
  return { scores, masks: new Uint8Array(Buffer.concat(pieces)) };
}

export interface ScoreOptions {
  readonly split: SplitName;
  /**
   * What batch norms use: their running statistics (default), or those of the batch, as where `eval()` was forgotten; then an image's mask
   * depends on the others in its batch.
   */
  readonly statistics?: 'running' | 'batch';
  /** Scores where a mask is empty; ISIC's by default. */
  readonly empty?: EmptyConvention;
  readonly batchSize: number;
  readonly signal?: AbortSignal;
}
