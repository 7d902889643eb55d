/** The runs of the second study's grid: one configuration each, complete in itself, whose hash is the run's id. */
import type { Precision } from '../../precisions';
import { datasetNames, findDataset } from '../../data/registry';
import { suggestion, UserError } from '../../errors';
import type { PretrainedName } from '../../models/pretrained-records';
import type { Arm } from '../../runs/arms';
import type { Json } from '../../runs/identity';
import { shortHash } from '../../runs/results';
import { namedGridDataset, type GridDataset } from './datasets';
import {
  gridArms,
  gridAugmentations,
  gridDatasetNames,
  gridInitializations,
  gridInputSize,
  gridNetworks,
  gridNormalization,
  gridOptimizers,
  gridSchedule,
  gridSeeds,
  medmnist2dStudy,
  networkPairs,
  resnetWeights,
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
  readonly dataset: GridDataset;
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
  readonly normalization: typeof gridNormalization;
  readonly augmentation: GridAugmentation;
  readonly evaluation: GridEvaluation;
  readonly head: Pick<TaskHead, 'loss' | 'activation'> & { readonly outputs: number };
  /** Of the training; float32 without it. */
  readonly precision?: Precision;
  /** A notebook's own, where it is another than that of these settings. */
  readonly recipe?: Json;
  readonly seed: number;
}

type ByOptimizer = Readonly<Partial<Record<GridOptimizerName, number>>>;

/**
 * Which part of the grid, and with which settings in place of the study's. Everything is the study's by default, of
 * the tour's networks none.
 */
export interface GridOptions {
  /** Names of the registry or of stand-ins (`syntheticTasks`), or any others as they are. */
  readonly datasets?: readonly (string | GridDataset)[];
  /** Pixels a side of registry datasets. */
  readonly size?: number;
  /** Shares of the training images; all, 1, by default. */
  readonly fractions?: readonly number[];
  readonly networks?: readonly string[];
  /** By default those that all of the networks have: there are no pretrained weights of the tour's. */
  readonly initializations?: readonly string[];
  /** Of a pretrained ResNet-50: those of `resnetWeights`, the first by default. */
  readonly resnetWeights?: string;
  readonly optimizers?: readonly string[];
  readonly arms?: readonly string[];
  readonly seeds?: readonly number[];
  readonly schedule?: Partial<GridSchedule>;
  /** In place of the study's, and of the tour's networks' own. */
  readonly learningRates?: ByOptimizer;
  readonly weightDecays?: ByOptimizer;
  /** One of `gridAugmentations`; the study's by default. */
  readonly augmentation?: string;
  readonly precision?: Precision;
}

/** The run's id: ten hexadecimal digits. */
export function gridRunId(configuration: GridConfiguration): string {
  return shortHash(configuration);
}

/**
 * The runs, so that an unfinished grid is of use: all settings of one seed come before the next seed, and within it datasets with few
 * training images first. By default the study's 480, corrected.
 * @throws UserError for an unknown name, with the nearest one, and for a setting out of range
 */
