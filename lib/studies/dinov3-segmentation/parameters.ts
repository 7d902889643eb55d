/** The parameters of notebook 07, and the runs that they stand for. */
import { z } from 'zod';
import { openSegmentationDataset, type OpenSegmentationOptions } from '../../data/open-segmentation';
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { UserError } from '../../errors';
import { dinov3EncoderNames } from './encoder-names';
import type { Dinov3Encoder } from './encoders';
import { dinov3ArmOptions, epochsOf, studySettings } from './arms';
import { dinov3Models, noEncoder, type Dinov3Arm, type Dinov3Configuration, type Dinov3Model } from './results'; // prettier-ignore
import { booleanParameter, choiceParameter, common, integerParameter, numberParameter, textParameter, weightsParameter, type GivenParameters, type ParameterSpec, type ResolvedParameters } from '../../runs/parameters'; // prettier-ignore
import { shortHash } from '../../runs/results';

export const dinov3Notebook = '07_dinov3_segmentation';

/** Stands for the three encoders of the study, or for two of the small ones in the tour with random weights. */
export const automaticEncoders = 'auto';

const fractionsParameter: ParameterSpec<string> = {
  schema: z.coerce.string().refine((text) => fractionsOf(text).every((fraction) => fraction > 0 && fraction <= 1)),
  allowed: 'numbers above 0 and at most 1 with commas between them, such as 0.25,0.5,1',
  meaning: 'Fractions of the training images',
  defaults: { tour: studySettings.fractions.join(), paper: studySettings.fractions.join() },
};

/** The paper profile is the study's; the tour's values are made for a minute on two cores. */
export const dinov3ParameterSpecs = {
  dataset: textParameter(
    'synthetic-lesions, or the path of a folder in ISIC layout',
    { tour: 'synthetic-lesions', paper: 'data/isic2018' },
    'synthetic-lesions or a folder’s path',
  ),
  imageSize: integerParameter('Pixels a side that images are read at; a multiple of 16', { tour: 64, paper: studySettings.imageSize }, 32, 1024), // prettier-ignore
  syntheticImages: integerParameter('Training images that synthetic-lesions draws', { tour: 72, paper: 2594 }, 16, 20_000), // prettier-ignore
  skipBroken: booleanParameter('Whether broken images are left out instead of refused', { tour: false, paper: false }),
  weights: weightsParameter,
  encoders: textParameter(
    `auto, or names with commas between them: ${dinov3EncoderNames.join(', ')}`,
    { tour: automaticEncoders, paper: automaticEncoders },
    `auto or some of ${dinov3EncoderNames.join(', ')}`,
  ),
  precision: choiceParameter('What the frozen encoder computes in', { tour: 'float32', paper: 'float32' }, ['float32', 'bfloat16']), // prettier-ignore
  fractions: fractionsParameter,
  seeds: integerParameter('Seeds of the corrected arm, from `seed` on', { tour: 2, paper: 3 }, 1, 100),
  cache: booleanParameter('Whether maps of the frozen encoder are kept and used again', { tour: true, paper: true }),
  epochs: integerParameter('Passes over the training images, at most', { tour: 6, paper: studySettings.epochs }, 1, 10_000), // prettier-ignore
  ...common,
  batchSize: integerParameter('Images a step', { tour: 8, paper: studySettings.batchSize }, 1, 1024),
  learningRate: numberParameter('Learning rate of AdamW at the start of the cosine', { tour: 6e-3, paper: studySettings.learningRate }, 1e-8, 10), // prettier-ignore
  weightDecay: numberParameter('Weight decay of AdamW', { tour: 1e-4, paper: studySettings.weightDecay }, 0, 1),
  diceWeight: numberParameter('Weight of a soft Dice loss beside the cross-entropy', { tour: 0, paper: 0 }, 0, 100),
  patience: integerParameter('Epochs without a better validation Dice that end a training', { tour: 10, paper: studySettings.patience }, 1, 10_000), // prettier-ignore
  flips: booleanParameter('Whether training images are flipped at random; not in the study', { tour: false, paper: false }), // prettier-ignore
  flipTta: booleanParameter('Whether test images are predicted in four flips too', { tour: true, paper: false }),
  nativeScores: booleanParameter('Whether masks are scored at the size of the files too', { tour: false, paper: false }), // prettier-ignore
  unetWidth: integerParameter('Channels of the U-Net’s first level', { tour: 8, paper: studySettings.unetWidth }, 1, 64), // prettier-ignore
  decoderWidth: integerParameter('Channels of the decoder’s deepest level; a multiple of 8', { tour: 64, paper: studySettings.decoderWidth }, 8, 1024), // prettier-ignore
};

export type Dinov3Parameters = ResolvedParameters<typeof dinov3ParameterSpecs>;

