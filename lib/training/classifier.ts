/** Training and testing a classifier of images with one label or several, whatever the network. */
import type { ImageTransform } from '../models/network';
import { batchesPerEpoch, type Normalization } from '../data/batches';
import type { Dataset, SplitName } from '../data/dataset';
import { UserError } from '../errors';
import { medmnistAuc } from '../metrics/auc';
import { crossEntropy, medmnistAccuracy } from '../metrics/classification';
import { disposeParameters, trainableNames, type Parameters, type ParameterTable } from '../models/parameters';
import type { Scope } from '../models/scope';
import { createRandom, type Random } from '../random';
import type { Tensor2D, Tensor4D } from '../tf';
import type { CheckpointStore } from './checkpoints';
import { createOptimizer, type OptimizerSettings } from './create-optimizer';
import type { HistoryRow, TrainingEvent } from './events';
import { fit } from './fit';
import { withFrozenNorms } from './frozen-norms';
import { imageStream, type IndexedTransform } from './image-stream';
import { initialParameters } from '../models/initial-values';
import type { InitialValues } from '../models/network';
import type { Optimizer } from './optimizers';
import type { LayerOf } from '../models/network';
import { followRecipe, type RecipeName } from './recipes';
import type { Schedule } from './schedules';
import { scoreSplit, testResult, type ScoredSplit, type TestResult } from './scored-split';
import { lossFunction, lossOfTask, sumOfCorrect } from './losses';

/** A network as a table of parameters and a function over them; it has no parameters of its own until it is trained. */
export interface Classifier {
  readonly name: string;
  readonly table: ParameterTable;
  /** images: N×H×W×3, normalised → logits N×classes. `random`, in training only: numbers of this step, for what it leaves out by chance. */
  forward(images: Tensor4D, scope: Scope, random?: Random): Tensor2D;
  readonly normalization: Normalization;
  /** Brings images to the size that the network takes, and has the normalisation then; by default they stay as the dataset has them. */
  readonly transform?: ImageTransform;
  /** What training images go through in an epoch (counted from 0) instead of `transform`: their augmentation. */
  readonly trainingTransform?: (epoch: number) => IndexedTransform;
  /** Values that the training starts from; random ones by default. */
  readonly initial?: InitialValues;
  /** Which layer a parameter belongs to, for recipes with layer-wise decay. */
  readonly layerOf?: LayerOf;
}

export interface CommonSettings {
  readonly epochs: number;
  readonly batchSize: number;
  /** Fixes the initial weights and the order of the images. */
  readonly seed: number;
  /** Gradients whose common norm is larger are scaled down to it. */
  readonly maxGradientNorm?: number;
  /** Names of parameters that are trained; all by default. The others have neither gradient nor optimizer state. */
  readonly trainable?: (name: string) => boolean;
  /**
   * How batch norms work whose scale is not trained: with their running statistics, which stay as they are (default), or with the
   * batch's, so that the frozen network drifts, as in PyTorch where `train()` is called on all of it.
   */
  readonly frozenBatchNorm?: 'evaluation' | 'training';
  /** By which score of the validation split an epoch is selected; by the accuracy by default. */
  readonly selectBy?: 'accuracy' | 'auc' | 'loss';
  /** An epoch is better only by more than this; 0 by default. */
  readonly minDelta?: number;
  /** Ends the training after so many epochs without a better one. */
  readonly patience?: number;
  /** Whether the last epoch's weights are tested too; true by default. */
  readonly testLast?: boolean;
}

/** AdamW after a recipe. */
export interface TrainingSettings extends CommonSettings {
  /** The highest, at the start of the cosine. */
  readonly learningRate: number;
  readonly weightDecay: number;
  /** 'as-published' by default: a cosine that is stepped per epoch, one learning rate and weight decay for everything. */
  readonly recipe?: RecipeName;
  /** In place of the recipe's. */
  readonly layerDecay?: number;
  /** In place of the recipe's tenth of the epochs or none. */
  readonly warmupEpochs?: number;
}

/** Any optimizer with any learning rate in each epoch. */
export interface ScheduledSettings extends CommonSettings {
  readonly optimizer: OptimizerSettings;
  readonly schedule: Schedule;
}

export interface TrainingControls {
  readonly checkpoints?: CheckpointStore;
  /** Seconds of training that a kill may cost; 0 by default: there is a checkpoint of each epoch. */
  readonly saveEverySeconds?: number;
  /** Ends the training softly, between two batches; the same call continues it. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

export type { TestResult } from './scored-split';

export interface TrainedClassifier {
  readonly model: string;
  readonly history: readonly HistoryRow[];
  /** The selected epoch: the first with the highest validation accuracy, unless something else was asked for. */
  readonly bestEpoch: number | undefined;
  readonly bestValAccuracy: number | undefined;
  readonly stopped: boolean;
  /** Training and validation, over all parts of a run that was continued. */
  readonly seconds: number;
  /** Test scores of the best epoch's weights; undefined if the training was stopped, since the test split is read once, at the end. */
  readonly test: TestResult | undefined;
  /** Test scores of the last epoch's weights; undefined unless `testLast`. */
  readonly testOfLast: TestResult | undefined;
}

