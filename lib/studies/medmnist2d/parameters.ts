/** The parameters of the second study's notebook, and the grid that they name. */
import type { Precision } from '../../precisions';
import { join } from 'node:path';
import { z } from 'zod';
import { imageSizes } from '../../data/registry-types';
import { UserError } from '../../errors';
import { outputsDirectory } from '../../paths';
import { arms } from '../../runs/arms';
import {
  booleanParameter,
  choiceParameter,
  common,
  integerParameter,
  textParameter,
  type ParameterSpec,
  type Profile,
  type ResolvedParameters,
} from '../../runs/parameters';
import { allDatasets, findGridData, standIns, type GridDataset, type GridDataSource } from './datasets';
import { gridConfigurations, type GridConfiguration } from './grid';
import { gridAugmentations, gridSchedule, gridSeeds, medmnist2dStudy, networkPairs, resnetWeights } from './study';

export const medmnist2dNotebook = '05_medmnist2d_benchmark';

/** The store of runs of `npm run study -- medmnist2d`. */
export const defaultGridStore = join(outputsDirectory, medmnist2dStudy);

const automatic = 'auto';

type Defaults = Readonly<Record<Profile, string>>;

/** Names with commas between them. */
function listParameter(meaning: string, defaults: Defaults, names: string): ParameterSpec<string> {
  const allowed = `${names}, with commas between them`;
  return { schema: z.string().regex(/^[^,\s]+(,[^,\s]+)*$/), allowed, meaning, defaults };
}

/** Numbers with commas between them, or a word; a single number may come as one. */
function numbersParameter(
  meaning: string,
  defaults: Defaults,
  pattern: RegExp,
  allowed: string,
): ParameterSpec<string | number> {
  return { schema: z.coerce.string().regex(pattern), allowed, meaning, defaults };
}

const decimals = /^(\d+(\.\d+)?(e-?\d+)?)(,\d+(\.\d+)?(e-?\d+)?)*$/;
const byOptimizer = (meaning: string): ParameterSpec<string | number> =>
  numbersParameter(
    meaning,
    { tour: automatic, paper: automatic },
    new RegExp(`^auto$|${decimals.source}`),
    'auto, or a number for each of optimizers, with commas between them',
  );

/** The paper profile is the study's grid; the tour's is made for a minute on two cores. */
export const medmnist2dParameterSpecs = {
  datasets: listParameter(
    'stand-ins (drawn by this project, one of each task), all (of MedMNIST2D), names, or paths of .npz files',
    { tour: standIns, paper: allDatasets },
    'stand-ins, all, names or paths of .npz files',
  ),
  size: choiceParameter('Pixels a side of MedMNIST’s images, as they are read', { tour: 28, paper: 224 }, imageSizes),
  syntheticImages: integerParameter('Training images of synthetic-blood', { tour: 480, paper: 11_959 }, 100, 11_959),
  fractions: numbersParameter(
    'Shares of the training images; each is a run of every cell',
    { tour: '1', paper: '1' },
    decimals,
    'numbers above 0 and at most 1 with commas between them, such as 0.1,0.25,0.5,1',
  ),
  networks: listParameter(
    'Networks; the tour’s are small ones of the same two kinds',
    { tour: Object.values(networkPairs.tour).join(','), paper: Object.values(networkPairs.study).join(',') },
    'names of networks',
  ),
  initializations: listParameter(
    'From ImageNet’s weights (pretrained) or from random ones (scratch)',
    { tour: 'scratch', paper: 'pretrained,scratch' },
    'pretrained, scratch or both',
  ),
  resnetWeights: choiceParameter(
    'Weights of a pretrained ResNet-50: timm’s or torchvision’s',
    { tour: 'resnet50.a1_in1k', paper: 'resnet50.a1_in1k' },
    Object.keys(resnetWeights),
  ),
  optimizers: listParameter('Optimizers', { tour: 'adamw,sgd', paper: 'adamw,sgd' }, 'adamw, sgd or both'),
  learningRates: byOptimizer('Learning rate of each optimizer; auto is the study’s, or that of the tour’s networks'),
  weightDecays: byOptimizer('Weight decay of each optimizer; auto is the study’s'),
  augmentation: choiceParameter(
    'What training images go through',
    { tour: 'crop and flip', paper: 'crop and flip' },
    Object.keys(gridAugmentations),
  ),
  arms: listParameter(
    'How the study did it (as-published), or as it should be (corrected)',
    { tour: [...arms].reverse().join(','), paper: 'corrected' },
    'as-published, corrected or both',
  ),
  seeds: numbersParameter(
    'Seeds of the trainings; each is a run of every cell',
    { tour: '0,1', paper: gridSeeds.join(',') },
    /^\d+(,\d+)*$/,
    'whole numbers with commas between them, such as 0,1,2',
  ),
  epochs: integerParameter(
    'Passes over the training images, at most',
    { tour: 2, paper: gridSchedule.epochs },
    1,
    10_000,
  ),
  batchSize: integerParameter('Images a step', { tour: 24, paper: gridSchedule.batchSize }, 1, 4096),
  patience: integerParameter(
    'Epochs without a better validation AUC that end a training',
    { tour: gridSchedule.patience, paper: gridSchedule.patience },
    1,
    10_000,
  ),
  train: booleanParameter('Whether this notebook does missing runs itself, one after the other', {
    tour: true,
    paper: false,
  }),
  store: textParameter(
    'Folder of the runs; auto is this run’s own in the tour, else that of npm run study -- medmnist2d',
    { tour: automatic, paper: automatic },
    'auto or a folder’s path',
  ),
  resamples: integerParameter('Resamples of each bootstrap interval', { tour: 500, paper: 2000 }, 100, 100_000),
  seed: { ...common.seed, meaning: 'Seed of the bootstrap intervals' },
  precision: common.precision,
};

