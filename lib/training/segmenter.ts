/** Training and testing a network that segments images, whatever the network and whether it takes images or feature maps. */
import { batchesPerEpoch } from '../data/batches';
import type { SplitName } from '../data/dataset';
import { UserError } from '../errors';
import { scoreSegmentation, type SegmentationScores } from '../metrics/segmentation';
import { withBatchStatistics } from '../models/blocks';
import { disposeParameters, exportParameters, readParameters, trainableNames, type ParameterTable, type Parameters, type PublishedValues } from '../models/parameters'; // prettier-ignore
import { createScope, type Scope } from '../models/scope';
import { createRandom } from '../random';
import { tf, type Scalar, type Tensor4D } from '../tf';
import type { CheckpointStore } from './checkpoints';
import type { HistoryRow, TrainingEvent } from './events';
import { fit } from './fit';
import { withFrozenNorms } from './frozen-norms';
import { initialParameters, type InitialValues } from './initial-values';
import { adamW, sgd, type Optimizer } from './optimizers';
import { cosineSchedule } from './schedules';
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

export interface SegmenterSettings {
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Fixes the initial weights and the order of the images. */
  readonly seed: number;
  /** AdamW by default; `sgd` has a momentum of 0.9 and adds the weight decay to the gradient. */
  readonly optimizer?: 'adamw' | 'sgd';
  /** A cosine that is stepped per epoch by default. */
  readonly schedule?: 'cosine' | 'constant';
  /** Weight of the soft Dice loss beside the binary cross-entropy's 1; 0 by default. */
  readonly diceWeight?: number;
  /** Which epoch is tested: the first with the lowest validation loss (default) or the highest validation Dice. */
  readonly selectBy?: 'loss' | 'dice';
  /** Ends the training after so many epochs without a better one. */
  readonly patience?: number;
  readonly maxGradientNorm?: number;
  /** Names of parameters that are trained; all by default. Batch norms that are not stay as they are. */
  readonly trainable?: (name: string) => boolean;
  /**
   * What batch norms use on the test images: their running statistics (default), or those of the test batch, as where `eval()` was
   * forgotten; then an image's mask depends on the others in its batch.
   */
  readonly testStatistics?: 'running' | 'batch';
  /** Of validation and test; 50 by default. */
  readonly evaluationBatchSize?: number;
}

