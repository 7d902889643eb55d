/** The notebooks of this project, and what a command must know to run one. */
import type { Displayable } from './display/mime';
import { table } from './display/tables';
import { UserError } from './errors';
import type { OpenOptions } from './data/open';
import { imageSizes } from './data/registry-types';
import { openMaskData } from './runs/mask-parameters';
import { dinov3ParameterSpecs, type Dinov3Parameters } from './studies/dinov3-segmentation/parameters';
import { fewShotParameterSpecs, type FewShotParameters } from './studies/few-shot-segmentation/parameters';
import { usableSizes } from './studies/few-shot-segmentation/published';
import { medmnist2dParameterSpecs, type Medmnist2dParameters } from './studies/medmnist2d/parameters';
import { planGrid } from './studies/medmnist2d/grid';
import { beginRun } from './runs/current-run';
import { findNotebookFile, type NotebookFile } from './runs/notebook-files';
import {
  choiceParameter,
  common,
  integerParameter,
  numberParameter,
  parameterRows,
  resolveParameters,
  textParameter,
  type GivenParameters,
  type ParameterSpecs,
  type ResolvedParameters,
} from './runs/parameters';
import {
  dinoParameterSpecs,
  resnetParameterSpecs,
  resolutionParameterSpecs,
  vitParameterSpecs,
} from './studies/blood-cells/parameters';

// The parameters of the notebooks that repeat no study: on the vocabulary, a training of seconds, and on this project's own weights.

const workbenchParameterSpecs = {
  ...resnetParameterSpecs,
  syntheticImages: { ...resnetParameterSpecs.syntheticImages, defaults: { tour: 400, paper: 11959 } },
  epochs: integerParameter('Passes over the training images', { tour: 4, paper: 12 }, 1, 1000),
  batchSize: { ...common.batchSize, defaults: { tour: 32, paper: 128 } },
  weightDecay: { ...common.weightDecay, defaults: { tour: 0.01, paper: 0.01 } },
};

const pretrainingParameterSpecs = {
  dataset: textParameter(
    'Labelled data that features are tried on: registry name, synthetic-blood, or the path of a folder of classes, a table or an .npz file',
    { tour: 'synthetic-blood', paper: 'bloodmnist' },
    'a dataset’s name or path',
  ),
  size: choiceParameter('Pixels a side, for datasets that come in several sizes', 28, imageSizes),
  syntheticImages: integerParameter(
    'Training images that synthetic-blood makes',
    { tour: 800, paper: 11959 },
    400, // the rarest class has 25 images of them
    11959,
  ),
  images: integerParameter('Drawn images of an epoch', { tour: 96, paper: 1536 }, 16, 1_000_000),
  epochs: integerParameter('Epochs, each with other drawn images', { tour: 4, paper: 160 }, 2, 10_000),
  batchSize: integerParameter('Images a step', { tour: 16, paper: 64 }, 2, 4096),
  learningRate: numberParameter('Highest learning rate, after the warm-up', 1e-3, 1e-8, 1),
  seed: common.seed,
  seeds: integerParameter('Draws of random weights, of heads and of a few labels', 3, 1, 100),
  precision: common.precision,
};

export interface NotebookEntry {
  readonly specs: ParameterSpecs;
  /** What makes it short, as a command's `--set` takes it: each of its cells runs, on as little as it can. */
  readonly brief: string;
  /** Notebooks whose results it shows beside its own. */
  readonly reads?: readonly string[];
  /**
   * Looks at what the parameters name before anything is started. Only here a study itself is loaded, and TensorFlow with it, which takes
   * seconds: commands that read parameters do without.
   * @throws UserError where it cannot be used
   */
  check(parameters: Readonly<Record<string, unknown>>): Promise<void>;
}

/** What cells may set, by the notebook's number. */
const specifications = {
  '00': workbenchParameterSpecs,
  '01': resnetParameterSpecs,
  '02': vitParameterSpecs,
  '03': dinoParameterSpecs,
  '04': resolutionParameterSpecs,
  '05': medmnist2dParameterSpecs,
  '06': fewShotParameterSpecs,
  '07': dinov3ParameterSpecs,
  '08': pretrainingParameterSpecs,
} as const;

type Specifications = typeof specifications;

const rowsOfSettings = new WeakMap<object, ReturnType<typeof parameterRows>>();

/**
 * The parameters of a notebook, by its number: what is given, and the profile's values for the rest. From here on, trainings belong to
 * this notebook.
 * @throws UserError for an unknown parameter, with the nearest name, and for a value that is out of range
 */
