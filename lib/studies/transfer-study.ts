/** What the notebooks on pretrained networks of the first study share: a frozen network under a linear head, then the same network trained. */
import type { Dataset } from '../data/dataset';
import { arms, armTitle, describeArms, fineTuneSettings, type Arm, type FineTuneSettings } from './arms';
import { cacheReport } from './cache-report';
import { transferComparison, type PublishedResult } from '../runs/comparison';
import { fineTune } from './fine-tuning';
import {
  frozenSource,
  runOtherProbe,
  trainFrozenHead,
  type HeadSettings,
  type OtherProbe,
  type StudyControls,
} from './frozen-head';
import { inputImages } from './input-views';
import { checkNetwork, networkName, openNetwork, type NetworkChoice, type StudyNetwork } from './networks';
import { parameterRows, resolveParameters } from '../runs/parameters';
import { openSingleLabelDataset } from './resnet-from-scratch';
import { comparableResults, openRun } from '../runs/notebook-run';
import { tokenImages, type TokenImagesOptions } from './token-maps';
import { tourVitName } from './tour-vit';
import type { TransferParameters, TransferParameterSpecs } from './transfer-parameters';

/** What is of one notebook. */
export interface TransferStudy {
  readonly notebook: string;
  /** The study's network, by its name in the registry. */
  readonly model: string;
  /** Pixels a side that the tour's small network takes. */
  readonly tourInputSize: number;
  readonly specs: TransferParameterSpecs;
  readonly published: readonly PublishedResult[];
}

/**
 * Looks at a notebook's network without loading it.
 * @throws UserError where it cannot be used
 */
export function checkTransferNetwork(study: TransferStudy, choice: NetworkChoice): void {
  checkNetwork(choice, study.model, inputSize(study, choice));
}

/** The study's networks take 224 pixels a side. */
function inputSize({ model, tourInputSize }: TransferStudy, choice: NetworkChoice): number {
  return networkName(choice, model) === tourVitName ? tourInputSize : 224;
}

/**
 * Opens a study with a notebook's parameters.
 * @throws UserError for an unknown parameter, one out of range, or a network that cannot be used
 */
export function openTransferStudy(study: TransferStudy, given: TransferParameters) {
  const parameters = resolveParameters(study.specs, given);
  checkTransferNetwork(study, parameters);
  const size = inputSize(study, parameters);
  const run = openRun(study.notebook, parameters);
  const { epochs, batchSize, learningRate, weightDecay, seed, cache, weights } = parameters;
  return {
    parameters,
    /** One row a parameter: its value, where that comes from, and what it means. */
    parameterRows: () => parameterRows(study.specs, given, parameters),
    openData: () => openSingleLabelDataset(parameters.dataset, parameters),
    openNetwork: ({ signal }: StudyControls = {}) => openNetwork({ ...parameters, size, signal }, study.model),
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
    /** Nearest neighbours or logistic regression on the corrected arm's features. */
    probe: (network: StudyNetwork, dataset: Dataset, probe: OtherProbe, options: StudyControls = {}) =>
      runOtherProbe(run, frozenSource(network, dataset, 'corrected'), probe, { cache, seed }, options),
    fineTuneSettings: (arm: Arm) => fineTuneSettings(arm, parameters, weights),
    /** Trains all of the network; undefined where there are no epochs. */
    fineTune: (network: StudyNetwork, dataset: Dataset, arm: Arm, options: FineTuneSettings & StudyControls) => {
      const { signal, progress, ...settings } = options;
      return fineTune(run, network, dataset, arm, settings, { signal, progress });
    },
    /** Test images with the class token's attention and the patch tokens' components, of the network or of trained values. */
    tokenImages: (network: StudyNetwork, dataset: Dataset, options: TokenImagesOptions) =>
      tokenImages(frozenSource(network, dataset, 'corrected'), options),
    /** One row a training of a head on these data: what its features cost. */
    cacheReport: (dataset: Dataset) => cacheReport(comparableResults(run, dataset)),
    /** One row for each training of this notebook on these data, the study's own beside them on BloodMNIST. */
    comparison: (dataset: Dataset) => transferComparison(comparableResults(run, dataset), study.published, dataset),
  };
}
