/** The runs of the second study's grid: one configuration each, complete in itself, whose hash is the run's id. */
import type { Dataset, Task } from '../../data/dataset';
import { datasetFile, findDataset } from '../../data/registry';
import { imageSizes, type PublishedScore } from '../../data/registry-types';
import { isSyntheticTask, openSyntheticTask } from '../../data/synthetic-tasks';
import type { Schedule } from '../../training/schedules';
import type { Arm } from '../arms';
import {
  checkedLearningRates,
  checkedSchedule,
  checkSeeds,
  chosen,
  chosenInitializations,
  type LearningRates,
} from './checks';
import {
  gridArms,
  gridInputSize,
  gridNetworks,
  gridNormalization,
  gridOptimizers,
  gridSeeds,
  gridDatasetNames,
  medmnist2dStudy,
  networkPairs,
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
} from '../medmnist2d';
import { shortHash } from '../results';

/** What the grid has to know of a dataset. */
export interface GridDataset {
  /** Registry name, `synthetic-blood`, or the file's name. */
  readonly name: string;
  /** Pixels a side of its images. */
  readonly size: number;
  /** MD5 of the registry's file, or SHA-256 of the data. */
  readonly hash: string;
  readonly task: Task;
  readonly classes: number;
  /** False where a mirrored image would carry a wrong label. */
  readonly horizontalFlip: boolean;
}

/** Everything that a run's result depends on, but for the code. */
export interface GridConfiguration {
  readonly study: typeof medmnist2dStudy;
  readonly arm: Arm;
  readonly dataset: GridDataset;
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
  readonly seed: number;
}

/** Which part of the grid, and with which settings in place of the study's. Everything is the study's by default, of the tour's networks none. */
export interface GridOptions {
  /** Names of the registry or of stand-ins (`syntheticTasks`), or any others as they are. */
  readonly datasets?: readonly (string | GridDataset)[];
  /** Pixels a side of registry datasets. */
  readonly size?: number;
  readonly networks?: readonly string[];
  /** By default those that all of the networks have: there are no pretrained weights of the tour's. */
  readonly initializations?: readonly string[];
  readonly optimizers?: readonly string[];
  readonly arms?: readonly string[];
  readonly seeds?: readonly number[];
  readonly schedule?: Partial<GridSchedule>;
  /** In place of the study's, and of the tour's networks' own. */
  readonly learningRates?: LearningRates;
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
  const { size = gridInputSize, seeds = gridSeeds } = options;
  const datasets = (options.datasets ?? gridDatasetNames()).map((given) =>
    typeof given === 'string' ? namedGridDataset(given, size) : given,
  );
  const networks = chosen('network', options.networks ?? Object.values(networkPairs.study), gridNetworks);
  const initializations = chosenInitializations(networks, options.initializations);
  const optimizers = chosen('optimizer', options.optimizers, gridOptimizers);
  const chosenArms = options.arms === undefined ? (['corrected'] as const) : chosen('arm', options.arms, gridArms);
  const schedule = checkedSchedule(options.schedule);
  const learningRates = checkedLearningRates(options.learningRates);
  checkSeeds(seeds);
  const bySize = [...datasets].sort((a, b) => trainImages(a) - trainImages(b));
  return seeds.flatMap((seed) =>
    bySize.flatMap((dataset) =>
      chosenArms.flatMap((arm) =>
        networks.flatMap((network) =>
          initializations.flatMap((initialization) =>
            optimizers.map((optimizer) =>
              configurationOf({ dataset, arm, network, initialization, optimizer, schedule, learningRates, seed }),
            ),
          ),
        ),
      ),
    ),
  );
}

interface Choice {
  readonly dataset: GridDataset;
  readonly arm: Arm;
  readonly network: GridNetworkName;
  readonly initialization: GridInitialization;
  readonly optimizer: GridOptimizerName;
  readonly schedule: GridSchedule;
  readonly learningRates: LearningRates;
  readonly seed: number;
}

