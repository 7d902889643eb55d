/** The parameters of notebook 07. */
import { maskDataParameters } from '../../runs/mask-parameters';
import {
  booleanParameter,
  common,
  integerParameter,
  numberParameter,
  numbersIn,
  numbersParameter,
  textParameter,
  weightsParameter,
  type ResolvedParameters,
} from '../../runs/parameters';

/** Meta's names. */
export const encodersOfStudy = ['dinov3_vits16', 'dinov3_vitb16', 'dinov3_vitl16'] as const;
/** The encoder of a U-Net, which has none of its own. */
export const noEncoder = 'none';

/** Small networks that stand in for them. */
export const encodersOfTour = ['dinov3_tour_s', 'dinov3_tour_b', 'dinov3_tour_l'] as const;

/** The project's own network with its embedded weights, and without them. */
export const ownEncoders = ['vit_mini_patch4', 'vit_mini_random'] as const;

export const dinov3EncoderNames = [...encodersOfStudy, ...encodersOfTour, ...ownEncoders] as const;
export type Dinov3EncoderName = (typeof dinov3EncoderNames)[number];

/**
 * Stands for the three encoders of the study, with embedded weights for the project's own, or for two of the small
 * ones in the tour with random weights.
 */
export const automaticEncoders = 'auto';

/** Each once, ascending. */
export function fractionsOf(fractions: string | number): number[] {
  return [...new Set(numbersIn(fractions))].sort((a, b) => a - b);
}

/** The paper profile is the study's; the tour's values are made for a minute on two cores. */
export const dinov3ParameterSpecs = {
  ...maskDataParameters({
    imageSize: { tour: 48, paper: 256 },
    syntheticImages: { tour: 48, paper: 2594 },
    study: 'data/isic2018',
  }),
  weights: weightsParameter,
  encoders: textParameter(
    `auto, or names with commas between them: ${dinov3EncoderNames.join(', ')}`,
    automaticEncoders,
    `auto or some of ${dinov3EncoderNames.join(', ')}`,
  ),
  fractions: numbersParameter('Fractions of the training images', '0.25,0.5,1', {
    allowed: 'numbers above 0 and at most 1 with commas between them, such as 0.25,0.5,1',
    isAllowed: (fraction) => fraction > 0 && fraction <= 1,
  }),
  seeds: integerParameter('Seeds of the corrected arm, from "seed" on', { tour: 2, paper: 3 }, 1, 100),
  cache: booleanParameter('Whether maps of the frozen encoder are kept and used again', true),
  epochs: integerParameter('Passes over the training images, at most', { tour: 8, paper: 100 }, 1, 10_000),
  ...common,
  precision: { ...common.precision, meaning: `${common.precision.meaning}; the frozen encoder, too` },
  batchSize: integerParameter('Images a step', { tour: 4, paper: 8 }, 1, 1024),
  learningRate: numberParameter(
    'Learning rate of AdamW at the start of the cosine',
    { tour: 6e-3, paper: 3e-4 },
    1e-8,
    10,
  ),
  weightDecay: numberParameter('Weight decay of AdamW', 1e-4, 0, 1),
  diceWeight: numberParameter('Weight of a soft Dice loss beside the cross-entropy', 0, 0, 100),
  patience: integerParameter('Epochs without a better validation Dice that end a training', 10, 1, 10_000),
  flips: booleanParameter('Whether training images are flipped at random; not in the study', false),
  flipTta: booleanParameter('Whether test images are predicted in four flips too', { tour: true, paper: false }),
  nativeScores: booleanParameter('Whether masks are scored at the size of the files too', false),
  unetWidth: integerParameter('Channels of the U-Net’s first level', { tour: 8, paper: 32 }, 1, 64),
  decoderWidth: integerParameter(
    'Channels of the decoder’s deepest level; a multiple of 8',
    { tour: 32, paper: 256 },
    8,
    1024,
  ),
};

export type Dinov3Parameters = ResolvedParameters<typeof dinov3ParameterSpecs>;
