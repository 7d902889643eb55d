/** The parameters of the few-shot notebook. */
import { maskDataParameters } from '../../runs/mask-parameters';
import {
  booleanParameter,
  common,
  integerParameter,
  normalizationParameter,
  numberParameter,
  numbersParameter,
  weightsParameter,
  type ResolvedParameters,
} from '../../runs/parameters';

/** The paper profile is the study's; the tour's values are made for a minute on two cores with a small encoder. */
export const fewShotParameterSpecs = {
  ...maskDataParameters({
    imageSize: { tour: 48, paper: 224 },
    syntheticImages: { tour: 80, paper: 2000 },
    study: 'data/isic2017',
  }),
  weights: weightsParameter,
  normalization: normalizationParameter,
  sizes: numbersParameter(
    'Numbers of training images; those above what there is are left out',
    { tour: '40,10', paper: '2000,160,80,40,20,10' },
    {
      allowed: 'numbers of images with commas between them, such as 80,20,10',
      isAllowed: (size) => Number.isInteger(size) && size > 0,
    },
  ),
  draws: integerParameter('Draws of each size in the corrected arm', { tour: 2, paper: 5 }, 1, 100),
  cache: booleanParameter('Whether maps of the frozen encoder are kept and used again', true),
  epochs: integerParameter(
    'Passes over 160 images; over fewer more, in the study’s proportion',
    { tour: 3, paper: 200 },
    1,
    10_000,
  ),
  ...common,
  batchSize: integerParameter('Images a step, at 20 to 160 images', 10, 1, 1024),
  learningRate: numberParameter('Learning rate of SGD with momentum 0.9', { tour: 0.03, paper: 2e-4 }, 1e-8, 10),
  weightDecay: numberParameter('Weight decay of SGD', 1e-4, 0, 1),
  denoisingEpochs: integerParameter('Passes over the training images, of denoising', { tour: 4, paper: 32 }, 1, 10_000),
  denoisingBatchSize: integerParameter('Images a step, of denoising', { tour: 20, paper: 40 }, 1, 1024),
  denoisingLearningRate: numberParameter('Learning rate of Adam, of denoising', { tour: 1e-4, paper: 2e-5 }, 1e-8, 1),
  unetEpochs: integerParameter(
    'Passes over the training images, of the U-Net; 0 leaves it out',
    { tour: 8, paper: 30 },
    0,
    10_000,
  ),
  unetImages: integerParameter('Training images of the U-Net, at most', { tour: 200, paper: 2000 }, 1, 1_000_000),
  unetWidth: integerParameter('Channels of the U-Net’s first level', { tour: 8, paper: 32 }, 1, 64),
};

export type FewShotParameters = ResolvedParameters<typeof fewShotParameterSpecs>;
