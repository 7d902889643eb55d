/** The encoder of the few-shot study: torchvision's ViT-B/16, or half of the project's own small network. */
import { decoderConfigs } from '../../models/decoders';
import type { VitRequest } from '../../models/encoders';
import { findModel } from '../../models/pretrained';
import { checkWeights } from '../../models/weights-source';

/** torchvision's weights, which the study starts from; they have to be given as a file. */
const encoderOfStudy = 'vit_b_16.IMAGENET1K_V1';

/** Stands in for ViT-B/16 with embedded weights, and with random ones in the tour. */
const ownVit = 'vit_mini_patch4';
/** Its first blocks, which leave time for trainings end to end on small patches. */
const ownDepth = 3;

export interface EncoderChoice {
  readonly profile: string;
  /** embedded, hub, random, or the path of a file. */
  readonly weights: string;
  /** Pixels a side. */
  readonly imageSize: number;
  /** Of random weights. */
  readonly seed: number;
}

function isSmall({ profile, weights }: Pick<EncoderChoice, 'profile' | 'weights'>): boolean {
  return weights === 'embedded' || (profile === 'tour' && weights === 'random');
}

/**
 * What `openVit` is to open.
 * @throws UserError for a weights file that is not there
 */
export function encoderOf({ profile, weights, imageSize, seed }: EncoderChoice): VitRequest {
  const own = isSmall({ profile, weights });
  const pretrained = own ? ownVit : encoderOfStudy;
  checkWeights(weights, pretrained);
  const { mean, std } = findModel(pretrained);
  const common = { weights, imageSize, seed, pretrained, normalization: { mean, std } } as const;
  if (own) return { ...common, name: ownVit, title: 'mini ViT', architecture: ownVit, depth: ownDepth };
  return {
    ...common,
    name: weights === 'random' ? 'vit_base_patch16_224' : encoderOfStudy,
    title: 'ViT-B/16',
    architecture: 'vit_base_patch16_224',
  };
}

/** Channels of the decoders that fit the encoder. */
export function decoderWidths(choice: Pick<EncoderChoice, 'profile' | 'weights'>) {
  if (isSmall(choice)) return { segmentation: [32, 16], reconstruction: [32, 16] } as const;
  const { segmentation, reconstruction } = decoderConfigs;
  return { segmentation: segmentation.widths, reconstruction: reconstruction.widths };
}
