/** Training and testing a classifier of single-label images, whatever the network. */
import { batchesPerEpoch, imageBatches, type Normalization } from '../data/batches';
import type { Dataset, SplitName } from '../data/dataset';
import {
  classificationMetrics,
  crossEntropy as meanCrossEntropy,
  medmnistAccuracy,
  type ClassificationMetrics,
} from '../metrics/classification';
import { softmax, type Scored } from '../metrics/scores';
import {
  createParameters,
  disposeParameters,
  trainableNames,
  type ParameterTable,
  type Parameters,
} from '../models/parameters';
import type { Scope } from '../models/scope';
import { createRandom } from '../random';
import { countCorrect, crossEntropy } from '../tensor/losses';
import type { Scalar, Tensor2D, Tensor4D } from '../tf';
import type { CheckpointStore } from './checkpoints';
import type { HistoryRow, TrainingEvent } from './events';
import { fit } from './fit';
import { adamW } from './optimizers';
import { predictLogits } from './predict';
import { cosineSchedule } from './schedules';

/** A network as a table of parameters and a function over them; it has no values until it is trained. */
export interface Classifier {
  readonly name: string;
  readonly table: ParameterTable;
  /** images: N×H×W×3, normalised → logits N×classes. */
  forward(images: Tensor4D, scope: Scope): Tensor2D;
  readonly normalization: Normalization;
}

export interface TrainingSettings {
  readonly epochs: number;
  readonly batchSize: number;
  /** At the start of a cosine that is stepped per epoch. */
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Fixes the initial weights and the order of the images. */
  readonly seed: number;
}

export interface TrainingControls {
  readonly checkpoints?: CheckpointStore;
  /** Ends the training softly; the same call continues it. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

/** The test scores of one set of weights. */
export interface TestResult extends ClassificationMetrics {
  /** The epoch whose weights were tested. */
  readonly epoch: number;
  /** Row-major N × classes, in the split's order. */
  readonly probabilities: Float64Array;
}

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
 * Trains from random weights with AdamW on cross-entropy, selects the epoch of the highest validation accuracy, then tests the weights
 * of that epoch and of the last. The same seed gives the same result, bit for bit on a CPU, also where it was continued.
 */
export async function trainClassifier(
  { name, table, forward, normalization }: Classifier,
  dataset: Dataset,
  { epochs, batchSize, learningRate, weightDecay, seed }: TrainingSettings,
  controls: TrainingControls = {},
): Promise<TrainedClassifier> {
  const parameters = createParameters(table, seed);
  const names = trainableNames(parameters);
  const optimizer = adamW(parameters, names, { weightDecay });
  const { train } = dataset.splits;
  const score = (split: SplitName): Promise<ScoredSplit> =>
    scoreSplit(parameters, { forward, normalization }, dataset, split);
  try {
    const fitted = await fit({
      ...controls,
      parameters,
      names,
      optimizer,
      epochs,
      learningRate: cosineSchedule(learningRate, epochs),
      batchesPerEpoch: batchesPerEpoch(train.count, batchSize),
      batches: (epoch) =>
        imageBatches(dataset, train, {
          batchSize,
          normalization,
          order: createRandom(seed, 'shuffle', epoch).permutation(train.count),
        }),
      loss: ({ images, labels }, scope) => {
        const logits = forward(images, scope);
        return {
          loss: crossEntropy(logits, labels).mean<Scalar>(),
          reported: { correct: countCorrect(logits, labels) },
        };
      },
      validate: async () => {
        const scored = await score('val');
        return { loss: meanCrossEntropy(scored), accuracy: medmnistAccuracy(scored) };
      },
    });
    try {
      const { history, best, stopped, seconds } = fitted;
      const trained = {
        model: name,
        history,
        bestEpoch: best?.epoch,
        bestValAccuracy: best?.valAccuracy,
        stopped,
        seconds,
      };
      if (stopped || best === undefined) return { ...trained, test: undefined, testOfLast: undefined };
      fitted.useBest();
      const test = testResult(await score('test'), best.epoch);
      if (best.epoch === history.length) return { ...trained, test, testOfLast: test };
      fitted.useLast();
      return { ...trained, test, testOfLast: testResult(await score('test'), history.length) };
    } finally {
      fitted.dispose();
    }
  } finally {
    optimizer.dispose();
    disposeParameters(parameters);
  }
}

interface ScoredSplit extends Scored {
  readonly scores: Float64Array;
}

/** The probabilities of a whole split beside its labels. */
async function scoreSplit(
  parameters: Parameters,
  { forward, normalization }: Pick<Classifier, 'forward' | 'normalization'>,
  dataset: Dataset,
  split: SplitName,
): Promise<ScoredSplit> {
  const classes = dataset.classNames.length;
  const logits = await predictLogits(parameters, forward, dataset, split, { normalization });
  return { task: dataset.task, truth: dataset.splits[split].labels, scores: softmax(logits, classes), classes };
}

function testResult({ scores, ...scored }: ScoredSplit, epoch: number): TestResult {
  return { ...classificationMetrics({ ...scored, probabilities: scores }), epoch, probabilities: scores };
}
