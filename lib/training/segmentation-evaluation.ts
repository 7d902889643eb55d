/** A segmentation network on validation and test images. */
import { scoreSegmentation, type SegmentationScores } from '../metrics/segmentation';
import { withBatchStatistics } from '../models/blocks';
import { readParameters, type ParameterTable, type Parameters } from '../models/parameters';
import { createScope, type Scope } from '../models/scope';
import { tf, type Scalar, type Tensor4D } from '../tf';
import type { SplitName } from '../data/dataset';
import type { InitialValues, Network } from '../models/network';
import { maskDice, segmentationLoss } from './segmentation-loss';
import type { SegmentationSource } from './segmentation-source';

/** A network as a table of parameters and a function over them; it has no parameters of its own until it is trained. */
export interface Segmenter {
  readonly name: string;
  readonly table: ParameterTable;
  /** inputs: what the source gives, N×… → logits N×H×W×1 at the masks' size. */
  forward(inputs: Tensor4D, scope: Scope): Tensor4D;
  /** Values that the training starts from; random ones by default. */
  readonly initial?: InitialValues;
}

/** What the selected weights make of the test images. */
export interface SegmentationTest {
  readonly epoch: number;
  /** Of each image, in the split's order, at the size that the network works at. */
  readonly scores: readonly SegmentationScores[];
  /** One mask after the other, height × width bytes of 0 and 1 each. */
  readonly masks: Uint8Array;
}

/** Mean loss and Dice of the validation images, each image counting once. */
export async function validateSegmenter(
  parameters: Parameters,
  { forward }: Segmenter,
  source: SegmentationSource,
  { diceWeight, batchSize }: { readonly diceWeight?: number; readonly batchSize: number },
): Promise<{ loss: number; dice: number }> {
  const total = { loss: 0, dice: 0, images: 0 };
  for (const batch of source.batches('val', { batchSize })) {
    try {
      const [loss, dice] = tf.tidy((): Scalar[] => {
        const logits = forward(batch.images, createScope(readParameters(parameters)));
        return [segmentationLoss(logits, batch.masks, { diceWeight }), maskDice(logits, batch.masks).sum<Scalar>()];
      });
      total.loss += loss.dataSync()[0] * batch.count;
      total.dice += dice.dataSync()[0];
      total.images += batch.count;
      tf.dispose([loss, dice]);
    } finally {
      batch.dispose();
    }
    await new Promise(setImmediate);
  }
  return { loss: total.loss / total.images, dice: total.dice / total.images };
}

export interface TestOptions {
  /** The epoch whose weights they are. */
  readonly epoch: number;
  /**
   * What batch norms use: their running statistics (default), or those of the test batch, as where `eval()` was forgotten; then an image's
   * mask depends on the others in its batch.
   */
  readonly testStatistics?: 'running' | 'batch';
  /** 50 by default. */
  readonly evaluationBatchSize?: number;
}

/** As `testSegmenter`, of any split; ends between two batches with `signal`'s reason. */
export async function scoreMasks(
  parameters: Parameters,
  { forward }: Pick<Network, 'forward'>,
  source: SegmentationSource,
  { split, statistics = 'running', batchSize, signal }: ScoreOptions,
): Promise<Omit<SegmentationTest, 'epoch'>> {
  const scores: SegmentationScores[] = [];
  const pieces: Uint8Array[] = [];
  for (const batch of source.batches(split, { batchSize })) {
    try {
      const [, height, width] = batch.masks.shape;
      const logits = tf.tidy(() => {
        const scope = createScope(readParameters(parameters));
        return forward(batch.images, statistics === 'batch' ? withBatchStatistics(scope) : scope);
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
        scores.push(scoreSegmentation(mask(truth), mask(predicted)));
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
  readonly statistics?: 'running' | 'batch';
  readonly batchSize: number;
  readonly signal?: AbortSignal;
}

/**
 * Segments the test images and scores each mask at the size that the network works at. A pixel is in a mask where its logit is above 0, its
 * probability above ½; the third study's code has P ≥ ½, which differs where a logit is exactly 0.
 */
export async function testSegmenter(
  parameters: Parameters,
  { forward }: Segmenter,
  source: SegmentationSource,
  { testStatistics = 'running', evaluationBatchSize = 50, epoch }: TestOptions,
): Promise<SegmentationTest> {
  const options = { split: 'test', statistics: testStatistics, batchSize: evaluationBatchSize } as const;
  return { epoch, ...(await scoreMasks(parameters, { forward }, source, options)) };
}
