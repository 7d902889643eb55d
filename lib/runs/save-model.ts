/** Keeps a trained network as a model's folder, with what its validation and test images say of it. */
import type { Dataset } from '../data/dataset';
import { UserError } from '../errors';
import { pooledAucInterval } from '../metrics/auc-interval';
import { meanInterval, wilsonInterval, type Interval } from '../metrics/intervals';
import type { Scored } from '../metrics/scores';
import { metricOfImages } from '../metrics/segmentation';
import { fitTemperature } from '../metrics/temperature';
import { initialParameters } from '../models/initial-values';
import type { Network } from '../models/network';
import { specOf } from '../models/network-spec';
import { disposeParameters, type PublishedValues } from '../models/parameters';
import { environment } from '../system';
import { choosePrecision } from '../tensor/chosen-precision';
import { sortAugmentations } from '../training/augmentations';
import { predictLogits } from '../training/predict';
import type { Recipe } from '../training/recipe';
import type { TestResult } from '../training/scored-split';
import type { TrainingData } from '../training/train-network';
import { evaluateClassifier } from './evaluate';
import { evaluateMasks } from './evaluate-masks';
import { identityOf } from './identity';
import {
  writeModel,
  type ModelDescription,
  type ModelFormat,
  type NewModel,
  type SavedModel,
  type SplitFiles,
} from './saved-model';
import { trainedElsewhere, type Run, type TrainedModel } from './train';

export interface SaveOptions {
  /** The selected epoch's weights by default. */
  readonly which?: 'best' | 'last';
  /** `onnx` adds model.onnx. */
  readonly format?: ModelFormat;
  /** A classifier's scores of the test images, where they are known; else it is scored now. */
  readonly test?: TestScores;
  /** Ends between two batches of the scoring: its reason is thrown. */
  readonly signal?: AbortSignal;
}

type TestScores = Pick<TestResult, 'accuracy' | 'macroF1' | 'auc' | 'probabilities'>;

/** A finished training, or a head that was trained on frozen features. */
export interface SavableRun extends Pick<Run, 'model' | 'best' | 'last'> {
  readonly recipe: Pick<Run['recipe'], 'augment'>;
  readonly identity: Pick<Run['identity'], 'recipe'> & Partial<Pick<Run['identity'], 'precision'>>;
}

/** Resamples of an interval. */
const intervals = { seed: 0, resamples: 500 };

/**
 * Writes the model of a finished training: weights, description with recipe, scores and temperature, and card.
 * @param data what it was trained on
 * @throws UserError where the training was stopped, where the network is one of your own or its images are prepared in a way of their own,
 *   and where the folder has something else
 */
export async function saveModel(
  run: SavableRun,
  data: Exclude<TrainingData, { batches: unknown }>,
  directory: string,
  { which = 'best', format = 'safetensors', test, signal }: SaveOptions = {},
): Promise<SavedModel> {
  const trained = run[which];
  if (trained === undefined)
    throw new UserError(
      `The training of ${run.model} was stopped: run its cell again to finish it, then save the model.`,
    );
  const { network, training } = trained;
  const spec = specOf(network);
  if (spec === undefined)
    throw new UserError(
      `${network.name} is a network of your own, which a model's folder cannot describe: its weights are ${training.directory}/${which}.safetensors.`,
    );
  const values = new Map([...(network.frozen?.encoder.weights.values ?? []), ...trained.read()]);
  const measured =
    'task' in data
      ? await measureClassifier(trained, data, test ?? (await evaluateClassifier(trained, data, { signal })), signal)
      : await measureMasks(trained, data, signal);
  const { horizontalFlip, verticalFlip } = sortAugmentations(run.recipe.augment ?? []).moves ?? {};
  const { name, sha256, synthetic, license, splits } = data;
  const model: NewModel = {
    name: network.name,
    ...measured,
    network: spec,
    input: inputOf(trained, data),
    flips: [...(horizontalFlip ? (['horizontal'] as const) : []), ...(verticalFlip ? (['vertical'] as const) : [])],
    precision: spec.family === 'encoder-decoder' ? spec.maps.precision : 'float32',
    recipe: run.identity.recipe as Record<string, unknown>,
    training: {
      id: training.id,
      epoch: trained.epoch,
      which,
      seconds: training.seconds,
      precision: run.identity.precision,
    },
    data: {
      ...{ name, sha256, synthetic, license },
      splits: { train: splits.train.count, val: splits.val.count, test: splits.test.count },
    },
    weights: { origin: { ...network.weights } },
    versions: versions(),
  };
  return writeModel(directory, model, values, [format], filesOf(data));
}

/** A classifier that was trained and tested outside of `trainOnce`. */
export interface TestedNetwork {
  readonly id: string;
  readonly network: Network;
  readonly values: PublishedValues;
  readonly test: TestResult;
  readonly seconds: number;
  readonly recipe: Recipe;
}