export function gridConfigurations(options: GridOptions = {}): GridConfiguration[] {
  const { size = gridInputSize, seeds = gridSeeds, fractions = [1] } = options;
  const datasets = (options.datasets ?? gridDatasetNames()).map((given) =>
    typeof given === 'string' ? namedGridDataset(given, size) : given,
  );
  const networks = chosen('network', options.networks ?? Object.values(networkPairs.study), gridNetworks);
  const initializations = chosenInitializations(networks, options.initializations);
  const optimizers = chosen('optimizer', options.optimizers, gridOptimizers);
  const chosenArms = chosen('arm', options.arms ?? ['corrected'], gridArms);
  const [augmentation] = chosen('augmentation', [options.augmentation ?? 'crop and flip'], gridAugmentations);
  const [ofResnet] = chosen('weights', [options.resnetWeights ?? gridNetworks.resnet50.pretrained], resnetWeights);
  const shared: SharedSettings = {
    schedule: checkedSchedule(options.schedule),
    learningRates: checkedByOptimizer('learning rate', options.learningRates),
    weightDecays: checkedByOptimizer('weight decay', options.weightDecays),
    augmentation,
    resnetWeights: ofResnet,
    precision: options.precision,
  };
  checkAxis(
    'Seeds',
    seeds,
    (seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31,
    `a whole number from 0 to ${2 ** 31 - 1}`,
  );
  checkAxis('Fractions', fractions, (fraction) => fraction > 0 && fraction <= 1, 'above 0 and at most 1');
  // Of others the number is not known here, and NaN would not sort: they come first.
  const trainImages = ({ name }: GridDataset): number =>
    datasetNames().includes(name) ? findDataset(name).splits.train : 0;
  const bySize = [...datasets].sort((a, b) => trainImages(a) - trainImages(b));
  const choices = product({
    seed: seeds,
    dataset: bySize,
    arm: chosenArms,
    fraction: fractions,
    network: networks,
    initialization: initializations,
    optimizer: optimizers,
  });
  return choices.map((choice) => configurationOf(choice, shared));
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
  readonly dataset: GridDataset;
  readonly arm: Arm;
  readonly fraction: number;
  readonly network: GridNetworkName;
  readonly initialization: GridInitialization;
  readonly optimizer: GridOptimizerName;
}

interface SharedSettings {
  readonly schedule: GridSchedule;
  readonly learningRates: ByOptimizer;
  readonly weightDecays: ByOptimizer;
  readonly augmentation: keyof typeof gridAugmentations;
  readonly resnetWeights: PretrainedName;
  readonly precision: Precision | undefined;
}

function configurationOf(
  { dataset, arm, fraction, network, initialization, optimizer, seed }: Choice,
  { schedule, learningRates, weightDecays, augmentation, resnetWeights: ofResnet, precision }: SharedSettings,
): GridConfiguration {
  const { evaluation, horizontalFlip } = gridArms[arm];
  const { loss, activation } = taskHeads[dataset.task];
  const { inputSize, pretrained, stochasticDepth, learningRates: ofNetwork }: GridNetwork = gridNetworks[network];
  const settings = gridOptimizers[optimizer];
  const { flips, ...window } = gridAugmentations[augmentation];
  return {
    study: medmnist2dStudy,
    arm,
    dataset,
    ...(fraction < 1 && { fraction }),
    network,
    initialization,
    stochasticDepth,
    weights: initialization === 'scratch' ? 'random' : network === 'resnet50' ? ofResnet : (pretrained ?? 'random'),
    optimizer: {
      ...settings,
      learningRate: learningRates[optimizer] ?? ofNetwork?.[optimizer] ?? settings.learningRate,
      weightDecay: weightDecays[optimizer] ?? settings.weightDecay,
    },
    schedule,
    inputSize,
    normalization: gridNormalization,
    augmentation: { ...window, horizontalFlip: flips && (horizontalFlip === 'always' || dataset.horizontalFlip) },
    evaluation,
    head: { loss, activation, outputs: dataset.classes },
    ...(precision === 'bfloat16' && { precision }),
    seed,
  };
}

/** The names given, or all of a table. @throws UserError with the nearest known one */
function chosen<K extends string>(what: string, given: readonly string[] | undefined, table: Record<K, unknown>): K[] {
  const names = Object.keys(table) as K[];
  if (given === undefined) return names;
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
function chosenInitializations(
  networks: readonly GridNetworkName[],
  given: readonly string[] | undefined,
): GridInitialization[] {
  const random = networks.find((network) => gridNetworks[network].pretrained === undefined);
  if (random === undefined) return chosen('initialization', given, gridInitializations);
  const initializations = chosen('initialization', given ?? ['scratch'], gridInitializations);
  if (!initializations.includes('pretrained')) return initializations;
  throw new UserError(
    `There are no pretrained weights of ${random}: set initializations to scratch, or another network.`,
  );
}

/** Fewer epochs have a warm-up of the same share, unless one is given. */
function checkedSchedule(given: Partial<GridSchedule> = {}): GridSchedule {
  const share = gridSchedule.warmupEpochs / gridSchedule.epochs;
  const schedule: GridSchedule = {
    ...gridSchedule,
    warmupEpochs: Math.round(share * (given.epochs ?? gridSchedule.epochs)),
    ...given,
  };
  const { epochs, warmupEpochs, batchSize, patience, minDelta } = schedule;
  for (const [name, value, least] of [
    ['epochs', epochs, 1],
    ['warmupEpochs', warmupEpochs, 0],
    ['batchSize', batchSize, 1],
    ['patience', patience, 1],
  ] as const) {
    if (!(Number.isInteger(value) && value >= least)) {
      throw new UserError(`${name} is ${value}, but must be a whole number of at least ${least}.`);
    }
  }
  if (warmupEpochs >= epochs) {
    throw new UserError(`A warm-up of ${warmupEpochs} epochs does not fit into ${epochs}: it has to end before.`);
  }
  if (!(minDelta >= 0)) throw new UserError(`minDelta is ${minDelta}, but must be 0 or more.`);
  return schedule;
}

/** One value for each optimizer, where it is another than the grid's. */
function checkedByOptimizer(what: string, given: ByOptimizer = {}): ByOptimizer {
  chosen('optimizer', Object.keys(given), gridOptimizers);
  for (const [name, value] of Object.entries(given))
    if (!(value >= 0 && value < Infinity) || (what === 'learning rate' && value === 0))
      throw new UserError(`The ${what} of ${name} is ${value}, but must be a number above 0.`);
  return given;
}

/** Each once, as `isAllowed` has them. */
function checkAxis<T>(what: string, values: readonly T[], isAllowed: (value: T) => boolean, allowed: string): void {
  const wrong = values.find((value) => !isAllowed(value));
  if (wrong !== undefined) throw new UserError(`${what} are ${values.join(', ')}, but each must be ${allowed}.`);
  if (new Set(values).size < values.length)
    throw new UserError(`${what} are ${values.join(', ')}, but each may be there once only.`);
}
