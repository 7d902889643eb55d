/** What the fourth study did and what is corrected, as values, and the training that a point of its grid stands for. */
import type { PrecisionSetting } from '../../precisions';
import { byteNormalization, imagenetNormalization } from '../../data/normalization';
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { take } from '../../data/take';
import { UserError } from '../../errors';
import type { EmptyConvention } from '../../metrics/segmentation';
import type { DinoUnetArm } from '../../models/dino-unet';
import { dinoUnet, frozen } from '../../models/encoder-networks';
import { blockMaps, type Vit } from '../../models/encoders';
import { dinoUnetBlocks } from '../../models/feature-maps';
import type { Network } from '../../models/network';
import { unet } from '../../models/networks';
import type { Arm } from '../../runs/arms';
import type { GridWork } from '../../runs/grid';
import type { RowFacts } from '../../runs/results';
import { flip } from '../../training/augmentations';
import { adamW } from '../../training/create-optimizer';
import { binaryCrossEntropy, dice } from '../../training/losses';
import type { Recipe } from '../../training/recipe';
import { cosine } from '../../training/schedules';
import type { Dinov3Parameters } from './parameters';
import type { Dinov3Point } from './groups';
import { noEncoder } from './parameters';

/** The switches between the arms. */
export interface Dinov3ArmOptions {
  /** In the study, images stayed numbers from 0 to 255. */
  readonly images: 'numbers from 0 to 255' | 'normalised';
  /** Of which blocks the decoder gets maps, see `dinoUnetBlocks`: the study's are 2, 5, 8 and 11 of any encoder, without the final norm. */
  readonly blocks: DinoUnetArm;
  /** See `dino-unet.ts`: the study's pyramid never leaves the patches' grid, and its gate cannot close below ½. */
  readonly decoder: DinoUnetArm;
  /** Validation images that select the epoch; in the study they shrank with the training images. */
  readonly validation: 'the same fraction' | 'all';
  /** Share of the epochs that Dino U-Nets get on all images; the study's configuration files give them 30 of 100. */
  readonly epochsOnAllImages: number;
  readonly seeds: number;
  /** Scores where a mask is empty. */
  readonly empty: EmptyConvention;
  /** What trainings compute in: the study's used half precision. */
  readonly precision: PrecisionSetting;
}

export type Dinov3Arms = Readonly<Record<Arm, Dinov3ArmOptions>>;

/** @param seeds of the corrected arm; the study had one */
export function armsOf({
  seeds,
  precision = 'float32',
  profile = 'tour',
}: Pick<Dinov3Parameters, 'seeds'> & Partial<Pick<Dinov3Parameters, 'precision' | 'profile'>>): Dinov3Arms {
  return {
    'as-published': {
      images: 'numbers from 0 to 255',
      blocks: 'as-published',
      decoder: 'as-published',
      validation: 'the same fraction',
      epochsOnAllImages: 0.3,
      seeds: 1,
      empty: 'epsilon-in-both',
      precision: profile === 'paper' && precision === 'float32' ? 'auto' : precision,
    },
    corrected: {
      images: 'normalised',
      blocks: 'corrected',
      decoder: 'corrected',
      validation: 'all',
      epochsOnAllImages: 1,
      seeds,
      empty: 'isic',
      precision,
    },
  };
}

/** What the study did and neither arm does. */
export const leftOut: readonly { readonly what: string; readonly why: string }[] = [
  {
    what: 'Mean over batches of the batches’ means',
    why: 'each image counts once; with batches of equal size it is the same',
  },
  {
    what: 'Half precision (float16) with a gradient scaler',
    why: 'bfloat16 has the range of float32 and needs no scaler: the arm as published takes it in the paper profile where it is faster',
  },
  {
    what: 'A resumed training that starts at epoch 1 again',
    why: 'a continued training is the same as one left alone',
  },
  { what: 'The draw of torch.randperm', why: 'fractions are nested in both arms, but drawn from the sorted ids' },
];

/** Networks by name, `none` of the U-Net first, fractions and seeds of an arm, in an order in which each encoder is needed once. */
export function pointsOf(
  arm: Arm,
  encoders: readonly string[],
  fractions: readonly number[],
  seeds: readonly number[],
): Dinov3Point[] {
  return encoders.flatMap((encoder) =>
    fractions.flatMap((fraction) => seeds.map((seed) => ({ arm, encoder, fraction, seed }))),
  );
}

/** The seeds of an arm, from the first on. */
export function seedsFrom(first: number, { seeds }: Pick<Dinov3ArmOptions, 'seeds'>): number[] {
  return Array.from({ length: seeds }, (_, index) => first + index);
}

