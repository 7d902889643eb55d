/** The parameters of the notebooks that repeat no study: on the vocabulary, a training of seconds, and on this project's own weights. */
import { imageSizes } from '../data/registry-types';
import { choiceParameter, common, integerParameter, numberParameter, textParameter } from '../runs/parameters';
import { resnetParameterSpecs } from './blood-cells/parameters';

export const workbenchNotebook = '00_workbench';

export const workbenchParameterSpecs = {
  ...resnetParameterSpecs,
  syntheticImages: { ...resnetParameterSpecs.syntheticImages, defaults: { tour: 400, paper: 11959 } },
  epochs: integerParameter('Passes over the training images', { tour: 4, paper: 12 }, 1, 1000),
  batchSize: { ...common.batchSize, defaults: { tour: 32, paper: 128 } },
  weightDecay: { ...common.weightDecay, defaults: { tour: 0.01, paper: 0.01 } },
};

export const pretrainingNotebook = '08_dino_pretraining';

export const pretrainingParameterSpecs = {
  dataset: textParameter(
    'Labelled data that features are tried on: registry name, synthetic-blood, or the path of an .npz file',
    { tour: 'synthetic-blood', paper: 'bloodmnist' },
    'a dataset’s name or path',
  ),
  size: choiceParameter('Pixels a side, for datasets that come in several sizes', { tour: 28, paper: 28 }, imageSizes),
  syntheticImages: integerParameter(
    'Training images that synthetic-blood makes',
    { tour: 1200, paper: 11959 },
    800,
    11959,
  ),
  images: integerParameter('Drawn images of an epoch', { tour: 256, paper: 1536 }, 16, 1_000_000),
  epochs: integerParameter('Epochs, each with other drawn images', { tour: 4, paper: 160 }, 2, 10_000),
  batchSize: integerParameter('Images a step', { tour: 32, paper: 64 }, 2, 4096),
  learningRate: numberParameter('Highest learning rate, after the warm-up', { tour: 1e-3, paper: 1e-3 }, 1e-8, 1),
  seed: common.seed,
};
