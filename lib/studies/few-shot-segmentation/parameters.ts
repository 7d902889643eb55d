/** The parameters of the few-shot notebook, and the data that they name. */
import { z } from 'zod';
import { openSegmentationDataset, type OpenSegmentationOptions } from '../../data/open-segmentation';
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { UserError } from '../../errors';
import { booleanParameter, common, integerParameter, numberParameter, textParameter, weightsParameter, type GivenParameters, type ParameterSpec, type ResolvedParameters } from '../../runs/parameters'; // prettier-ignore

export const fewShotNotebook = '06_few_shot_segmentation';

/** Numbers with commas between them, or one number. */
const sizesParameter: ParameterSpec<string> = {
  schema: z.coerce.string().regex(/^[1-9]\d*(,[1-9]\d*)*$/),
  allowed: 'numbers of images with commas between them, such as 80,20,10',
  meaning: 'Numbers of training images; those above what there is are left out',
  defaults: { tour: '80,20,10', paper: '2000,160,80,40,20,10' },
};

/** The paper profile is the study's; the tour's values are made for a minute on two cores with a small encoder. */
export const fewShotParameterSpecs = {
  dataset: textParameter(
    'synthetic-lesions, or the path of a folder in ISIC layout',
    { tour: 'synthetic-lesions', paper: 'data/isic2017' },
    'synthetic-lesions or a folder’s path',
  ),
  imageSize: integerParameter('Pixels a side that images are read at; a multiple of 16', { tour: 96, paper: 224 }, 48, 512), // prettier-ignore
  syntheticImages: integerParameter('Training images that synthetic-lesions draws', { tour: 100, paper: 2000 }, 20, 20_000), // prettier-ignore
  skipBroken: booleanParameter('Whether broken images are left out instead of refused', { tour: false, paper: false }),
  weights: weightsParameter,
  sizes: sizesParameter,
  draws: integerParameter('Draws of each size in the corrected arm', { tour: 2, paper: 5 }, 1, 100),
  cache: booleanParameter('Whether maps of the frozen encoder are kept and used again', { tour: true, paper: true }),
  epochs: integerParameter('Passes over 160 images; over fewer more, in the study’s proportion', { tour: 4, paper: 200 }, 1, 10_000), // prettier-ignore
  ...common,
  batchSize: integerParameter('Images a step, at 20 to 160 images', { tour: 10, paper: 10 }, 1, 1024),
  learningRate: numberParameter('Learning rate of SGD with momentum 0.9', { tour: 0.03, paper: 2e-4 }, 1e-8, 10),
  weightDecay: numberParameter('Weight decay of SGD', { tour: 1e-4, paper: 1e-4 }, 0, 1),
  denoisingEpochs: integerParameter('Passes over the training images, of denoising', { tour: 6, paper: 32 }, 1, 10_000),
  denoisingBatchSize: integerParameter('Images a step, of denoising', { tour: 20, paper: 40 }, 1, 1024),
  denoisingLearningRate: numberParameter('Learning rate of Adam, of denoising', { tour: 1e-3, paper: 2e-5 }, 1e-8, 1),
  unetEpochs: integerParameter('Passes over the training images, of the U-Net; 0 leaves it out', { tour: 8, paper: 30 }, 0, 10_000), // prettier-ignore
  unetImages: integerParameter('Training images of the U-Net, at most', { tour: 200, paper: 2000 }, 1, 1_000_000),
  unetWidth: integerParameter('Channels of the U-Net’s first level', { tour: 8, paper: 32 }, 1, 64),
};

export type FewShotParameters = ResolvedParameters<typeof fewShotParameterSpecs>;

/** One size may come as a number. */
export type GivenFewShotParameters = Omit<GivenParameters<typeof fewShotParameterSpecs>, 'sizes'> & {
  readonly sizes?: string | number | undefined;
};

/** Opens the data of a run. */
export function openFewShotData(
  { dataset, imageSize, syntheticImages, skipBroken, seed }: Pick<FewShotParameters, 'dataset' | 'imageSize' | 'syntheticImages' | 'skipBroken' | 'seed'>, // prettier-ignore
  controls: Pick<OpenSegmentationOptions, 'signal' | 'onProgress'> = {},
): Promise<SegmentationDataset> {
  return openSegmentationDataset(dataset, { size: imageSize, syntheticImages, skipBroken, seed, ...controls });
}

/** The sizes of a run that there are images for, the largest first. @throws UserError where there are none */
export function usableSizes(sizes: string, available: number): number[] {
  const wanted = [...new Set(sizes.split(',').map(Number))].sort((a, b) => b - a);
  const usable = wanted.filter((size) => size <= available);
  if (usable.length === 0)
    throw new UserError(`sizes is ${sizes}, but there are ${available} training images: give numbers up to ${available}.`); // prettier-ignore
  return usable;
}
