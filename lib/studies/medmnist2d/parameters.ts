/** The parameters of the second study's notebook, and the grid that they name. */
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { Dataset } from '../../data/dataset';
import { openDataset } from '../../data/open';
import { datasetNames } from '../../data/registry';
import { imageSizes } from '../../data/registry-types';
import { syntheticTasks } from '../../data/synthetic-tasks';
import { outputsDirectory } from '../../paths';
import { gridDatasetNames, gridSchedule, gridSeeds, medmnist2dStudy, networkPairs } from '../medmnist2d';
import type { GridDataSource } from './data';
import { gridConfigurations, type GridConfiguration } from './grid';
import { openGridDataset, type GridDataset } from './grid-datasets';
import { booleanParameter, choiceParameter, common, integerParameter, textParameter, type GivenParameters, type ParameterSpec, type ResolvedParameters } from '../../runs/parameters'; // prettier-ignore
import type { NotebookRun } from '../../runs/notebook-run';

export const medmnist2dNotebook = '05_medmnist2d_benchmark';

/** The store of runs of `npm run study -- medmnist2d`. */
export const defaultGridStore = join(outputsDirectory, medmnist2dStudy);

const standIns = 'stand-ins';
const allDatasets = 'all';
export const automaticStore = 'auto';

/** Names with commas between them. */
function listParameter(
  meaning: string,
  defaults: Record<'tour' | 'paper', string>,
  names: string,
): ParameterSpec<string> {
  return {
    schema: z.string().regex(/^[^,\s]+(,[^,\s]+)*$/),
    allowed: `${names}, with commas between them`,
    meaning,
    defaults,
  };
}

const seedsParameter: ParameterSpec<string> = {
  schema: z.coerce.string().regex(/^\d+(,\d+)*$/),
  allowed: 'whole numbers with commas between them, such as 0,1,2',
  meaning: 'Seeds of the trainings; each is a run of every cell',
  defaults: { tour: '0,1', paper: gridSeeds.join(',') },
};

/** The paper profile is the study's grid; the tour's is made for a minute on two cores. */
export const medmnist2dParameterSpecs = {
  datasets: listParameter(
    'stand-ins (drawn by this project, one of each task), all (of MedMNIST2D), names, or paths of .npz files',
    { tour: standIns, paper: allDatasets },
    'stand-ins, all, names or paths of .npz files',
  ),
  size: choiceParameter('Pixels a side of MedMNIST’s images, as they are read', { tour: 28, paper: 224 }, imageSizes),
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
  optimizers: listParameter('Optimizers', { tour: 'adamw,sgd', paper: 'adamw,sgd' }, 'adamw, sgd or both'),
  arms: listParameter('How the study did it (as-published), or as it should be (corrected)', { tour: 'corrected', paper: 'corrected' }, 'as-published, corrected or both'), // prettier-ignore
  seeds: seedsParameter,
  epochs: integerParameter(
    'Passes over the training images, at most',
    { tour: 2, paper: gridSchedule.epochs },
    1,
    10_000,
  ),
  batchSize: integerParameter('Images a step', { tour: 24, paper: gridSchedule.batchSize }, 1, 4096),
  patience: integerParameter('Epochs without a better validation AUC that end a training', { tour: gridSchedule.patience, paper: gridSchedule.patience }, 1, 10_000), // prettier-ignore
  train: booleanParameter('Whether this notebook does missing runs itself, one after the other', {
    tour: true,
    paper: false,
  }),
  store: textParameter(
    'Folder of the runs; auto is this run’s own in the tour, else that of npm run study -- medmnist2d',
    { tour: automaticStore, paper: automaticStore },
    'auto or a folder’s path',
  ),
  resamples: integerParameter('Resamples of each bootstrap interval', { tour: 500, paper: 2000 }, 100, 100_000),
  seed: { ...common.seed, meaning: 'Seed of the bootstrap intervals' },
};

export type Medmnist2dParameters = ResolvedParameters<typeof medmnist2dParameterSpecs>;

/** One seed may come as a number. */
export type GivenMedmnist2dParameters = Omit<GivenParameters<typeof medmnist2dParameterSpecs>, 'seeds'> & {
  readonly seeds?: string | number | undefined;
};

/** The grid of a notebook's parameters, and where its data are. */
export interface GridPlan {
  readonly configurations: readonly GridConfiguration[];
  readonly datasets: readonly GridDataset[];
  readonly source: GridDataSource;
}

/**
 * Names every run of the grid. Files are opened for it, nothing is downloaded.
 * @throws UserError for a name that is none, a setting out of range or a file that cannot be read
 */
export async function planGrid(parameters: Omit<Medmnist2dParameters, 'profile'>): Promise<GridPlan> {
  const { datasets, size, networks, initializations, optimizers, arms, seeds, epochs, batchSize, patience } =
    parameters;
  const files: Record<string, string> = {};
  const named: (string | GridDataset)[] = [];
  for (const name of datasetList(datasets)) {
    if (isName(name)) {
      named.push(name);
      continue;
    }
    const opened: Dataset = await openDataset(name);
    files[opened.name] = name;
    // Whether a mirrored image would carry a wrong label, nobody knows but who made the file.
    named.push(openGridDataset(opened, { horizontalFlip: false }));
    opened.close();
  }
  const configurations = gridConfigurations({
    datasets: named,
    size,
    networks: networks.split(','),
    initializations: initializations.split(','),
    optimizers: optimizers.split(','),
    arms: arms.split(','),
    seeds: seeds.split(',').map(Number),
    schedule: { epochs, batchSize, patience },
  });
  const byName = new Map(configurations.map(({ dataset }) => [dataset.name, dataset]));
  return { configurations, datasets: [...byName.values()], source: { files } };
}

function datasetList(datasets: string): string[] {
  if (datasets === standIns) return Object.keys(syntheticTasks);
  return datasets === allDatasets ? gridDatasetNames() : datasets.split(',');
}

/** A path has a slash or ends as a file does; anything else is a name, be it misspelt. */
function isName(name: string): boolean {
  return datasetNames().includes(name) || !(name.includes('/') || basename(name).endsWith('.npz'));
}

/** The folder of the runs. */
export function gridStoreFolder(
  { profile, store }: Pick<Medmnist2dParameters, 'profile' | 'store'>,
  run: NotebookRun,
): string {
  if (store !== automaticStore) return store;
  // Below `checkpoints`: what a command keeps of a run that was not finished, so that it is continued.
  return profile === 'tour' ? join(run.directory, 'checkpoints', 'runs') : defaultGridStore;
}
