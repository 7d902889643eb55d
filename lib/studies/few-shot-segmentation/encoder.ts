/** The encoder of the few-shot study: torchvision's ViT-B/16, and in the tour a small one of the same patches. */
import { existsSync } from 'node:fs';
import { UserError } from '../../errors';
import { decoderConfigs } from '../../models/decoders';
import type { VitRequest } from '../../models/encoders';
import { findModel } from '../../models/pretrained';
import { vitConfigs, type VitConfig } from '../../models/vit';

/** torchvision's weights, which the study starts from; they have to be given as a file. */
const encoderOfStudy = 'vit_b_16.IMAGENET1K_V1';

/** Stands in for ViT-B/16 where weights are random in the tour: the same patches, a hundredth of the values. */
const smallVit: VitConfig = { ...vitConfigs.vit_tiny_patch16_224, width: 96, depth: 3, heads: 3 };

export interface EncoderChoice {
  readonly profile: string;
  /** hub, random, or the path of a file. */
  readonly weights: string;
  /** Pixels a side. */
  readonly imageSize: number;
  /** Of random weights. */
  readonly seed: number;
}

function isSmall({ profile, weights }: Pick<EncoderChoice, 'profile' | 'weights'>): boolean {
  return profile === 'tour' && weights === 'random';
}

/**
 * What `openVit` is to open.
 * @throws UserError for a weights file that is not there
 */
export function encoderOf({ profile, weights, imageSize, seed }: EncoderChoice): VitRequest {
  if (weights !== 'hub' && weights !== 'random' && !existsSync(weights))
    throw new UserError(`There is no weights file ${weights}: give hub, random or the path of a .safetensors file.`);
  const common = { weights, imageSize, seed } as const;
  if (isSmall({ profile, weights })) {
    const normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;
    return { ...common, name: 'vit_tour_patch16', title: 'small ViT', architecture: smallVit, normalization };
  }
  const { mean, std } = findModel(encoderOfStudy);
  return {
    ...common,
    name: weights === 'random' ? 'vit_base_patch16_224' : encoderOfStudy,
    title: 'ViT-B/16',
    architecture: 'vit_base_patch16_224',
    pretrained: encoderOfStudy,
    normalization: { mean, std },
  };
}

/** Channels of the decoders that fit the encoder. */
export function decoderWidths(choice: Pick<EncoderChoice, 'profile' | 'weights'>) {
  if (isSmall(choice)) return { segmentation: [32, 24, 16, 8], reconstruction: [64, 32, 24, 16] } as const;
  const { segmentation, reconstruction } = decoderConfigs;
  return { segmentation: segmentation.widths, reconstruction: reconstruction.widths };
}