/**
 * Trains on the task's loss, selects an epoch by the validation split, then tests the weights of that epoch and of the last. The same seed
 * gives the same result, bit for bit on a CPU, also where it was continued.
 */
export async function trainClassifier(
  classifier: Classifier,
  dataset: Dataset,
  settings: TrainingSettings | ScheduledSettings,
  controls: TrainingControls = {},
): Promise<TrainedClassifier> {
  const { name, table, forward, normalization, transform, trainingTransform } = classifier;
  const { epochs, batchSize, seed, trainable, maxGradientNorm, frozenBatchNorm = 'evaluation' } = settings;
  const { selectBy = 'accuracy', minDelta, patience, testLast = true } = settings;
  const { train } = dataset.splits;
  const stepsPerEpoch = batchesPerEpoch(train.count, batchSize);
  const parameters = initialParameters(table, seed, classifier.initial);
  let optimizer: Optimizer | undefined;
  const score = (split: SplitName, signal?: AbortSignal): Promise<ScoredSplit> =>
    scoreSplit(parameters, classifier, dataset, split, { signal });
  try {
    const names = trainableNames(parameters, trainable);
    if (names.length === 0) throw new UserError(`Nothing of ${name} is trainable: at least one parameter has to be.`);
    const trained = new Set(names);
    const isFrozen = (parameter: string): boolean => frozenBatchNorm === 'evaluation' && !trained.has(parameter);
    const followed = followSettings(parameters, names, settings, { stepsPerEpoch, layerOf: classifier.layerOf });
    optimizer = followed.optimizer;
    const fitted = await fit({
      ...controls,
      parameters,
      names,
      optimizer,
      epochs,
      learningRate: followed.learningRate,
      maxGradientNorm,
      select: selectBy,
      minDelta,
      patience,
      batchesPerEpoch: stepsPerEpoch,
      batches: (epoch) =>
        imageStream(dataset, train, {
          batchSize,
          normalization,
          transform: trainingTransform?.(epoch) ?? transform,
          order: createRandom(seed, 'shuffle', epoch).permutation(train.count),
        }),
      loss: (batch, scope) => {
        const random = createRandom(seed, 'step', followed.optimizer.steps);
        const logits = forward(batch.images, withFrozenNorms(scope, isFrozen), random);
        const loss = lossFunction(lossOfTask(dataset.task))(logits, batch);
        return { loss, reported: { accuracy: sumOfCorrect(dataset.task, logits, batch) } };
      },
      validate: async (signal) => {
        const scored = await score('val', signal);
        // Metrics refuse what is not finite; here, it says that the weights are broken.
        if (!scored.scores.every(Number.isFinite)) return { loss: NaN, accuracy: NaN };
        const scores = { loss: crossEntropy(scored), accuracy: medmnistAccuracy(scored) };
        return selectBy === 'auc' ? { ...scores, auc: medmnistAuc(scored) } : scores;
      },
    });
    optimizer.dispose(); // AdamW's slots are twice the weights: room for the test
    optimizer = undefined;
    const { history, best, stopped, seconds } = fitted;
    const outcome = {
      model: name,
      history,
      bestEpoch: best?.epoch,
      bestValAccuracy: best && history[best.epoch - 1].valAccuracy,
      stopped,
      seconds,
    };
    try {
      if (stopped || best === undefined) return { ...outcome, test: undefined, testOfLast: undefined };
      fitted.useBest();
      const test = testResult(await score('test', controls.signal), best.epoch);
      if (!testLast) return { ...outcome, test, testOfLast: undefined };
      if (best.epoch === history.length) return { ...outcome, test, testOfLast: test };
      fitted.useLast();
      return { ...outcome, test, testOfLast: testResult(await score('test', controls.signal), history.length) };
    } catch (error) {
      if (controls.signal?.aborted !== true || error !== controls.signal.reason) throw error;
      return { ...outcome, stopped: true, test: undefined, testOfLast: undefined };
    } finally {
      fitted.dispose();
    }
  } finally {
    optimizer?.dispose();
    disposeParameters(parameters);
  }
}

function followSettings(
  parameters: Parameters,
  names: readonly string[],
  settings: TrainingSettings | ScheduledSettings,
  { stepsPerEpoch, layerOf }: { readonly stepsPerEpoch: number; readonly layerOf?: LayerOf },
): { optimizer: Optimizer; learningRate: Schedule } {
  if ('schedule' in settings) {
    return { optimizer: createOptimizer(parameters, names, settings.optimizer), learningRate: settings.schedule };
  }
  const { recipe = 'as-published' } = settings;
  return followRecipe(parameters, names, { ...settings, recipe, stepsPerEpoch, layerOf });
}
