/** Training a network after a recipe, on images with labels or with masks. */
import { batchesPerEpoch } from '../data/batches';
import type { Dataset, SplitName } from '../data/dataset';
import type { SegmentationDataset } from '../data/segmentation-dataset';
import { suggestion, UserError } from '../errors';
import { medmnistAuc } from '../metrics/auc';
import { initialParameters } from '../models/initial-values';
import { inPrecision } from '../models/low-precision';
import type { Network } from '../models/network';
import { disposeParameters, readParameters, trainableNames, type Parameters } from '../models/parameters';
import { createScope } from '../models/scope';
import { createRandom } from '../random';
import { toPrecision } from '../tensor/precision';
import { tf, type Tensor, type Tensor4D } from '../tf';
import { sortAugmentations } from './augmentations';
import { trainingStream, type TrainingStream } from './augmented-stream';
import type { CheckpointStore } from './checkpoints';
import { createOptimizer } from './create-optimizer';
import type { BestEpoch, HistoryRow, TrainingEvent } from './events';
import { fit, type Batch, type Validation } from './fit';
import { withFrozenNorms } from './frozen-norms';
import type { LossOutput } from './gradients';
import {
  lossFunction,
  lossOfTask,
  binaryCrossEntropy,
  sumOfCorrect,
  sumOfDice,
  sumOfMetric,
  type LossFunction,
  type Targets,
} from './losses';
import type { Optimizer } from './optimizers';
import { evaluationBatchSize } from './predict';
import { checkRecipe, type Recipe } from './recipe';
import { followSchedule } from './schedules';
import type { EncoderMaps } from './encoder-maps';
import type { FeatureCache } from './feature-cache';
import { openMaskSource, type MaskSource } from './mask-source';
import { validateClassifier, validateMasks, type Measured } from './validation';

/** Images with labels, or with masks. */
export type TrainingData = Dataset | SegmentationDataset;

export interface TrainingControls {
  readonly checkpoints?: CheckpointStore;
  /** Seconds of training that a kill may cost; 0 by default: there is a checkpoint of each epoch. */
  readonly saveEverySeconds?: number;
  /** Ends the training softly, between two batches; the same call continues it. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
  /** Of the network's frozen encoder, where several trainings share them; the caller closes them. Its own by default. */
  readonly maps?: () => Promise<EncoderMaps>;
  /** Where maps are kept; the project's cache by default. */
  readonly featureCache?: FeatureCache;
  /** Is given the selected epoch's weights, then the last one's, once the training has come to its end; they are gone afterwards. */
  readonly onWeights?: (parameters: Parameters, weights: FinishedWeights) => Promise<void> | void;
}

export interface FinishedWeights {
  readonly which: 'best' | 'last';
  /** Counted from 1. */
  readonly epoch: number;
}

export interface TrainedNetwork {
  readonly history: readonly HistoryRow[];
  /** The selected epoch; undefined if none was finished. */
  readonly best: BestEpoch | undefined;
  /** The same call continues it. */
  readonly stopped: boolean;
  /** Training and validation, over all parts of a training that was continued. */
  readonly seconds: number;
  /** Of a frozen encoder whose maps are kept: what it takes for all of them, and for one pass over training and validation images. */
  readonly encoderSeconds?: { readonly maps: number; readonly pass: number };
}

/** What a kind of data brings to the training. */
interface Task<B extends Batch & Targets & { readonly images: Tensor4D }> {
  /** Images of each split. */
  readonly count: number;
  readonly loss: LossFunction;
  /** By name, the sum over the images of a batch. */
  readonly measures: Readonly<Record<string, (output: Tensor, batch: B) => LossOutput['loss']>>;
  readonly select: string;
  /** What validation gives beside the measures. */
  readonly otherMetrics: readonly string[];
  readonly encoderSeconds?: TrainedNetwork['encoderSeconds'];
  /** Of the images, where it is known beforehand. */
  readonly size?: TrainingStream['size'];
  batches(epoch: number): Iterable<B> | AsyncIterable<B>;
  validate(parameters: Parameters, signal?: AbortSignal): Promise<Validation>;
}

/**
 * Trains a network, or continues from its last checkpoint. The same seed gives the same result, bit for bit on a CPU, also where it was
 * continued.
 * @throws UserError where a setting is unknown or out of range, nothing is trainable, a split is empty, or the loss stays infinite
 */
