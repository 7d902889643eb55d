/** The parameters of the notebook on the first part of the first study. */
import { imageSizes } from '../data/registry-types';
import { booleanParameter, choiceParameter, common, integerParameter, textParameter } from '../runs/parameters';

export const resnetNotebook = '01_resnet_from_scratch';

/** Defaults are the study's but for the data of the tour and its six epochs. */
export const resnetParameterSpecs = {
  dataset: textParameter(
    'Registry name, synthetic-blood, or the path of an .npz file',
    { tour: 'synthetic-blood', paper: 'bloodmnist' },
    'a dataset’s name or path',
  ),
  size: choiceParameter('Pixels a side, for datasets that come in several sizes', { tour: 28, paper: 28 }, imageSizes),
  syntheticImages: integerParameter(
    'Training images that synthetic-blood makes',
    { tour: 3000, paper: 11959 },
    100,
    11959,
  ),
  epochs: integerParameter('Passes over the training images', { tour: 6, paper: 20 }, 1, 1000),
  keepModel: booleanParameter('Keeps the model of each training in a folder that Python opens, too', {
    tour: false,
    paper: false,
  }),
  ...common,
};