function configurationOf({
  dataset,
  arm,
  network,
  initialization,
  optimizer,
  schedule,
  learningRates,
  seed,
}: Choice): GridConfiguration {
  const { evaluation, horizontalFlip } = gridArms[arm];
  const { loss, activation } = taskHeads[dataset.task];
  const { inputSize, pretrained, stochasticDepth, learningRates: ofNetwork }: GridNetwork = gridNetworks[network];
  const settings = gridOptimizers[optimizer];
  const learningRate = learningRates[optimizer] ?? ofNetwork?.[optimizer] ?? settings.learningRate;
  return {
    study: medmnist2dStudy,
    arm,
    dataset,
    network,
    initialization,
    stochasticDepth,
    weights: initialization === 'pretrained' && pretrained !== undefined ? pretrained : 'random',
    optimizer: { ...settings, learningRate },
    schedule,
    inputSize,
    normalization: gridNormalization,
    augmentation: {
      scale: [0.8, 1],
      ratio: [3 / 4, 4 / 3],
      interpolation: 'bicubic',
      horizontalFlip: horizontalFlip === 'always' || dataset.horizontalFlip,
    },
    evaluation,
    head: { loss, activation, outputs: dataset.classes },
    seed,
  };
}

/** A dataset of the registry, without opening it. @throws UserError for an unknown name or size */
export function registryGridDataset(name: string, size: number): GridDataset {
  const record = findDataset(name);
  const { task, horizontalFlip, classNames } = record;
  return { name, size, hash: datasetFile(record, size).md5, task, classes: classNames.length, horizontalFlip };
}

/** A stand-in at its own size, or a dataset of the registry. */
function namedGridDataset(name: string, size: number): GridDataset {
  return isSyntheticTask(name)
    ? openGridDataset(openSyntheticTask(name), { horizontalFlip: true })
    : registryGridDataset(name, size);
}

/** A dataset that is open: the registry's facts where it is one of its, else as it is, mirrored only where the caller says so. */
export function openGridDataset(dataset: Dataset, { horizontalFlip }: { horizontalFlip: boolean }): GridDataset {
  const { name, height: size, sha256: hash, task, classNames } = dataset;
  const known = gridDatasetNames().includes(name);
  if (known && (imageSizes as readonly number[]).includes(size)) return registryGridDataset(name, size);
  return { name, size, hash, task, classes: classNames.length, horizontalFlip };
}

/** The published test scores of the ResNet-50 that MedMNIST trained from scratch; undefined for other datasets and sizes. */
export function publishedTarget({ name, size }: Pick<GridDataset, 'name' | 'size'>): PublishedScore | undefined {
  if (!gridDatasetNames().includes(name)) return undefined;
  return findDataset(name).published.find((score) => score.model === 'ResNet-50' && score.size === size);
}

/** The learning rate of each epoch, counted from 0: the study's LambdaLR, which reaches the full rate in the last epoch of the warm-up. */
export function gridLearningRate(
  { epochs, warmupEpochs }: Pick<GridSchedule, 'epochs' | 'warmupEpochs'>,
  learningRate: number,
): Schedule {
  const factor = (epoch: number): number =>
    epoch < warmupEpochs
      ? (epoch + 1) / warmupEpochs
      : 0.5 * (1 + Math.cos((Math.PI * (epoch - warmupEpochs)) / Math.max(1, epochs - warmupEpochs)));
  return (epoch) => learningRate * factor(epoch);
}

/**
 * Which epoch's weights are tested, counted from 1, and whether the training is over. `validationAucs`: one an epoch so far. An epoch is
 * selected where it is better by more than `minDelta` than the selected one before it.
 */
export function selectedEpoch(
  validationAucs: readonly number[],
  { epochs, patience, minDelta }: Pick<GridSchedule, 'epochs' | 'patience' | 'minDelta'>,
): { readonly epoch: number | undefined; readonly finished: boolean } {
  let epoch: number | undefined;
  let best = -1;
  let bad = 0;
  for (let index = 0; index < validationAucs.length && bad < patience; index++) {
    if (validationAucs[index] > best + minDelta) {
      best = validationAucs[index];
      epoch = index + 1;
      bad = 0;
    } else bad++;
  }
  return { epoch, finished: bad >= patience || validationAucs.length >= epochs };
}

/** One row a dataset: its task, what is learnt of it, whether it is mirrored in each arm, and the target. */
export function describeGridDatasets(datasets: readonly GridDataset[]) {
  return datasets.map((dataset) => {
    const target = publishedTarget(dataset);
    return {
      dataset: dataset.name,
      task: dataset.task,
      outputs: dataset.classes,
      loss: taskHeads[dataset.task].loss,
      trainImages: trainImages(dataset),
      mirroredAsPublished: true,
      mirroredCorrected: dataset.horizontalFlip,
      targetAuc: target?.auc ?? NaN,
      targetAccuracy: target?.accuracy ?? NaN,
    };
  });
}

/** NaN would not sort: datasets of unknown size come first. */
function trainImages({ name }: GridDataset): number {
  return gridDatasetNames().includes(name) ? findDataset(name).splits.train : 0;
}
