/** What the fourth study did, and what "as published" and "corrected" mean for it. */
import type { Normalization } from '../../data/batches';
import { nestedSubset } from '../../data/splits';
import type { EmptyConvention } from '../../metrics/segmentation';
import type { Dinov3Arm, Dinov3Model } from './results';

/** What a decoder of the study does is in its model (`dino-unet.ts`); these are the switches of its training and test. */
export interface Dinov3Options {
  /** Whether images are normalised with ImageNet's mean and deviation; in the study they stayed numbers from 0 to 255. */
  readonly normalizedInput: boolean;
  /** Whether all validation images select the epoch; in the study, validation shrank with the training fraction. */
  readonly wholeValidation: boolean;
  /** Share of the epochs that Dino U-Nets get on all images; the study's configuration files give them 30 of 100. */
  readonly epochsOnAllImages: number;
  /** Whether several seeds are run; the study had one. */
  readonly severalSeeds: boolean;
  /** Scores where a mask is empty. */
  readonly empty: EmptyConvention;
}

export const dinov3ArmOptions: Readonly<Record<Dinov3Arm, Dinov3Options>> = {
  'as-published': {
    normalizedInput: false,
    wholeValidation: false,
    epochsOnAllImages: 0.3,
    severalSeeds: false,
    empty: 'epsilon-in-both',
  },
  corrected: {
    normalizedInput: true,
    wholeValidation: true,
    epochsOnAllImages: 1,
    severalSeeds: true,
    empty: 'isic',
  },
};

export interface ArmDifference {
  readonly what: string;
  readonly asPublished: string;
  readonly corrected: string;
}

/** One row a difference, those of the model among them. */
export function describeDinov3Arms(seeds: number): ArmDifference[] {
  return [
    { what: 'Images', asPublished: 'numbers from 0 to 255', corrected: 'normalised with ImageNet’s mean and deviation' }, // prettier-ignore
    { what: 'Blocks of ViT-L', asPublished: '2, 5, 8, 11 of 24; those after 11 are dropped', corrected: '4, 11, 17, 23' }, // prettier-ignore
    { what: 'Tokens of the blocks', asPublished: 'without the final norm', corrected: 'with the final norm' },
    { what: 'Resolution of the four levels', asPublished: '1/16 each, then ×16 in one interpolation', corrected: '1/32, 1/16, 1/8, 1/4, then ×4' }, // prettier-ignore
    { what: 'Deepest, widest level', asPublished: 'of the earliest block', corrected: 'of the last block' },
    { what: 'Gate of the details', asPublished: 'sigmoid after ReLU, never below ½', corrected: 'sigmoid' },
    { what: 'Validation images', asPublished: 'the same fraction as of the training images', corrected: 'all' },
    { what: 'Epochs of Dino U-Nets on all images', asPublished: '30 % of the others’', corrected: 'as many' },
    { what: 'Seeds', asPublished: '1', corrected: String(seeds) },
    { what: 'Dice where masks are empty', asPublished: '(2I + 10⁻⁶) / (P + T + 10⁻⁶)', corrected: '1 where both are empty' }, // prettier-ignore
  ];
}

/** What the study did and neither arm does. */
export const leftOut: readonly { readonly what: string; readonly why: string }[] = [
  { what: 'Mean over batches of the batches’ means', why: 'each image counts once; with batches of equal size it is the same' }, // prettier-ignore
  {
    what: 'Half precision with a gradient scaler',
    why: 'trainings are float32 here; the frozen encoder may be bfloat16',
  },
  {
    what: 'A resumed training that starts at epoch 1 again',
    why: 'a continued training is the same as one left alone',
  },
  { what: 'The draw of torch.randperm', why: 'fractions are nested in both arms, but drawn from the sorted ids' },
];

/** The paper profile's settings, which are the study's. */
export const studySettings = {
  epochs: 100,
  batchSize: 8,
  learningRate: 3e-4,
  weightDecay: 1e-4,
  patience: 10,
  imageSize: 256,
  fractions: [0.25, 0.5, 1],
  unetWidth: 32,
  decoderWidth: 256,
  seed: 42,
} as const;

/** What a U-Net's images are normalised with; those of an encoder say for themselves. */
export const imagenetNormalization: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Leaves the bytes as they are. */
export const byteNormalization: Normalization = { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] };

export interface FractionPlan {
  /** Indices of images, ascending. */
  readonly train: Int32Array;
  readonly val: Int32Array;
}

/**
 * The images of a run. A seed's fractions are nested: a quarter of the images is among the half.
 * @param counts images that there are
 */
export function planFraction(
  { fraction, seed, arm }: { readonly fraction: number; readonly seed: number; readonly arm: Dinov3Arm },
  counts: Readonly<Record<'train' | 'val', number>>,
): FractionPlan {
  const part = (count: number): Int32Array =>
    nestedSubset(count, Math.max(1, Math.floor(count * fraction + 1e-9)), { seed });
  return {
    train: part(counts.train),
    val: dinov3ArmOptions[arm].wholeValidation
      ? Int32Array.from({ length: counts.val }, (_, index) => index)
      : part(counts.val),
  };
}

/** What an image goes through before the network. @param expected of the encoder's weights */
export function normalizationOf(arm: Dinov3Arm, expected: Normalization): Normalization {
  return dinov3ArmOptions[arm].normalizedInput ? expected : byteNormalization;
}

/** Of a run, at the most. */
export function epochsOf(
  { arm, model, fraction }: { readonly arm: Dinov3Arm; readonly model: Dinov3Model; readonly fraction: number },
  epochs: number,
): number {
  const shortened = model === 'dino-unet' && fraction === 1 ? dinov3ArmOptions[arm].epochsOnAllImages : 1;
  return Math.max(1, Math.round(shortened * epochs));
}
