/** The frozen encoders of the fourth study: DINOv3 ViT-S, -B and -L; the project's own; and small random networks of DINOv3's shape. */
import type { PrecisionSetting } from '../../precisions';
import { choosePrecision } from '../../tensor/chosen-precision';
import { suggestion, UserError } from '../../errors';
import type { VitRequest } from '../../models/encoders';
import { findModel } from '../../models/pretrained';
import { tourVitParameters, tourVits } from '../../models/tour-networks';
import { patchGrid, vitConfigs, type VitConfig, type VitName } from '../../models/vit';
import { checkWeights, weightsNames } from '../../models/weights-source';
import {
  automaticEncoders,
  dinov3EncoderNames,
  encodersOfStudy,
  ownEncoders,
  type Dinov3EncoderName,
  type encodersOfTour,
} from './parameters';

interface EncoderRecord {
  readonly title: string;
  /** Of the hub, or the network whose weights are embedded. */
  readonly pretrained: string;
  readonly architecture: VitName;
  /** What it has whatever is asked for. */
  readonly weights?: 'random';
}

/** Under Meta's names. */
export const dinov3Encoders: Readonly<Record<(typeof encodersOfStudy)[number], EncoderRecord>> = {
  dinov3_vits16: encoderRecord('S', 'vit_small_patch16_dinov3'),
  dinov3_vitb16: encoderRecord('B', 'vit_base_patch16_dinov3'),
  dinov3_vitl16: encoderRecord('L', 'vit_large_patch16_dinov3'),
};

function encoderRecord(size: string, architecture: VitName): EncoderRecord {
  return { title: `DINOv3-${size}`, pretrained: `${architecture}.lvd1689m`, architecture };
}

const own = { pretrained: ownEncoders[0], architecture: ownEncoders[0] } as const;
/** The second shows what the weights of the first are worth. */
const ownRecords: Readonly<Record<(typeof ownEncoders)[number], EncoderRecord>> = {
  vit_mini_patch4: { ...own, title: 'mini ViT' },
  vit_mini_random: { ...own, title: 'mini ViT, random weights', weights: 'random' },
};
const records = { ...dinov3Encoders, ...ownRecords };

/** Stand in for the three where weights are random in the tour. */
const tourEncoders: Readonly<Record<(typeof encodersOfTour)[number], { title: string; config: VitConfig }>> = {
  dinov3_tour_s: { title: 'tour S', config: tourVits.small },
  dinov3_tour_b: { title: 'tour B', config: tourVits.base },
  dinov3_tour_l: { title: 'tour L', config: tourVits.large },
};

/** For tables and figures. */
export function encoderTitle(name: string): string {
  const known: Readonly<Record<string, { readonly title: string }>> = { ...records, ...tourEncoders };
  return Object.hasOwn(known, name) ? known[name].title : name;
}

export interface EncoderChoice {
  readonly profile: string;
  /** auto, or names with commas between them. */
  readonly encoders: string;
  /** embedded, hub, random, or the path of a file, in which `{encoder}` stands for the name. */
  readonly weights: string;
  /** Pixels a side. */
  readonly imageSize: number;
}

/** As published, cut off after block 11, the large one is the same network as the other: its width is the same. */
const namesOfTour = ['dinov3_tour_b', 'dinov3_tour_l'] as const satisfies readonly Dinov3EncoderName[];

/**
 * Which encoders a run's parameters name, without a download.
 * @throws UserError for names that are none, and for weights or a size that do not fit one of them
 */
export function encodersOf({ encoders, profile, weights, imageSize }: EncoderChoice): Dinov3EncoderName[] {
  const small =
    weights === 'embedded' ? ownEncoders : profile === 'tour' && weights === 'random' ? namesOfTour : undefined;
  const automatic = small ?? encodersOfStudy;
  const names =
    encoders === automaticEncoders ? automatic : [...new Set(encoders.split(',').map((name) => name.trim()))];
  if (names.length > 1 && !weightsNames.includes(weights) && !weights.includes('{encoder}'))
    throw new UserError(
      `weights is ${weights}, but there are ${names.length} encoders: give one of them in encoders, or {encoder} in the path for its name.`,
    );
  return names.map((name) => checkEncoder(name, { weights, imageSize }));
}

function checkEncoder(
  given: string,
  { weights, imageSize }: Pick<EncoderChoice, 'weights' | 'imageSize'>,
): Dinov3EncoderName {
  const name = dinov3EncoderNames.find((known) => known === given);
  if (name === undefined)
    throw new UserError(
      `There is no encoder "${given}"${suggestion(given, dinov3EncoderNames) || '.'} There are ${dinov3EncoderNames.join(', ')}.`,
    );
  const config = isTour(name) ? tourVits.small : vitConfigs[records[name].architecture];
  patchGrid({ height: imageSize, width: imageSize }, config);
  if (!isTour(name)) checkWeights(weightsOf(name, weights), records[name].pretrained);
  else if (weights !== 'random')
    throw new UserError(
      `${name} has random weights only: give weights=random, or one of ${encodersOfStudy.join(', ')}.`,
    );
  return name;
}

function weightsOf(name: keyof typeof records, weights: string): string {
  return records[name].weights ?? weights.replace('{encoder}', name);
}

function isTour(name: Dinov3EncoderName): name is keyof typeof tourEncoders {
  return Object.hasOwn(tourEncoders, name);
}

/** What `openVit` is to open. */
export function encoderRequest(
  name: Dinov3EncoderName,
  choice: Pick<EncoderChoice, 'weights' | 'imageSize'> & Pick<VitRequest, 'seed'> & { precision?: PrecisionSetting },
): VitRequest {
  const { weights, imageSize, seed, precision } = choice;
  const { mean, std } = findModel(records[isTour(name) ? 'dinov3_vits16' : name].pretrained);
  const common = { name, title: encoderTitle(name), normalization: { mean, std }, imageSize, seed } as const;
  if (isTour(name)) {
    const { config } = tourEncoders[name];
    return { ...common, architecture: config, table: tourVitParameters(config), weights };
  }
  const { pretrained, architecture } = records[name];
  const own = { weights: weightsOf(name, weights), precision: choosePrecision(precision) };
  return { ...common, ...own, architecture, pretrained };
}