export interface SegmenterControls {
  readonly checkpoints?: CheckpointStore;
  /** Seconds that a kill may cost; 0 by default: a checkpoint after each epoch. */
  readonly saveEverySeconds?: number;
  /** Whether the result has the selected epoch's values. */
  readonly keepValues?: boolean;
  /** Ends the training softly; the same call continues it. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

/** One finished epoch. `Dice` is a mean over images. */
export interface SegmentationHistoryRow extends Omit<HistoryRow, 'trainAccuracy' | 'valAccuracy'> {
  readonly trainDice: number;
  readonly valDice: number;
}

/** What the selected weights make of the test images. */
export interface SegmentationTest {
  readonly epoch: number;
  /** Of each image, in the split's order, at the size that the network works at. */
  readonly scores: readonly SegmentationScores[];
  /** One mask after the other, height × width bytes of 0 and 1 each. */
  readonly masks: Uint8Array;
}

export interface TrainedSegmenter {
  readonly model: string;
  readonly history: readonly SegmentationHistoryRow[];
  readonly bestEpoch: number | undefined;
  readonly bestValDice: number | undefined;
  readonly bestValLoss: number | undefined;
  readonly stopped: boolean;
  /** Training and validation, over all parts of a training that was continued. */
  readonly seconds: number;
  /** Undefined where the training was stopped: the test split is read once, at the end. */
  readonly test: SegmentationTest | undefined;
  /** Of the selected epoch, in the published layout; undefined unless `keepValues`, and where the training was stopped. */
  readonly bestValues: PublishedValues | undefined;
}

/**
 * Trains on binary cross-entropy, selects an epoch by the validation images, then tests its weights. The same seed gives the same result,
 * bit for bit on a CPU, also where it was continued.
 * @throws UserError where nothing is trainable or a split is empty
 */
export async function trainSegmenter(
  segmenter: Segmenter,
  source: SegmentationSource,
  settings: SegmenterSettings,
  controls: SegmenterControls = {},
): Promise<TrainedSegmenter> {
  const { name, table, forward } = segmenter;
  const { epochs, batchSize, learningRate, weightDecay, seed, trainable, diceWeight, maxGradientNorm, patience } = settings; // prettier-ignore
  const { optimizer: kind = 'adamw', schedule = 'cosine', selectBy = 'loss', evaluationBatchSize = 50 } = settings;
  const { train } = source.splits;
  checkSplits(source);
  const parameters = initialParameters(table, seed, segmenter.initial);
  let optimizer: Optimizer | undefined;
  try {
    const names = trainableNames(parameters, trainable);
    if (names.length === 0) throw new UserError(`Nothing of ${name} is trainable: at least one parameter has to be.`);
    const trained = new Set(names);
    optimizer =
      kind === 'sgd'
        ? sgd(parameters, names, { momentum: 0.9, weightDecay })
        : adamW(parameters, names, { weightDecay });
    const fitted = await fit({
      ...controls,
      parameters,
      names,
      optimizer,
      epochs,
      learningRate: schedule === 'cosine' ? cosineSchedule(learningRate, epochs) : () => learningRate,
      selectBy: selectBy === 'loss' ? 'loss' : 'accuracy',
      patience,
      maxGradientNorm,
      batchesPerEpoch: batchesPerEpoch(train.count, batchSize),
      batches: (epoch) => {
        const order = createRandom(seed, 'shuffle', epoch).permutation(train.count);
        return source.batches('train', { batchSize, order, epoch });
      },
      loss: ({ images, masks }, scope) => {
        const logits = forward(
          images,
          withFrozenNorms(scope, (parameter) => !trained.has(parameter)),
        );
        const dice = maskDice(logits, masks).sum<Scalar>();
        return { loss: segmentationLoss(logits, masks, { diceWeight }), reported: { correct: dice } };
      },
      validate: () => validate(parameters, segmenter, source, { diceWeight, batchSize: evaluationBatchSize }),
    });
    try {
      const { history, best, stopped, seconds } = fitted;
      const outcome = {
        model: name,
        history: history.map(withDice),
        bestEpoch: best?.epoch,
        bestValDice: best?.valAccuracy,
        bestValLoss: best && history[best.epoch - 1].valLoss,
        stopped,
        seconds,
      };
      if (stopped || best === undefined) return { ...outcome, test: undefined, bestValues: undefined };
      fitted.useBest();
      const tested = await testSegmenter(parameters, segmenter, source, { ...settings, epoch: best.epoch });
      return { ...outcome, test: tested, bestValues: controls.keepValues ? exportParameters(parameters) : undefined };
    } finally {
      fitted.dispose();
    }
  } finally {
    optimizer?.dispose();
    disposeParameters(parameters);
  }
}

function checkSplits({ splits }: SegmentationSource): void {
  const empty = (['train', 'val', 'test'] as SplitName[]).find((name) => splits[name].count === 0);
  if (empty !== undefined) throw new UserError(`There is no ${empty} image: each split needs at least one.`);
}

/** `fit` counts what is correct; of masks, that is their Dice. */
function withDice({ trainAccuracy: trainDice, valAccuracy: valDice, ...row }: HistoryRow): SegmentationHistoryRow {
  return { ...row, trainDice, valDice };
}

/** Mean loss and Dice of the validation images, each image counting once. */
async function validate(
  parameters: Parameters,
  { forward }: Segmenter,
  source: SegmentationSource,
  { diceWeight, batchSize }: { readonly diceWeight?: number; readonly batchSize: number },
): Promise<{ loss: number; accuracy: number }> {
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
  return { loss: total.loss / total.images, accuracy: total.dice / total.images };
}

export type TestOptions = Pick<SegmenterSettings, 'testStatistics' | 'evaluationBatchSize'> & {
  readonly epoch: number;
};

/** Segments the test images and scores each mask at the size that the network works at. */
export async function testSegmenter(
  parameters: Parameters,
  { forward }: Segmenter,
  source: SegmentationSource,
  { testStatistics = 'running', evaluationBatchSize = 50, epoch }: TestOptions,
): Promise<SegmentationTest> {
  const scores: SegmentationScores[] = [];
  const pieces: Uint8Array[] = [];
  for (const batch of source.batches('test', { batchSize: evaluationBatchSize })) {
    try {
      const [, height, width] = batch.masks.shape;
      const logits = tf.tidy(() => {
        const scope = createScope(readParameters(parameters));
        return forward(batch.images, testStatistics === 'batch' ? withBatchStatistics(scope) : scope);
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
  }
  return { epoch, scores, masks: new Uint8Array(Buffer.concat(pieces)) };
}
