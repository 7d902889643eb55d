/** Training and testing a classifier of single-label images, whatever the network. */
import { batchesPerEpoch, type Normalization } from '../data/batches';
import type { Dataset, SplitName } from '../data/dataset';
import { UserError } from '../errors';
import { crossEntropy as meanCrossEntropy, medmnistAccuracy } from '../metrics/classification';
import { disposeParameters, trainableNames, type ParameterTable } from '../models/parameters';
import type { Scope } from '../models/scope';
import { createRandom } from '../random';
import { countCorrect, crossEntropy } from '../tensor/losses';
import type { Scalar, Tensor2D, Tensor4D } from '../tf';
import type { CheckpointStore } from './checkpoints';
import type { HistoryRow, TrainingEvent } from './events';
import { fit } from './fit';
import { withFrozenNorms } from './frozen-norms';
import { imageStream, type ImageTransform } from './image-stream';
import { initialParameters, type InitialValues } from './initial-values';
import type { Optimizer } from './optimizers';
import type { LayerOf } from './parameter-groups';
import { followRecipe, type RecipeName } from './recipes';
import { scoreSplit, testResult, type ScoredSplit, type TestResult } from './scored-split';

/** A network as a table of parameters and a function over them; it has no parameters of its own until it is trained. */
export interface Classifier {
  readonly name: string;
  readonly table: ParameterTable;
  /** images: N×H×W×3, normalised → logits N×classes. */
  forward(images: Tensor4D, scope: Scope): Tensor2D;
  readonly normalization: Normalization;
  /** Brings images to the size that the network takes, and has the normalisation then; by default they stay as the dataset has them. */
  readonly transform?: ImageTransform;
  /** Values that the training starts from; random ones by default. */
  readonly initial?: InitialValues;
  /** Which layer a parameter belongs to, for recipes with layer-wise decay. */
  readonly layerOf?: LayerOf;
}

export interface TrainingSettings {
  readonly epochs: number;
  readonly batchSize: number;
  /** The highest, at the start of the cosine. */
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Fixes the initial weights and the order of the images. */
  readonly seed: number;
  /** 'as-published' by default: a cosine that is stepped per epoch, one learning rate and weight decay for everything. */
  readonly recipe?: RecipeName;
  /** In place of the recipe's. */
  readonly layerDecay?: number;
  /** In place of the recipe's tenth of the epochs or none. */
  readonly warmupEpochs?: number;
  /** Gradients whose common norm is larger are scaled down to it. */
  readonly maxGradientNorm?: number;
  /** Names of parameters that are trained; all by default. The others have neither gradient nor optimizer state. */
  readonly trainable?: (name: string) => boolean;
  /**
   * How batch norms work whose scale is not trained: with their running statistics, which stay as they are (default), or with the
   * batch's, so that the frozen network drifts, as in PyTorch where `train()` is called on all of it.
   */
  readonly frozenBatchNorm?: 'evaluation' | 'training';
}

export interface TrainingControls {
  readonly checkpoints?: CheckpointStore;
  /** Ends the training softly, between two batches of training or validation; the same call continues it. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

export type { TestResult } from './scored-split';

export interface TrainedClassifier {
  readonly model: string;
  readonly history: readonly HistoryRow[];
  /** The first epoch with the highest validation accuracy. */
  readonly bestEpoch: number | undefined;
  readonly bestValAccuracy: number | undefined;
  readonly stopped: boolean;
  /** Training and validation, over all parts of a run that was continued. */
  readonly seconds: number;
  /** Test scores of the best epoch's weights; undefined if the training was stopped, since the test split is read once, at the end. */
  readonly test: TestResult | undefined;
  /** Test scores of the last epoch's weights. */
  readonly testOfLast: TestResult | undefined;
}

/**
 * Trains with AdamW on cross-entropy, selects the epoch of the highest validation accuracy, then tests the weights of that epoch and of
 * the last. The same seed gives the same result, bit for bit on a CPU, also where it was continued.
 */
export async function trainClassifier(
  classifier: Classifier,
  dataset: Dataset,
  settings: TrainingSettings,
  controls: TrainingControls = {},
): Promise<TrainedClassifier> {
  const { name, table, forward, normalization, transform, layerOf } = classifier;
  const { epochs, batchSize, seed, trainable, maxGradientNorm, frozenBatchNorm = 'evaluation' } = settings;
  const { train } = dataset.splits;
  const stepsPerEpoch = batchesPerEpoch(train.count, batchSize);
  const parameters = initialParameters(table, seed, classifier.initial);
  let optimizer: Optimizer | undefined;
  const score = (split: SplitName, signal?: AbortSignal): Promise<ScoredSplit> =>
    scoreSplit(parameters, classifier, dataset, split, signal);
  try {
    const names = trainableNames(parameters, trainable);
    if (names.length === 0) throw new UserError(`Nothing of ${name} is trainable: at least one parameter has to be.`);
    const trained = new Set(names);
    const isFrozen = (parameter: string): boolean => frozenBatchNorm === 'evaluation' && !trained.has(parameter);
    const { recipe = 'as-published' } = settings;
    const followed = followRecipe(parameters, names, { ...settings, recipe, stepsPerEpoch, layerOf });
    optimizer = followed.optimizer;
    const fitted = await fit({
      ...controls,
      parameters,
      names,
      optimizer,
      epochs,
      learningRate: followed.learningRate,
      maxGradientNorm,
      batchesPerEpoch: stepsPerEpoch,
      batches: (epoch) =>
        imageStream(dataset, train, {
          batchSize,
          normalization,
          transform,
          order: createRandom(seed, 'shuffle', epoch).permutation(train.count),
        }),
      loss: ({ images, labels }, scope) => {
        const logits = forward(images, withFrozenNorms(scope, isFrozen));
        return {
          loss: crossEntropy(logits, labels).mean<Scalar>(),
          reported: { correct: countCorrect(logits, labels) },
        };
      },
      validate: async (signal) => {
        const scored = await score('val', signal);
        // Metrics refuse what is not finite; here, it says that the weights are broken.
        if (!scored.scores.every(Number.isFinite)) return { loss: NaN, accuracy: NaN };
        return { loss: meanCrossEntropy(scored), accuracy: medmnistAccuracy(scored) };
      },
    });
    try {
      const { history, best, stopped, seconds } = fitted;
      const outcome = {
        model: name,
        history,
        bestEpoch: best?.epoch,
        bestValAccuracy: best?.valAccuracy,
        stopped,
        seconds,
      };
      if (stopped || best === undefined) return { ...outcome, test: undefined, testOfLast: undefined };
      fitted.useBest();
      const test = testResult(await score('test'), best.epoch);
      if (best.epoch === history.length) return { ...outcome, test, testOfLast: test };
      fitted.useLast();
      return { ...outcome, test, testOfLast: testResult(await score('test'), history.length) };
    } finally {
      fitted.dispose();
    }
  } finally {
    optimizer?.dispose();
    disposeParameters(parameters);
  }
}
