/** The runs of the second study's grid: one configuration each, complete in itself, whose hash is the run's id. */
import { datasetNames, findDataset } from '../../data/registry';
import type { Arm } from '../../runs/arms';
import {
  checkedLearningRates,
  checkedSchedule,
  checkSeeds,
  chosen,
  chosenInitializations,
  type LearningRates,
} from './checks';
import { namedGridDataset, type GridDataset } from './grid-datasets';
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
import { shortHash } from '../../runs/results';

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
  // Of others the number is not known here, and NaN would not sort: they come first.
  const trainImages = ({ name }: GridDataset): number => (datasetNames().includes(name) ? findDataset(name).splits.train : 0); // prettier-ignore
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
