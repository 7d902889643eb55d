/** The parameters that notebooks on images with masks share, and the data that they name. */
import { z } from 'zod';
import { openSegmentationDataset, type OpenSegmentationOptions } from '../data/open-segmentation';
import type { SegmentationDataset } from '../data/segmentation-dataset';
import {
  booleanParameter,
  integerParameter,
  ownImages,
  textParameter,
  type ParameterSpec,
  type Profile,
} from './parameters';

/** Of patches, and what four halvings of a U-Net divide. */
const patch = 16;

/** @param defaults of each profile; `study` names the folder of the study's own data */
export function maskDataParameters(
  defaults: Readonly<Record<'imageSize' | 'syntheticImages', Record<Profile, number>>> & { readonly study: string },
) {
  const { imageSize, syntheticImages, study } = defaults;
  const allowed = `a multiple of ${patch} from ${2 * patch} to 1024: patches are ${patch}×${patch} pixels, and a U-Net halves it four times`;
  const size: ParameterSpec<number> = {
    schema: z
      .int()
      .min(2 * patch)
      .max(1024)
      .multipleOf(patch),
    allowed,
    meaning: `Pixels a side that images are read at; a multiple of ${patch}`,
    defaults: imageSize,
  };
  return {
    dataset: textParameter(
      'synthetic-lesions, or the path of a folder in ISIC layout',
      { tour: 'synthetic-lesions', paper: study },
      'synthetic-lesions or a folder’s path',
    ),
    imageSize: size,
    syntheticImages: integerParameter('Training images that synthetic-lesions draws', syntheticImages, 16, 20_000),
    skipBroken: booleanParameter('Whether broken images are left out instead of refused', false),
    keepEmpty: booleanParameter('Whether images without a lesion are used instead of taken for broken', false),
    ...ownImages,
  };
}

export interface MaskDataChoice {
  readonly dataset: string;
  readonly imageSize: number;
  readonly syntheticImages: number;
  readonly skipBroken: boolean;
  readonly keepEmpty?: boolean;
  /** Empty for none. */
  readonly groupBy?: string;
  /** Draws the splits where the data do not say them. */
  readonly seed: number;
}

/** Opens what a notebook's parameters name. */
export function openMaskData(
  { dataset, imageSize: size, ...options }: MaskDataChoice,
  controls: Pick<OpenSegmentationOptions, 'signal' | 'onProgress'> = {},
): Promise<SegmentationDataset> {
  const { syntheticImages, skipBroken, keepEmpty, groupBy, seed } = options;
  return openSegmentationDataset(dataset, { size, syntheticImages, skipBroken, keepEmpty, groupBy, seed, ...controls });
}