export type Medmnist2dParameters = ResolvedParameters<typeof medmnist2dParameterSpecs>;

/** The grid of a notebook's parameters, and where its data are. */
export interface GridPlan {
  readonly configurations: readonly GridConfiguration[];
  readonly datasets: readonly GridDataset[];
  readonly source: GridDataSource;
}

type GridSettings = Omit<Medmnist2dParameters, 'profile' | 'store' | 'train' | 'resamples' | 'seed'>;
/** With the precision chosen, where that was left to the machine. */
type ChosenSettings = Omit<GridSettings, 'precision'> & { readonly precision: Precision };

/**
 * Names every run of the grid. Files are opened for it, nothing is downloaded.
 * @throws UserError for a name that is none, a setting out of range or data that cannot be used
 */
export async function planGrid(settings: GridSettings): Promise<GridPlan> {
  const data = await findGridData(settings.datasets, settings);
  const { precision } = settings;
  // TensorFlow is loaded for nothing else here.
  const chosen =
    precision === 'auto' ? (await import('../../tensor/chosen-precision')).choosePrecision(precision) : precision;
  return { ...data, configurations: configurationsOf({ ...settings, precision: chosen }, data.datasets) };
}

/** The runs that parameters name on these datasets. @throws UserError for a name that is none or a setting out of range */
export function configurationsOf(settings: ChosenSettings, datasets: readonly GridDataset[]): GridConfiguration[] {
  const { size, epochs, batchSize, patience, augmentation, resnetWeights: ofResnet } = settings;
  const [networks, initializations, optimizers, chosenArms] = (
    ['networks', 'initializations', 'optimizers', 'arms'] as const
  ).map((name) => settings[name].split(','));
  return gridConfigurations({
    datasets,
    size,
    networks,
    initializations,
    optimizers,
    arms: chosenArms,
    resnetWeights: ofResnet,
    fractions: numbersIn(settings.fractions),
    seeds: numbersIn(settings.seeds),
    schedule: { epochs, batchSize, patience },
    learningRates: numbersOf('learningRates', settings, optimizers),
    weightDecays: numbersOf('weightDecays', settings, optimizers),
    augmentation,
    precision: settings.precision,
  });
}

function numbersIn(text: string | number): number[] {
  return String(text).split(',').map(Number);
}

function numbersOf(
  name: 'learningRates' | 'weightDecays',
  settings: GridSettings,
  optimizers: readonly string[],
): Record<string, number> {
  if (settings[name] === automatic) return {};
  const numbers = numbersIn(settings[name]);
  if (numbers.length !== optimizers.length)
    throw new UserError(
      `${name} has ${numbers.length} numbers, but there are ${optimizers.length} optimizers (${optimizers.join(', ')}): give one for each.`,
    );
  return Object.fromEntries(optimizers.map((optimizer, at) => [optimizer, numbers[at]]));
}

/** The folder of the runs; `directory` is that of the notebook's run. */
export function gridStoreFolder(
  { profile, store }: Pick<Medmnist2dParameters, 'profile' | 'store'>,
  { directory }: { readonly directory: string },
): string {
  if (store !== automatic) return store;
  // Below `checkpoints`: what a command keeps of a run that was not finished, so that it is continued.
  return profile === 'tour' ? join(directory, 'checkpoints', 'runs') : defaultGridStore;
}
