/** The parameters of the notebook on the vocabulary: a small training that takes seconds. */
import { common, integerParameter } from '../runs/parameters';
import { resnetParameterSpecs } from './blood-cells/parameters';

export const workbenchNotebook = '00_workbench';

export const workbenchParameterSpecs = {
  ...resnetParameterSpecs,
  syntheticImages: { ...resnetParameterSpecs.syntheticImages, defaults: { tour: 400, paper: 11959 } },
  epochs: integerParameter('Passes over the training images', { tour: 4, paper: 12 }, 1, 1000),
  batchSize: { ...common.batchSize, defaults: { tour: 32, paper: 128 } },
  weightDecay: { ...common.weightDecay, defaults: { tour: 0.01, paper: 0.01 } },
};