export function parameters<N extends keyof Specifications>(
  notebook: N,
  given: GivenParameters<Specifications[N]>,
): ResolvedParameters<Specifications[N]> {
  const specs = specifications[notebook];
  const resolved = resolveParameters<Specifications[N]>(specs, given);
  rowsOfSettings.set(resolved, parameterRows<Specifications[N]>(specs, given, resolved));
  beginRun(findNotebook(notebook).name, resolved);
  return resolved;
}

/** One row a parameter: its value, where that comes from, and what it means. */
export function parameterTable(settings: object, { caption = 'Parameters of this run' } = {}): Displayable {
  const rows = rowsOfSettings.get(settings);
  if (rows === undefined)
    throw new UserError('A table of parameters is made of what `nb.parameters` gives, not of a copy of it.');
  return table(rows, { caption });
}

const entries: Readonly<Record<string, NotebookEntry>> = {
  '00_workbench': {
    specs: workbenchParameterSpecs,
    brief: 'syntheticImages=100 epochs=2',
    check: (parameters) => checkData(parameters as ResolvedParameters<typeof workbenchParameterSpecs>),
  },
  '01_resnet_from_scratch': {
    specs: resnetParameterSpecs,
    brief: 'syntheticImages=100 epochs=1',
    check: (parameters) => checkData(parameters as ResolvedParameters<typeof resnetParameterSpecs>),
  },
  '02_vit_frozen_and_finetuned': transferEntry(vitParameterSpecs, 'vitTiny'),
  '03_dino_frozen': {
    ...transferEntry(dinoParameterSpecs, 'dinoSmall'),
    reads: ['01_resnet_from_scratch', '02_vit_frozen_and_finetuned'],
  },
  '04_resolution_study': {
    specs: resolutionParameterSpecs,
    brief: 'syntheticImages=100 epochs=1 cnnEpochs=1',
    async check(given) {
      const parameters = given as ResolvedParameters<typeof resolutionParameterSpecs>;
      const { anyFeatures, checkNetworks, sizeNetworks } = await import('./studies/blood-cells/networks');
      const { openSizes } = await import('./data/sizes');
      checkNetworks(sizeNetworks(parameters), parameters.weights, anyFeatures);
      (await openSizes(parameters)).close();
    },
  },
  '05_medmnist2d_benchmark': {
    specs: medmnist2dParameterSpecs,
    brief: 'syntheticImages=100 seeds=0 epochs=1 batchSize=64 resamples=100',
    async check(given) {
      await planGrid(given as Medmnist2dParameters);
    },
  },
  '06_few_shot_segmentation': {
    specs: fewShotParameterSpecs,
    brief: 'syntheticImages=32 sizes=10,5 epochs=1 denoisingEpochs=1 unetEpochs=1',
    async check(given) {
      const parameters = given as FewShotParameters;
      (await import('./studies/few-shot-segmentation/encoder')).encoderRequest(parameters);
      const { splits, close } = await openMaskData(parameters);
      close();
      usableSizes(parameters.sizes, splits.train.count);
    },
  },
  '07_dinov3_segmentation': {
    specs: dinov3ParameterSpecs,
    brief: 'syntheticImages=16 fractions=0.5,1 epochs=1',
    async check(given) {
      const parameters = given as Dinov3Parameters;
      (await import('./studies/dinov3-segmentation/encoders')).encodersOf(parameters);
      (await openMaskData(parameters)).close();
    },
  },
  '08_dino_pretraining': {
    specs: pretrainingParameterSpecs,
    brief: 'syntheticImages=400 images=16 epochs=2 seeds=1',
    check: (parameters) => checkData(parameters as ResolvedParameters<typeof pretrainingParameterSpecs>),
  },
};

/** `network`: which of the study's it is about. */
function transferEntry(specs: typeof vitParameterSpecs, network: 'vitTiny' | 'dinoSmall'): NotebookEntry {
  return {
    specs,
    brief: 'syntheticImages=100 epochs=1 fineTuneEpochs=1',
    async check(given) {
      const parameters = given as ResolvedParameters<typeof vitParameterSpecs>;
      const networks = await import('./studies/blood-cells/networks');
      networks.checkNetworks([networks[network](parameters)], parameters.weights);
      await checkData(parameters);
    },
  };
}

async function checkData(parameters: OpenOptions & { readonly dataset: string }): Promise<void> {
  const { openLabelled } = await import('./data/open');
  (await openLabelled(parameters.dataset, parameters)).close();
}

/** A notebook by its number, its name or the beginning of it. @throws UserError where none or several fit */
export function findNotebook(given: string): NotebookFile & NotebookEntry {
  const file = findNotebookFile(given);
  const entry = entries[file.name];
  if (entry === undefined)
    throw new UserError(`${file.name} has no parameters that a command could set: open it with \`npm run lab\`.`);
  return { ...file, ...entry };
}
