/** The parameters of the second study's notebook, and the grid that they name. */
import { join } from 'node:path';
import { imageSizes } from '../../data/registry-types';
import { outputsDirectory } from '../../paths';
import { arms } from '../../runs/arms';
import {
  booleanParameter,
  choiceParameter,
  common,
  integerParameter,
  listParameter,
  numbersParameter,
  ownImages,
  textParameter,
  type ParameterSpec,
  type ResolvedParameters,
} from '../../runs/parameters';
import { allDatasets, standIns } from '../../data/dataset-references';
import { gridAugmentations, gridSchedule, gridSeeds, medmnist2dStudy, networkPairs, resnetWeights } from './study';

/** The store of runs of `npm run study -- medmnist2d`. */
export const defaultGridStore = join(outputsDirectory, medmnist2dStudy);

export const automatic = 'auto';

const byOptimizer = (meaning: string, { mayBeZero = false } = {}): ParameterSpec<string | number> =>
  numbersParameter(meaning, automatic, {
    allowed: 'auto, or a number for each of optimizers, with commas between them',
    isAllowed: (number) => number > 0 || mayBeZero,
    word: automatic,
  });

/** The paper profile is the study's grid; the tour's is made for a minute on two cores. */
export const medmnist2dParameterSpecs = {
  datasets: listParameter(
    'stand-ins (drawn by this project, one of each task), all (of MedMNIST2D), names, or paths of folders, tables or .npz files',
    { tour: standIns, paper: allDatasets },
    'stand-ins, all, names or paths of folders, tables or .npz files',
  ),
  size: choiceParameter('Pixels a side of MedMNIST’s images, as they are read', { tour: 28, paper: 224 }, imageSizes),
  syntheticImages: integerParameter('Training images of synthetic-blood', { tour: 480, paper: 11_959 }, 100, 11_959),
  fractions: numbersParameter('Shares of the training images; each is a run of every cell', '1', {
    allowed: 'numbers above 0 and at most 1 with commas between them, such as 0.1,0.25,0.5,1',
    isAllowed: (fraction) => fraction > 0 && fraction <= 1,
  }),
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
    'resnet50.a1_in1k',
    Object.keys(resnetWeights),
  ),
  optimizers: listParameter('Optimizers', 'adamw,sgd', 'adamw, sgd or both'),
  learningRates: byOptimizer('Learning rate of each optimizer; auto is the study’s, or that of the tour’s networks'),
  weightDecays: byOptimizer('Weight decay of each optimizer; auto is the study’s', { mayBeZero: true }),
  augmentation: choiceParameter('What training images go through', 'crop and flip', Object.keys(gridAugmentations)),
  arms: listParameter(
    'How the study did it (as-published), or as it should be (corrected)',
    { tour: [...arms].reverse().join(','), paper: 'corrected' },
    'as-published, corrected or both',
  ),
  seeds: numbersParameter(
    'Seeds of the trainings; each is a run of every cell',
    { tour: '0,1', paper: gridSeeds.join(',') },
    {
      allowed: 'whole numbers with commas between them, such as 0,1,2',
      isAllowed: (seed) => Number.isInteger(seed) && seed < 2 ** 31,
    },
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
    gridSchedule.patience,
    1,
    10_000,
  ),
  train: booleanParameter('Whether this notebook does missing runs itself, one after the other', {
    tour: true,
    paper: false,
  }),
  store: textParameter(
    'Folder of the runs; auto is this run’s own in the tour, else that of npm run study -- medmnist2d',
    automatic,
    'auto or a folder’s path',
  ),
  resamples: integerParameter('Resamples of each bootstrap interval', { tour: 500, paper: 2000 }, 100, 100_000),
  seed: { ...common.seed, meaning: 'Seed of the bootstrap intervals' },
  precision: common.precision,
  keepModel: ownImages.keepModel,
};

export type Medmnist2dParameters = ResolvedParameters<typeof medmnist2dParameterSpecs>;

/** The folder of the runs; `directory` is that of the notebook's run. */
export function gridStoreFolder(
  { profile, store }: Pick<Medmnist2dParameters, 'profile' | 'store'>,
  { directory }: { readonly directory: string },
): string {
  if (store !== automatic) return store;
  // Below `checkpoints`: what a command keeps of a run that was not finished, so that it is continued.
  return profile === 'tour' ? join(directory, 'checkpoints', 'runs') : defaultGridStore;
}