/** One fraction may come as a number. */
export type GivenDinov3Parameters = Omit<GivenParameters<typeof dinov3ParameterSpecs>, 'fractions'> & {
  readonly fractions?: string | number | undefined;
};

/** The numbers of a list with commas, each once, ascending. */
export function fractionsOf(fractions: string): number[] {
  return [...new Set(fractions.split(',').map(Number))].sort((a, b) => a - b);
}

/** Opens the data of a run. @throws UserError for a size that patches do not divide */
export function openDinov3Data(
  { dataset, imageSize, syntheticImages, skipBroken, seed }: Pick<Dinov3Parameters, 'dataset' | 'imageSize' | 'syntheticImages' | 'skipBroken' | 'seed'>, // prettier-ignore
  controls: Pick<OpenSegmentationOptions, 'signal' | 'onProgress'> = {},
): Promise<SegmentationDataset> {
  if (imageSize % 16 !== 0)
    throw new UserError(`imageSize is ${imageSize}, but must be a multiple of 16: a U-Net halves it four times, and patches are 16×16 pixels.`); // prettier-ignore
  return openSegmentationDataset(dataset, { size: imageSize, syntheticImages, skipBroken, seed, ...controls });
}

/** What a configuration says of its data. */
export type ConfiguredData = Pick<SegmentationDataset, 'name' | 'sha256' | 'height' | 'splits'>;

/** Stands for which images are in which split. */
export function hashOfSplits({ splits }: Pick<SegmentationDataset, 'splits'>): string {
  return shortHash({ train: splits.train.ids, val: splits.val.ids, test: splits.test.ids });
}

/** What a configuration needs beside the parameters. */
export interface ConfigurationRequest {
  readonly arm: Dinov3Arm;
  readonly model: Dinov3Model;
  /** Of a Dino U-Net. */
  readonly encoder?: Pick<Dinov3Encoder, 'name' | 'weights' | 'weightsKey' | 'precision'>;
  readonly fraction: number;
  readonly seed: number;
}

/** One run as the parameters and its arm have it. */
export function configurationOf(
  parameters: Pick<Dinov3Parameters, 'imageSize' | Exclude<keyof Dinov3Configuration['settings'], 'precision'>>,
  dataset: ConfiguredData,
  { arm, model, encoder, fraction, seed }: ConfigurationRequest,
): Dinov3Configuration {
  const { batchSize, learningRate, weightDecay, diceWeight, patience, flips, flipTta, nativeScores } = parameters;
  if (model === 'dino-unet' && encoder === undefined) throw new Error('A Dino U-Net needs an encoder.');
  const used = model === 'dino-unet' ? encoder : undefined;
  return {
    study: 'dinov3-segmentation',
    arm,
    model,
    encoder: used?.name ?? noEncoder,
    weights: used?.weights ?? 'random',
    weightsKey: used?.weightsKey ?? '',
    fraction,
    seed,
    data: { name: dataset.name, sha256: dataset.sha256, imageSize: dataset.height, splits: hashOfSplits(dataset) },
    settings: {
      epochs: epochsOf({ arm, model, fraction }, parameters.epochs),
      batchSize,
      learningRate,
      weightDecay,
      diceWeight,
      patience,
      flips,
      flipTta,
      nativeScores,
      unetWidth: model === 'unet' ? parameters.unetWidth : 0,
      decoderWidth: model === 'unet' ? 0 : parameters.decoderWidth,
      precision: used?.precision ?? 'float32',
    },
  };
}

/** Which runs are wanted; what is left out is all that there are. */
export interface RunSelection {
  readonly arms?: readonly Dinov3Arm[];
  readonly models?: readonly Dinov3Model[];
  readonly fractions?: readonly number[];
  readonly seeds?: readonly number[];
}

/** All runs of a selection, in an order in which each encoder is needed once: arms, networks, fractions, seeds. */
export function configurationsOf(
  parameters: Dinov3Parameters,
  dataset: ConfiguredData,
  encoders: readonly ConfigurationRequest['encoder'][],
  { arms = ['as-published', 'corrected'], models = dinov3Models, fractions = fractionsOf(parameters.fractions), seeds }: RunSelection = {}, // prettier-ignore
): Dinov3Configuration[] {
  return arms.flatMap((arm) => {
    const count = dinov3ArmOptions[arm].severalSeeds ? parameters.seeds : 1;
    const ofArm = seeds ?? Array.from({ length: count }, (_, index) => parameters.seed + index);
    const networks = models.flatMap((model) => (model === 'unet' ? [undefined] : encoders).map((encoder) => ({ model, encoder }))); // prettier-ignore
    return networks.flatMap(({ model, encoder }) =>
      fractions.flatMap((fraction) =>
        ofArm.map((seed) => configurationOf(parameters, dataset, { arm, model, encoder, fraction, seed })),
      ),
    );
  });
}
