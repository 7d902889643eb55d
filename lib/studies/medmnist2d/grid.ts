/** The runs of the second study's grid: one configuration each, complete in itself, whose hash is the run's id. */
import type { Precision } from '../../precisions';
import { imagenetNormalization, type Normalization } from '../../data/normalization';
import type { Dataset, SplitName } from '../../data/dataset';
import { datasetNames, findDataset } from '../../data/registry';
import { suggestion, UserError } from '../../errors';
import { areaUnderRocPerClass } from '../../metrics/auc';
import type { Arm } from '../../runs/arms';
import type { Json } from '../../runs/identity';
import { numbersIn } from '../../runs/parameters';
import { findDatasets, type DatasetReference, type DatasetSource } from '../../data/dataset-references';
import { automatic, type Medmnist2dParameters } from './parameters';
import {
  gridArms,
  gridAugmentations,
  gridInitializations,
  gridNetworks,
  gridOptimizers,
  gridSchedule,
  medmnist2dStudy,
  taskHeads,
  type GridAugmentation,
  type GridEvaluation,
  type GridInitialization,
  type GridNetwork,
  type GridNetworkName,
  type GridOptimizer,
  type GridOptimizerName,
  type GridSchedule,
  type TaskHead,
} from './study';

/** Everything that a run's result depends on, but for the code. */
export interface GridConfiguration {
  readonly study: typeof medmnist2dStudy;
  readonly arm: Arm;
  readonly dataset: DatasetReference;
  /** Share of the training images; all of them without it. */
  readonly fraction?: number;
  readonly network: GridNetworkName;
  readonly stochasticDepth: number;
  readonly initialization: GridInitialization;
  /** Full name of the pretrained weights, or `random`. */
  readonly weights: string;
  readonly optimizer: GridOptimizer;
  readonly schedule: GridSchedule;
  readonly inputSize: number;
  /** Grey images are repeated in three channels. */
  readonly normalization: Normalization;
  readonly augmentation: GridAugmentation;
  readonly evaluation: GridEvaluation;
  readonly head: Pick<TaskHead, 'loss' | 'activation'> & { readonly outputs: number };
  /** Of the training; float32 without it. */
  readonly precision?: Precision;
  /** A notebook's own, where it is another than that of these settings. */
  readonly recipe?: Json;
  readonly seed: number;
}

/** What of the parameters names the runs; with the precision chosen, where that was left to the machine. */
export type GridSettings = Omit<Medmnist2dParameters, 'precision'> & { readonly precision: Precision };

/**
 * The runs that parameters name on these datasets, so that an unfinished grid is of use: all settings of one seed come before the next
 * seed, and within it datasets with few training images first.
 * @throws UserError for an unknown name, with the nearest one, and for a setting out of range
 */
export function configurationsOf(settings: GridSettings, datasets: readonly DatasetReference[]): GridConfiguration[] {
  const networks = chosen('network', settings.networks, gridNetworks);
  const optimizers = chosen('optimizer', settings.optimizers, gridOptimizers);
  // Of others the number is not known here, and NaN would not sort: they come first.
  const trainImages = ({ name }: DatasetReference): number =>
    datasetNames().includes(name) ? findDataset(name).splits.train : 0;
  const choices = product({
    seed: eachOnce('Seeds', numbersIn(settings.seeds)),
    dataset: [...datasets].sort((a, b) => trainImages(a) - trainImages(b)),
    arm: chosen('arm', settings.arms, gridArms),
    fraction: eachOnce('Fractions', numbersIn(settings.fractions)),
    network: networks,
    initialization: chosenInitializations(networks, settings.initializations),
    optimizer: optimizers,
  });
  const [augmentation] = chosen('augmentation', settings.augmentation, gridAugmentations);
  const learningRates = byOptimizer('learningRates', settings, optimizers);
  const weightDecays = byOptimizer('weightDecays', settings, optimizers);
  return choices.map((choice) => configurationOf(choice, { ...settings, augmentation, learningRates, weightDecays }));
}

/** The grid of parameters, and where its data are. */
export interface GridPlan {
  readonly configurations: readonly GridConfiguration[];
  readonly datasets: readonly DatasetReference[];
  readonly source: DatasetSource;
}

/** What the parameters name. Files are opened for it and closed again, nothing is downloaded. */
export function findGridData({ datasets, size, syntheticImages }: Medmnist2dParameters) {
  return findDatasets(datasets, { size, syntheticImages, check: checkGridSplits });
}

/**
 * Names every run of the grid. Files are opened for it, nothing is downloaded.
 * @throws UserError for a name that is none, a setting out of range or data that cannot be used
 */
export async function planGrid(settings: Medmnist2dParameters): Promise<GridPlan> {
  const data = await findGridData(settings);
  const { precision } = settings;
  // TensorFlow is loaded for nothing else here.
  const chosen =
    precision === 'auto' ? (await import('../../tensor/chosen-precision')).choosePrecision(precision) : precision;
  return { ...data, configurations: configurationsOf({ ...settings, precision: chosen }, data.datasets) };
}

type ByOptimizer = Readonly<Partial<Record<GridOptimizerName, number>>>;

