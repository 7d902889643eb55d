/** The parameters of the notebooks on pretrained networks of the first study. */
import { imageSizes } from '../data/registry-types';
import { booleanParameter, choiceParameter, common, integerParameter, textParameter, weightsParameter, type GivenParameters, type Profile } from '../runs/parameters'; // prettier-ignore

export const vitNotebook = '02_vit_frozen_and_finetuned';
export const dinoNotebook = '03_dino_frozen';

/** `auto` is the study's network, or the tour's small one where weights are random in the tour. */
export const automaticModel = 'auto';

/** The parameters of such a notebook; the tour's values are made for a minute on two cores. */
function transferParameterSpecs(tour: { readonly syntheticImages: number; readonly fineTuneEpochs: number }) {
  const forTour = (value: number, paper: number): Record<Profile, number> => ({ tour: value, paper });
  return {
    dataset: textParameter(
      'Registry name, synthetic-blood, or the path of an .npz file',
      { tour: 'synthetic-blood', paper: 'bloodmnist' },
      'a dataset’s name or path',
    ),
    size: choiceParameter(
      'Pixels a side, for datasets that come in several sizes',
      { tour: 28, paper: 28 },
      imageSizes,
    ),
    syntheticImages: integerParameter(
      'Training images that synthetic-blood makes',
      forTour(tour.syntheticImages, 11959),
      100,
      11959,
    ),
    weights: weightsParameter,
    model: textParameter(
      'auto (the study’s network; in the tour with random weights a small one) or any vision transformer of the registry',
      { tour: automaticModel, paper: automaticModel },
      'auto or a model’s name',
    ),
    cache: booleanParameter('Whether features of the frozen network are kept and used again', {
      tour: true,
      paper: true,
    }),
    epochs: integerParameter('Passes over the training images, of the linear head', { tour: 20, paper: 20 }, 1, 1000),
    fineTuneEpochs: integerParameter(
      'Passes over the training images, of fine-tuning; 0 leaves it out',
      forTour(tour.fineTuneEpochs, 20),
      0,
      1000,
    ),
    ...common,
  };
}

export type TransferParameterSpecs = ReturnType<typeof transferParameterSpecs>;
export type TransferParameters = GivenParameters<TransferParameterSpecs>;

export const vitParameterSpecs = transferParameterSpecs({ syntheticImages: 2000, fineTuneEpochs: 6 });
export const dinoParameterSpecs = transferParameterSpecs({ syntheticImages: 1200, fineTuneEpochs: 4 });
