/** The encoder of the few-shot study: torchvision's ViT-B/16, or half of the project's own small network. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { halfNormalization, imagenetNormalization, type Normalization } from '../../data/batches';
import { UserError } from '../../errors';
import { decoderConfigs } from '../../models/decoders';
import type { VitRequest } from '../../models/encoders';
import { findModel } from '../../models/pretrained';
import { checkWeights, weightsNames } from '../../models/weights-source';
import { describeWeights } from '../../runs/saved-model';
import type { NormalizationName } from './parameters';

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

/**
 * The record of what the study starts from, or what stands beside a file, as the hub has it of timm's (config.json).
 * @throws UserError for a file of which nothing is known: it has to be said
 */
function normalizationOf({ weights, normalization = 'auto' }: EncoderChoice, pretrained: string): Normalization {
  if (normalization !== 'auto') return normalizations[normalization];
  const record = findModel(pretrained);
  const { mean, std, name } = record;
  const url = 'url' in record ? record.url : name;
  const isPath = !weightsNames.includes(weights);
  const ofRecord = [name, basename(url, '.pth')].some((stem) => basename(weights).startsWith(stem));
  if (!isPath || ofRecord) return { mean, std };
  const kept = describeWeights(weights);
  if (kept !== undefined) return { mean: kept.input.mean, std: kept.input.std };
  const beside = join(dirname(weights), 'config.json');
  const said = existsSync(beside) ? configSchema.safeParse(JSON.parse(readFileSync(beside, 'utf8'))) : undefined;
  if (said?.success === true) return said.data.pretrained_cfg;
  throw new UserError(
    `Nothing says what images ${basename(weights)} was trained on were normalised by: set normalization to imagenet or half (0.5), or put timm’s config.json beside it.`,
  );
}

const normalizations = { imagenet: imagenetNormalization, half: halfNormalization };

const triple = z.tuple([z.number(), z.number(), z.number()]);
const configSchema = z.object({ pretrained_cfg: z.object({ mean: triple, std: triple }) });

function isSmall({ profile, weights }: Pick<EncoderChoice, 'profile' | 'weights'>): boolean {
  if (weights === 'embedded' || (profile === 'tour' && weights === 'random')) return true;
  return describeWeights(weights)?.network.architecture === ownVit;
}

/**
 * What `openVit` is to open.
 * @throws UserError for a weights file that is not there, or does not say its normalisation
 */
export function encoderOf(choice: EncoderChoice): VitRequest {
  const { profile, weights, imageSize, seed } = choice;
  const own = isSmall({ profile, weights });
  const pretrained = own ? ownVit : encoderOfStudy;
  checkWeights(weights, pretrained);
  const common = { weights, imageSize, seed, pretrained, normalization: normalizationOf(choice, pretrained) } as const;
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