/** A fraction of the images, at least one, rounded down as the study's loader does. */
export function partOf(count: number, fraction: number): number {
  return Math.max(1, Math.floor(count * fraction + 1e-9));
}

/** The images of a run. A seed's fractions are nested: a quarter of the images is among the half. */
export function imagesOf(
  data: SegmentationDataset,
  { fraction, seed }: Pick<Dinov3Point, 'fraction' | 'seed'>,
  { validation }: Pick<Dinov3ArmOptions, 'validation'>,
): SegmentationDataset {
  const { train, val } = data.splits;
  return take(data, {
    train: partOf(train.count, fraction),
    val: validation === 'all' ? undefined : partOf(val.count, fraction),
    seed,
  });
}

/** Of a run, at the most. */
export function epochsOf(
  { encoder, fraction }: Pick<Dinov3Point, 'encoder' | 'fraction'>,
  epochs: number,
  { epochsOnAllImages }: Pick<Dinov3ArmOptions, 'epochsOnAllImages'>,
): number {
  return encoder !== noEncoder && fraction === 1 ? Math.max(1, Math.round(epochsOnAllImages * epochs)) : epochs;
}

/** What the row of a run says beside what was measured. */
function rowOf(
  { arm, encoder, fraction }: Pick<Dinov3Point, 'arm' | 'encoder' | 'fraction'>,
  settings: Dinov3Parameters,
): RowFacts {
  const { flips, flipTta, nativeScores, unetWidth, decoderWidth, diceWeight, epochs } = settings;
  const isUnet = encoder === noEncoder;
  return {
    arm,
    encoder,
    fraction,
    protocol: isUnet ? 'scratch' : 'frozen',
    settings: {
      ...{ diceWeight, flips: String(flips), flipTta: String(flipTta), nativeScores: String(nativeScores) },
      ...(isUnet ? { unetWidth } : { decoderWidth }),
      // An arm may shorten the training on all images.
      plannedEpochs: epochs,
    },
  };
}

export interface Dinov3Resources {
  readonly settings: Dinov3Parameters;
  readonly data: SegmentationDataset;
  /** By name. */
  readonly vits: Readonly<Record<string, Vit>>;
  readonly arms: Dinov3Arms;
}

/** The training of a point, for notebook 07 and the command: network, images, recipe, test, and what its row says. */
export function workOf(point: Dinov3Point, { settings, data, vits, arms }: Dinov3Resources): GridWork {
  const options = arms[point.arm];
  const { batchSize, learningRate, weightDecay, diceWeight, patience, flips, flipTta, nativeScores } = settings;
  const recipe: Recipe = {
    epochs: epochsOf(point, settings.epochs, options),
    batchSize,
    seed: point.seed,
    optimizer: adamW({ weightDecay }),
    schedule: cosine({ learningRate }),
    augment: flips ? [flip('horizontal'), flip('vertical')] : [],
    loss: diceWeight > 0 ? [binaryCrossEntropy(), dice({ weight: diceWeight })] : binaryCrossEntropy(),
    select: 'dice',
    patience,
    precision: options.precision,
  };
  return {
    network: networkOf(point, { settings, vits, arms }),
    data: imagesOf(data, point, options),
    recipe,
    test: { empty: options.empty, report: { flips: flipTta, nativeScores } },
    row: rowOf(point, settings),
  };
}

/** What is trained. @throws UserError where the encoder has not been opened */
function networkOf(
  { arm, encoder }: Pick<Dinov3Point, 'arm' | 'encoder'>,
  { settings, vits, arms }: Pick<Dinov3Resources, 'settings' | 'vits' | 'arms'>,
): Network {
  const { images, blocks, decoder } = arms[arm];
  const { unetWidth: width, decoderWidth, cache, imageSize: size } = settings;
  const isNormalised = images === 'normalised';
  if (encoder === noEncoder)
    return unet({ width, normalization: isNormalised ? imagenetNormalization : byteNormalization });
  if (!Object.hasOwn(vits, encoder))
    throw new UserError(`The run needs ${encoder}, which was not opened: open it first.`);
  const vit = vits[encoder];
  const maps = blockMaps(
    { ...vit, normalization: isNormalised ? vit.normalization : byteNormalization },
    dinoUnetBlocks(vit.config, blocks),
  );
  const network = frozen(maps, dinoUnet(maps, { width: decoderWidth, arm: decoder, size }), { cache });
  return { ...network, name: `Dino U-Net, ${vit.title}` };
}
