/** Training and testing a network that segments images, whatever the network and whether it takes images or feature maps. */
import { batchesPerEpoch } from '../data/batches';
import type { SplitName } from '../data/dataset';
import { UserError } from '../errors';
import {
  disposeParameters,
  exportParameters,
  trainableNames,
  type Parameters,
  type PublishedValues,
} from '../models/parameters';
import { createRandom } from '../random';
import type { Scalar } from '../tf';
import type { CheckpointStore } from './checkpoints';
import type { HistoryRow, TrainingEvent } from './events';
import { fit } from './fit';
import { withFrozenNorms } from './frozen-norms';
import { initialParameters } from '../models/initial-values';
import { adamW, sgd, type Optimizer } from './optimizers';
import { cosineSchedule } from './schedules';
import { testSegmenter, validateSegmenter, type SegmentationTest, type Segmenter } from './segmentation-evaluation';
import { maskDice, segmentationLoss } from './segmentation-loss';
import type { SegmentationSource } from './segmentation-source';

export { testSegmenter, type SegmentationTest, type Segmenter } from './segmentation-evaluation';

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
  /** What batch norms use on the test images: see `TestOptions`. */
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
  /** In place of the test: what is done, once, with the selected epoch's weights, which are gone afterwards. */
  readonly onSelected?: (parameters: Parameters, epoch: number) => Promise<void>;
  /** Ends the training softly; the same call continues it. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

export interface TrainedSegmenter {
  readonly model: string;
  /** With `trainDice` and `valDice`, means over images. */
  readonly history: readonly HistoryRow[];
  readonly bestEpoch: number | undefined;
  readonly bestValDice: number | undefined;
  readonly bestValLoss: number | undefined;
  readonly stopped: boolean;
  /** Training and validation, over all parts of a training that was continued. */
  readonly seconds: number;
  /** Undefined where the training was stopped, since the test split is read once, at the end; and where `onSelected` does the testing. */
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
      select: selectBy,
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
        return { loss: segmentationLoss(logits, masks, { diceWeight }), reported: { dice } };
      },
      validate: () => validateSegmenter(parameters, segmenter, source, { diceWeight, batchSize: evaluationBatchSize }),
    });
    optimizer.dispose(); // AdamW's slots are twice the weights: room for the test
    optimizer = undefined;
    try {
      const { history, best, stopped, seconds } = fitted;
      const outcome = {
        model: name,
        history,
        bestEpoch: best?.epoch,
        bestValDice: best && history[best.epoch - 1].valDice,
        bestValLoss: best && history[best.epoch - 1].valLoss,
        stopped,
        seconds,
      };
      if (stopped || best === undefined) return { ...outcome, test: undefined, bestValues: undefined };
      fitted.useBest();
      const { onSelected } = controls;
      const tested =
        onSelected === undefined
          ? await testSegmenter(parameters, segmenter, source, { ...settings, epoch: best.epoch })
          : undefined;
      await onSelected?.(parameters, best.epoch);
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