/** Of the parameter `name`, one for each optimizer; empty for `auto`. */
function byOptimizer(
  name: 'learningRates' | 'weightDecays',
  settings: GridSettings,
  optimizers: readonly GridOptimizerName[],
): ByOptimizer {
  if (settings[name] === automatic) return {};
  const numbers = numbersIn(settings[name]);
  if (numbers.length !== optimizers.length)
    throw new UserError(
      `${name} has ${numbers.length} numbers, but there are ${optimizers.length} optimizers (${optimizers.join(', ')}): give one for each.`,
    );
  return Object.fromEntries(optimizers.map((optimizer, at) => [optimizer, numbers[at]]));
}

/** Every combination of the values, the first name's changing slowest. */
function product<T extends object>(axes: { readonly [K in keyof T]: readonly T[K][] }): T[] {
  return (Object.keys(axes) as (keyof T)[]).reduce<Partial<T>[]>(
    (some, axis) => some.flatMap((one) => axes[axis].map((value) => ({ ...one, [axis]: value }))),
    [{}],
  ) as T[];
}

interface Choice {
  readonly seed: number;
  readonly dataset: DatasetReference;
  readonly arm: Arm;
  readonly fraction: number;
  readonly network: GridNetworkName;
  readonly initialization: GridInitialization;
  readonly optimizer: GridOptimizerName;
}

interface SharedSettings extends Pick<
  GridSettings,
  'epochs' | 'batchSize' | 'patience' | 'resnetWeights' | 'precision'
> {
  readonly augmentation: keyof typeof gridAugmentations;
  readonly learningRates: ByOptimizer;
  readonly weightDecays: ByOptimizer;
}

/** Fewer epochs have a warm-up of the same share. */
const warmupShare = gridSchedule.warmupEpochs / gridSchedule.epochs;

function configurationOf(
  { dataset, arm, fraction, network, initialization, optimizer, seed }: Choice,
  { epochs, batchSize, patience, learningRates, weightDecays, augmentation, resnetWeights, precision }: SharedSettings,
): GridConfiguration {
  const { evaluation, horizontalFlip } = gridArms[arm];
  const { loss, activation } = taskHeads[dataset.task];
  const { inputSize, pretrained, stochasticDepth, learningRates: ofNetwork }: GridNetwork = gridNetworks[network];
  const settings = gridOptimizers[optimizer];
  const { flips, ...window } = gridAugmentations[augmentation];
  const published = network === 'resnet50' ? resnetWeights : pretrained;
  return {
    study: medmnist2dStudy,
    arm,
    dataset,
    ...(fraction < 1 && { fraction }),
    network,
    initialization,
    stochasticDepth,
    weights: initialization === 'scratch' ? 'random' : (published ?? 'random'),
    optimizer: {
      ...settings,
      learningRate: learningRates[optimizer] ?? ofNetwork?.[optimizer] ?? settings.learningRate,
      weightDecay: weightDecays[optimizer] ?? settings.weightDecay,
    },
    schedule: { ...gridSchedule, epochs, warmupEpochs: Math.round(warmupShare * epochs), batchSize, patience },
    inputSize,
    normalization: imagenetNormalization,
    augmentation: { ...window, horizontalFlip: flips && (horizontalFlip === 'always' || dataset.horizontalFlip) },
    evaluation,
    head: { loss, activation, outputs: dataset.classes },
    ...(precision === 'bfloat16' && { precision }),
    seed,
  };
}

/** The names of a list. @throws UserError with the nearest known one */
function chosen<K extends string>(what: string, list: string, table: Record<K, unknown>): K[] {
  const [names, given] = [Object.keys(table) as K[], list.split(',')];
  const twice = given.find((name, at) => given.indexOf(name) !== at);
  if (twice !== undefined)
    throw new UserError(`The ${what} "${twice}" is named twice, but each may be there once only.`);
  return given.map((name) => {
    const known = names.find((candidate) => candidate === name);
    if (known !== undefined) return known;
    throw new UserError(
      `There is no ${what} "${name}" in this grid${suggestion(name, names) || '.'} Known are ${names.join(', ')}.`,
    );
  });
}

/** @throws UserError where pretrained weights are asked for of a network that has none */
function chosenInitializations(networks: readonly GridNetworkName[], list: string): GridInitialization[] {
  const initializations = chosen('initialization', list, gridInitializations);
  const random = networks.find((network) => gridNetworks[network].pretrained === undefined);
  if (random === undefined || !initializations.includes('pretrained')) return initializations;
  throw new UserError(
    `There are no pretrained weights of ${random}: set initializations to scratch, or another network.`,
  );
}

function eachOnce(what: string, values: readonly number[]): readonly number[] {
  if (new Set(values).size === values.length) return values;
  throw new UserError(`${what} are ${values.join(', ')}, but each may be there once only.`);
}

/**
 * Refuses, before hours of training, splits of which the evaluator has no AUC.
 * @throws UserError that names the classes
 */
export function checkGridSplits({ title, task, classNames, splits }: Dataset): void {
  const classes = classNames.length;
  for (const name of ['val', 'test'] satisfies SplitName[]) {
    const { labels, count } = splits[name];
    const scores = new Float64Array(count * classes);
    const areas = areaUnderRocPerClass({ task, truth: labels, scores, classes });
    const without = [...areas.keys()].filter((index) => Number.isNaN(areas[index]));
    if (without.length === 0) continue;
    const names = task === 'binary-class' ? classNames : without.map((index) => classNames[index]);
    throw new UserError(
      `The AUC of ${title} is undefined on its ${name} split, where none or all of the images have ${names.join(' or ')}: use another split.`,
    );
  }
}