export async function trainNetwork(
  network: Network,
  data: TrainingData,
  recipe: Recipe,
  controls: TrainingControls = {},
): Promise<TrainedNetwork> {
  checkRecipe(recipe);
  checkSplits(data);
  if ('task' in data) return run(network, recipe, controls, classification(network, data, recipe));
  const { moves = {} } = sortAugmentations(recipe.augment ?? []);
  const isFlipped = moves.horizontalFlip !== undefined || moves.verticalFlip !== undefined;
  let opened: MaskSource;
  try {
    opened = await openMaskSource(network, data, { ...controls, variants: { train: isFlipped ? 4 : 1, val: 1 } });
  } catch (error) {
    // Stopped while the maps of the frozen encoder were computed: those that there are have been kept.
    if (controls.signal?.aborted) return { history: [], best: undefined, stopped: true, seconds: 0 };
    throw error;
  }
  try {
    return await run(network, recipe, controls, segmentation(network, opened, recipe));
  } finally {
    opened.close();
  }
}

async function run<B extends Batch & Targets & { readonly images: Tensor4D }>(
  network: Network,
  recipe: Recipe,
  { onWeights, ...controls }: TrainingControls,
  task: Task<B>,
): Promise<TrainedNetwork> {
  const { epochs, batchSize, seed, frozenBatchNorm = 'evaluation', select = task.select } = recipe;
  const known = ['loss', ...Object.keys(task.measures), ...task.otherMetrics];
  if (!known.includes(select))
    throw new UserError(
      `select is "${select}"${suggestion(select, known) || ','} but this training watches ${known.join(', ')}.`,
    );
  const stepsPerEpoch = batchesPerEpoch(task.count, batchSize);
  const initial = initialParameters(network.table, seed, network.initial);
  const names = trainableNames(initial, network.trainable);
  const frozen = new Set(trainableNames(initial, (name) => !names.includes(name)));
  const parameters: Parameters = { ...inPrecision(initial, recipe.precision), frozen };
  let optimizer: Optimizer | undefined;
  try {
    if (names.length === 0)
      throw new UserError(`Nothing of ${network.name} is trainable: at least one parameter has to be.`);
    const trained = new Set(names);
    const isFrozen = (parameter: string): boolean => frozenBatchNorm === 'evaluation' && !trained.has(parameter);
    checkLastBatch(network, parameters, task, { batchSize, isFrozen });
    const created = createOptimizer(parameters, names, recipe.optimizer, network.layerOf);
    optimizer = created;
    const followed = followSchedule(recipe.schedule, created, { epochs, stepsPerEpoch });
    const fitted = await fit<B>({
      ...controls,
      parameters,
      names,
      optimizer: followed.optimizer,
      learningRate: followed.learningRate,
      epochs,
      select,
      minDelta: recipe.minDelta,
      patience: recipe.patience,
      maxGradientNorm: recipe.maxGradientNorm,
      batchesPerEpoch: stepsPerEpoch,
      batches: (epoch) => task.batches(epoch),
      loss: (batch, scope) => {
        const random = createRandom(seed, 'step', created.steps);
        const output = toPrecision(network.forward(batch.images, withFrozenNorms(scope, isFrozen), random), 'float32');
        const reported = Object.entries(task.measures).map(
          ([name, measure]) => [name, measure(output, batch)] as const,
        );
        return { loss: task.loss(output, batch), reported: Object.fromEntries(reported) };
      },
      validate: (signal) => task.validate(parameters, signal),
    });
    optimizer.dispose(); // AdamW's slots are twice the weights: room for the test
    optimizer = undefined;
    const { history, best, stopped, seconds } = fitted;
    if (!stopped && best === undefined) {
      fitted.dispose();
      // It would be taken for one that was stopped, for ever.
      throw new UserError(
        `No epoch has a finite ${select} on the validation images, so that none can be selected by it: mend the metric, or take another select.`,
      );
    }
    const outcome: TrainedNetwork = { history, best, stopped, seconds, encoderSeconds: task.encoderSeconds };
    try {
      if (stopped || best === undefined || onWeights === undefined) return outcome;
      fitted.useBest();
      await onWeights(parameters, { which: 'best', epoch: best.epoch });
      if (best.epoch !== history.length) fitted.useLast();
      await onWeights(parameters, { which: 'last', epoch: history.length });
      return outcome;
    } finally {
      fitted.dispose();
    }
  } finally {
    optimizer?.dispose();
    disposeParameters(parameters);
  }
}

