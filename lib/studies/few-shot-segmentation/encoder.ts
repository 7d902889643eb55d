/** The encoder of the few-shot study: torchvision's ViT-B/16, or half of the project's own small network. */
import { decoderConfigs } from '../../models/decoders';
import type { VitRequest } from '../../models/encoders';
import { checkWeights } from '../../models/weights-source';
import { usesOwnNetwork, type NormalizationName } from '../../runs/parameters';
import { describeWeights } from '../../runs/saved-model';
import { normalizationOf } from '../../runs/weights-normalization';

/** torchvision's weights, which the study starts from. */
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
  /** What images went through when the weights were made; `auto` where that is known. */
  readonly normalization?: NormalizationName;
}

function isSmall(choice: Pick<EncoderChoice, 'profile' | 'weights'>): boolean {
  return usesOwnNetwork(choice) || describeWeights(choice.weights)?.network.architecture === ownVit;
}

/**
 * What `openVit` is to open.
 * @throws UserError for a weights file that is not there, or does not say its normalisation
 */
export function encoderRequest(choice: EncoderChoice): VitRequest {
  const { profile, weights, imageSize, seed } = choice;
  const own = isSmall({ profile, weights });
  const pretrained = own ? ownVit : encoderOfStudy;
  checkWeights(weights, pretrained);
  const normalization = normalizationOf(weights, pretrained, choice.normalization);
  const common = { weights, imageSize, seed, pretrained, normalization } as const;
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
