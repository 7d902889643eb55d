/** The parameters of the notebook on resolution. */
import {
  booleanParameter,
  common,
  integerParameter,
  sizesParameter,
  textParameter,
  weightsParameter,
} from '../runs/parameters';
import { automaticModel } from './transfer-parameters';

export const resolutionNotebook = '04_resolution_study';

/** All that there are, of these or up to a file's own. */
export const automaticSizes = 'auto';

export const resolutionParameterSpecs = {
  dataset: textParameter(
    'Registry name, synthetic-blood, or the path of an .npz file, which is reduced to the sizes',
    { tour: 'synthetic-blood', paper: 'bloodmnist' },
    'a dataset’s name or path',
  ),
  sizes: sizesParameter('Source sizes, in pixels a side; auto is 28,64 in the tour, else 28,64,128,224', {
    tour: automaticSizes,
    paper: automaticSizes,
  }),
  syntheticImages: integerParameter(
    'Training images that synthetic-blood makes',
    { tour: 600, paper: 11959 },
    100,
    11959,
  ),
  weights: weightsParameter,
  model: textParameter(
    'auto (ViT-Tiny and DINOv2-S; in the tour with random weights a small one) or any vision transformer of the registry',
    { tour: automaticModel, paper: automaticModel },
    'auto or a model’s name',
  ),
  cache: booleanParameter('Whether features of frozen networks are kept and used again', { tour: true, paper: true }),
  epochs: integerParameter('Passes over the training images, of the linear heads', { tour: 20, paper: 20 }, 1, 1000),
  cnnEpochs: integerParameter(
    'Passes over the training images, of the ResNet; 0 leaves it out',
    { tour: 4, paper: 20 },
    0,
    1000,
  ),
  ...common,
  // A few hundred images make too few steps of 128.
  batchSize: integerParameter('Images a step', { tour: 32, paper: 128 }, 1, 4096),
};
