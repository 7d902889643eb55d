/**
 * The parameters of the notebooks on the first study, 01 to 04. Defaults are the study's but for the data and the
 * lengths of the tour.
 */
import { automaticSizes, imageSizes } from '../../data/registry-types';
import {
  booleanParameter,
  choiceParameter,
  common,
  integerParameter,
  ownImages,
  sizesParameter,
  textParameter,
  weightsParameter,
  type ParameterSpec,
  type Profile,
} from '../../runs/parameters';

/** `auto` is the study's network, or the project's own small one where weights are embedded, or random in the tour. */
export const automaticModel = 'auto';

const forTour = <T>(tour: T, paper: T): Record<Profile, T> => ({ tour, paper });

const dataset = textParameter(
  'Registry name, synthetic-blood, or the path of a folder of classes, a table or an .npz file',
  forTour('synthetic-blood', 'bloodmnist'),
  'a dataset’s name or path',
);
const size = choiceParameter('Pixels a side, for datasets that come in several sizes', 28, imageSizes);
const syntheticImages = (tour: number): ParameterSpec<number> =>
  integerParameter('Training images that synthetic-blood makes', forTour(tour, 11959), 100, 11959);
const epochs = (of: string, defaults: number | Record<Profile, number>, least = 1): ParameterSpec<number> =>
  integerParameter(`Passes over the training images${of}`, defaults, least, 1000);
const model = (networks: string, others = 'vision transformer'): ParameterSpec<string> =>
  textParameter(`auto (${networks}) or any ${others} of the registry`, automaticModel, 'auto or a model’s name');

const seeds = integerParameter('Trainings of each network, with seeds from "seed" on', 1, 1, 100);

/** The same in notebooks 01 to 03, whose networks are compared on them. */
const tourImages = 600;

/** The tour's images make too few steps of 128. */
const tourBatchSize = integerParameter('Images a step', forTour(32, 128), 1, 4096);

export const resnetParameterSpecs = {
  dataset,
  size,
  syntheticImages: syntheticImages(tourImages),
  epochs: epochs('', forTour(6, 20)),
  seeds,
  ...ownImages,
  ...common,
  batchSize: tourBatchSize,
};

/** Of a notebook on a pretrained network; the tour's values are made for a minute on two cores. */
function transferParameterSpecs(tour: { readonly fineTuneEpochs: number }) {
  return {
    dataset,
    size,
    syntheticImages: syntheticImages(tourImages),
    weights: weightsParameter,
    model: model('the study’s network; with embedded weights, and with random ones in the tour, the project’s own'),
    cache: booleanParameter('Whether features of the frozen network are kept and used again', true),
    epochs: epochs(', of the linear head', 20),
    fineTuneEpochs: epochs(', of fine-tuning; 0 leaves it out', forTour(tour.fineTuneEpochs, 20), 0),
    regularization: choiceParameter<string>(
      'Of corrected fine-tuning: none, or mae for erased, mixed and cut images, smoothed labels and stochastic depth',
      'none',
      ['none', 'mae'],
    ),
    seeds,
    ...ownImages,
    ...common,
    batchSize: tourBatchSize,
  };
}

export const vitParameterSpecs = transferParameterSpecs({ fineTuneEpochs: 3 });
export const dinoParameterSpecs = transferParameterSpecs({ fineTuneEpochs: 2 });

export const resolutionParameterSpecs = {
  dataset: { ...dataset, meaning: `${dataset.meaning}, which is reduced to the sizes` },
  sizes: sizesParameter(
    'Source sizes, in pixels a side; auto is 28,48 in the tour (28,64 of other data), else 28,64,128,224',
    automaticSizes,
  ),
  inputSize: integerParameter(
    'Pixels a side of the input of all networks; 0 is 224, with the project’s own network 48, above sizes of 48 pixels 64',
    0,
    0,
    512,
  ),
  syntheticImages: syntheticImages(400),
  weights: weightsParameter,
  model: model(
    'ViT-Tiny and DINOv2-S; with embedded weights, and with random ones in the tour, the project’s own',
    'vision transformer or ConvNeXt',
  ),
  cache: booleanParameter('Whether features of frozen networks are kept and used again', true),
  epochs: epochs(', of the linear heads', 20),
  cnnEpochs: epochs(', of the ResNet; 0 leaves it out', forTour(4, 20), 0),
  fineTuneEpochs: epochs(', of fine-tuning the pretrained networks; 0 leaves it out', forTour(0, 20), 0),
  arms: choiceParameter<string>(
    'corrected, or both: as published, enlarged images lose their margin and the last epoch is tested',
    forTour('corrected', 'both'),
    ['corrected', 'both'],
  ),
  seeds,
  groupBy: ownImages.groupBy,
  keepModel: ownImages.keepModel,
  ...common,
  batchSize: tourBatchSize,
};