/**
 * Tries a batch of one image where the last one is such, before anything is trained.
 * @throws UserError where a batch norm has only one value of each channel then
 */
function checkLastBatch(
  network: Network,
  parameters: Parameters,
  { count, size }: Pick<Task<never>, 'count' | 'size'>,
  { batchSize, isFrozen }: { readonly batchSize: number; isFrozen(parameter: string): boolean },
): void {
  if (size === undefined || count % batchSize !== Math.min(1, batchSize - 1)) return;
  tf.tidy(() => {
    const scope = withFrozenNorms(createScope(readParameters(parameters), true), isFrozen);
    try {
      network.forward(tf.zeros([1, size.height, size.width, 3]), scope, createRandom(0));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      let other = batchSize + 1;
      while (count % other === 1) other++;
      throw new UserError(
        `batchSize is ${batchSize}, and ${count} training images leave one for the last batch. ${error.message} Choose another batchSize, such as ${other}.`,
      );
    }
  });
}

function checkSplits(data: TrainingData): void {
  const empty = (['train', 'val'] as SplitName[]).find((name) => data.splits[name].count === 0);
  if (empty !== undefined) throw new UserError(`There is no ${empty} image: training needs images in train and val.`);
}

type ImageTask = Task<Batch & Targets & { readonly images: Tensor4D }>;

function classification(network: Network, dataset: Dataset, recipe: Recipe): ImageTask {
  const { val } = dataset.splits;
  const classes = dataset.classNames.length;
  // Refuses now, and not after the first epoch, labels of which there is no AUC.
  if (recipe.select === 'auc')
    medmnistAuc({ task: dataset.task, truth: val.labels, scores: new Float64Array(val.count * classes), classes });
  const stream = trainingStream(network, dataset, recipe);
  const ownMeasures = measuresOf(recipe);
  const loss = lossFunction(recipe.loss ?? lossOfTask(dataset.task));
  return {
    count: dataset.splits.train.count,
    loss,
    measures: { accuracy: (output, batch) => sumOfCorrect(dataset.task, output, batch), ...ownMeasures },
    select: 'accuracy',
    otherMetrics: ['auc'],
    size: stream.size,
    batches: (epoch) => stream.batches(epoch),
    validate: (parameters, signal) => {
      const measured: Measured | undefined =
        recipe.loss === undefined && recipe.metrics === undefined ? undefined : { loss, measures: ownMeasures };
      return validateClassifier(parameters, network, dataset, {
        select: recipe.select,
        measured,
        batchSize: recipe.evaluationBatchSize,
        signal,
      });
    },
  };
}

function segmentation(network: Network, { source: sourceOf, maps }: MaskSource, recipe: Recipe): ImageTask {
  const { batchSize, seed, augment = [] } = recipe;
  const { moves = {}, changes, erases, mixes, resizedCrop } = sortAugmentations(augment);
  if (erases.length + mixes.length > 0 || resizedCrop !== undefined)
    throw new UserError(
      'mixup, cutmix, randomErasing and randomResizedCrop are for images with labels: leave them out for masks.',
    );
  const source = sourceOf({ augmentation: moves, changes, seed });
  const loss = lossFunction(recipe.loss ?? binaryCrossEntropy());
  const measures = { dice: sumOfDice, ...measuresOf(recipe) };
  const { train, val } = source.splits;
  return {
    count: train.count,
    loss,
    measures,
    select: 'loss',
    otherMetrics: [],
    encoderSeconds: maps?.seconds({ train: train.count, val: val.count }),
    batches: (epoch) => {
      const order = createRandom(seed, 'shuffle', epoch).permutation(train.count);
      return source.batches('train', { batchSize, order, epoch });
    },
    validate: (parameters, signal) =>
      validateMasks(parameters, network, source, {
        measured: { loss, measures },
        batchSize: recipe.evaluationBatchSize ?? evaluationBatchSize(source.size),
        signal,
      }),
  };
}

function measuresOf({ metrics = [] }: Recipe): Measured['measures'] {
  return Object.fromEntries(
    metrics.map((metric) => [metric.name, (output: Tensor, batch: Targets) => sumOfMetric(metric, output, batch)]),
  );
}