/** As `saveModel`, which throws the same. */
export function saveTested(
  { id, network, values, test, seconds, recipe: { precision, ...recipe } }: TestedNetwork,
  data: Dataset,
  directory: string,
  { signal }: Pick<SaveOptions, 'signal'> = {},
): Promise<SavedModel> {
  const { training, ...model } = trainedElsewhere({ network, read: () => values }, directory);
  const best = { ...model, epoch: test.epoch, training: { ...training, id, seconds } };
  const identity = { recipe: identityOf(recipe), precision: choosePrecision(precision) };
  return saveModel({ model: network.name, best, last: best, recipe, identity }, data, directory, { test, signal });
}

/** Undefined for images that are no files: arrays, and those that were drawn. */
export function filesOf({
  splits,
  synthetic,
}: Pick<Exclude<TrainingData, { batches: unknown }>, 'splits' | 'synthetic'>): SplitFiles | undefined {
  if (synthetic) return undefined;
  const files = [splits.train, splits.val, splits.test].map(
    (split) => [split.name, 'ids' in split ? split.ids : split.names] as const,
  );
  const known = files.flatMap(([name, names]) => (names === undefined ? [] : [[name, names] as const]));
  return known.length === files.length ? Object.fromEntries(known) : undefined;
}

function inputOf(
  { network }: TrainedModel,
  data: Exclude<TrainingData, { batches: unknown }>,
): ModelDescription['input'] {
  const { transform, normalization, name } = network;
  if (transform !== undefined && transform.resizing === undefined)
    throw new UserError(
      `${name} takes images by "${transform.key}", which cannot be repeated for files: train with resized images.`,
    );
  const { mean, std } = transform?.normalization ?? normalization;
  return {
    height: data.height,
    width: data.width,
    fit: 'task' in data ? 'cover' : 'stretch',
    ...(transform?.resizing && {
      transform: { height: transform.height, width: transform.width, ...transform.resizing },
    }),
    mean: [...mean],
    std: [...std],
  };
}

type Measured = Pick<NewModel, 'task' | 'classNames' | 'scores' | 'temperature'>;

/** What is said of a classifier whose test images have been scored; its temperature is fitted to the validation images. */
export async function measureClassifier(
  model: Pick<TrainedModel, 'network' | 'read'>,
  data: Dataset,
  { accuracy, macroF1, auc, probabilities }: TestScores,
  signal?: AbortSignal,
): Promise<Measured> {
  const { task, classNames, splits } = data;
  const { labels, count } = splits.test;
  const scored: Scored = { task, truth: labels, scores: probabilities, classes: classNames.length };
  const single = task !== 'multi-label';
  const ofAuc: Record<string, ReturnType<typeof scoreOf>> = auc === undefined || !Number.isFinite(auc)
    ? {}
    : { auc: scoreOf(auc, aucInterval(scored)) };
  return {
    task,
    classNames: [...classNames],
    temperature: await temperatureOf(model, data, signal),
    scores: {
      split: 'test',
      images: count,
      values: {
        accuracy: scoreOf(accuracy, single ? wilsonInterval(Math.round(accuracy * count), count) : undefined),
        macroF1: { value: macroF1 },
        ...ofAuc,
      },
    },
  };
}

/** Of the classes that the test split has, as the AUC itself; undefined where a label is too rare for resampling. */
function aucInterval(scored: Scored): Interval | undefined {
  try {
    return pooledAucInterval([scored], { ...intervals, absentClass: 'skip' });
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** Undefined where the validation images are told apart without an error, so that no temperature is the best. */
async function temperatureOf(
  { network, read }: Pick<TrainedModel, 'network' | 'read'>,
  data: Dataset,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const parameters = initialParameters(network.table, 0, read());
  try {
    const { normalization, transform, forward } = network;
    const logits = await predictLogits(parameters, forward, data, 'val', { normalization, transform, signal });
    const classes = data.task === 'multi-label' ? 1 : data.classNames.length;
    const { temperature, atBound } = fitTemperature({ logits, truth: data.splits.val.labels, classes });
    return atBound ? undefined : temperature;
  } finally {
    disposeParameters(parameters);
  }
}

async function measureMasks(
  trained: TrainedModel,
  data: Exclude<TrainingData, Dataset | { batches: unknown }>,
  signal?: AbortSignal,
): Promise<Measured> {
  const { scores, mean } = await evaluateMasks(trained, data, { signal });
  const of = (metric: 'dice' | 'jaccard') =>
    scoreOf(mean[metric], meanInterval(metricOfImages(scores, metric), intervals));
  return {
    task: 'segmentation',
    classNames: ['mask'],
    scores: { split: 'test', images: scores.length, values: { dice: of('dice'), jaccard: of('jaccard') } },
  };
}

function scoreOf(value: number, interval?: Interval): { value: number; low?: number; high?: number } {
  return interval === undefined || Number.isNaN(interval.low)
    ? { value }
    : { value, low: interval.low, high: interval.high };
}

/** What of the surroundings says how the model came about, without the machine's name. */
export function versions(): Record<string, string> {
  const { project, commit, node, tensorflow, tfjs } = environment();
  return { project, ...(commit === undefined ? {} : { commit }), node, tensorflow, tfjs };
}
