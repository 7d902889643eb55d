/**
 * The second part of the first study: a ViT-Tiny with weights of ImageNet-21k on BloodMNIST, once frozen under a linear head, once trained
 * as a whole (AdamW 1e-3 with weight decay 1e-5 for everything, a cosine per epoch, batches of 128, 20 epochs).
 *
 * Published: frozen, test accuracy 0.8875 and macro-F1 0.8676; fine-tuned, 0.9611 and 0.9563; of the last epoch's weights, on images that
 * had been resized to 248 pixels and cut to 224. `corrected`: the whole image, the best epoch's weights, a recipe made for fine-tuning.
 */
import type { Dataset } from '../data/dataset';
import { imageSizes } from '../data/registry-types';
import { transferComparison, type PublishedResult } from './comparison';
import { arms, armTitle, describeArms, fineTuneSettings, type Arm, type FineTuneSettings } from './arms';
import { cacheReport } from './cache-report';
import { fineTune } from './fine-tuning';
import { frozenSource, trainFrozenHead, type HeadSettings, type StudyControls } from './frozen-head';
import { inputImages } from './input-views';
import { automaticModel, checkNetwork, networkName, openNetwork, type StudyNetwork } from './networks';
import {
  booleanParameter,
  choiceParameter,
  common,
  integerParameter,
  parameterRows,
  resolveParameters,
  textParameter,
  weightsParameter,
  type GivenParameters,
  type ResolvedParameters,
} from './parameters';
import { openSingleLabelDataset } from './resnet-from-scratch';
import { comparableResults, openRun } from './run';
import { tourVitName } from './tour-vit';

export const vitNotebook = '02_vit_frozen_and_finetuned';
export const vitOfStudy = 'vit_tiny_patch16_224.augreg_in21k';

/** What the notebooks on pretrained networks share; the tour's values are made for a minute on two cores. */
export const transferParameterSpecs = {
  dataset: textParameter(
    'Registry name, synthetic-blood, or the path of an .npz file',
    { tour: 'synthetic-blood', paper: 'bloodmnist' },
    'a dataset’s name or path',
  ),
  size: choiceParameter('Pixels a side, for datasets that come in several sizes', { tour: 28, paper: 28 }, imageSizes),
  syntheticImages: integerParameter(
    'Training images that synthetic-blood makes',
    { tour: 2000, paper: 11959 },
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
  ...common,
};

export const vitParameterSpecs = {
  ...transferParameterSpecs,
  fineTuneEpochs: integerParameter(
    'Passes over the training images, of fine-tuning; 0 leaves it out',
    { tour: 6, paper: 20 },
    0,
    1000,
  ),
};

/** The study's own figures, on the test split of BloodMNIST at 28 pixels. */
export const publishedVit: readonly PublishedResult[] = (
  [
    ['frozen', 0.8875, 0.8676],
    ['fine-tuned', 0.9611, 0.9563],
  ] as const
).map(([protocol, testAccuracy, testMacroF1]) => {
  return { model: 'ViT-Tiny', protocol, dataset: 'bloodmnist', size: 28, testAccuracy, testMacroF1 };
});

/** Pixels of the network's input: the small network takes images as MedMNIST has them. */
export function vitInputSize(parameters: ResolvedParameters<typeof vitParameterSpecs>): number {
  return networkName(parameters, vitOfStudy) === tourVitName ? 28 : 224;
}

/**
 * Opens the study with a notebook's parameters.
 * @throws UserError for an unknown parameter, one out of range, or a network that cannot be used
 */
export function vitFrozenAndFineTuned(given: GivenParameters<typeof vitParameterSpecs>) {
  const parameters = resolveParameters(vitParameterSpecs, given);
  const size = vitInputSize(parameters);
  checkNetwork(parameters, vitOfStudy, size);
  const run = openRun(vitNotebook, parameters);
  const { epochs, batchSize, learningRate, weightDecay, seed, cache, weights } = parameters;
  return {
    parameters,
    /** One row a parameter: its value, where that comes from, and what it means. */
    parameterRows: () => parameterRows(vitParameterSpecs, given, parameters),
    openData: () => openSingleLabelDataset(parameters.dataset, parameters),
    openNetwork: ({ signal }: StudyControls = {}) => openNetwork({ ...parameters, size, signal }, vitOfStudy),
    /** One row a difference between the arms. */
    arms: describeArms,
    /** The same images as the network gets them in each arm. */
    inputs: (network: StudyNetwork, dataset: Dataset) =>
      inputImages(
        arms.map((arm) => ({ title: armTitle(arm), dataset, input: frozenSource(network, dataset, arm).input })),
        { caption: 'What the network sees of the same images in each arm' },
      ),
    headSettings: { epochs, batchSize, learningRate, weightDecay, seed, cache },
    /** Trains a linear layer on the frozen network's features of an arm. */
    trainHead: (network: StudyNetwork, dataset: Dataset, arm: Arm, options: HeadSettings & StudyControls) => {
      const { signal, progress, ...settings } = options;
      return trainFrozenHead(run, frozenSource(network, dataset, arm), arm, settings, { signal, progress });
    },
    fineTuneSettings: (arm: Arm) => fineTuneSettings(arm, parameters, weights),
    /** Trains all of the network; undefined where fineTuneEpochs is 0. */
    fineTune: (network: StudyNetwork, dataset: Dataset, arm: Arm, options: FineTuneSettings & StudyControls) => {
      const { signal, progress, ...settings } = options;
      return fineTune(run, network, dataset, arm, settings, { signal, progress });
    },
    /** One row a training of a head on these data: what its features cost. */
    cacheReport: (dataset: Dataset) => cacheReport(comparableResults(run, dataset)),
    /** One row for each training of this notebook on these data, the study's own beside them on BloodMNIST. */
    comparison: (dataset: Dataset) => transferComparison(comparableResults(run, dataset), publishedVit, dataset),
  };
}
