/**
 * What a run of the fourth study leaves: its configuration, what was measured of each test image, and the probabilities that pictures are
 * drawn from. Fractions, seconds and pixels of the network's input, full precision.
 *
 *     STORE/RUN ID/configuration.json   `dinov3ConfigurationSchema`
 *     STORE/RUN ID/result.json          `dinov3ResultSchema`, under `result`
 *     STORE/RUN ID/probabilities.npy    uint8, test images × height × width: 255 · P(lesion), see `quantizeProbabilities`
 *     STORE/RUN ID/best.safetensors     the selected epoch's weights; of a Dino U-Net the decoder's alone
 */
import { join } from 'node:path';
import { z } from 'zod';
import { openNpyFile } from '../../data/npy-file';
import { UserError } from '../../errors';
import type { SegmentationScores } from '../../metrics/segmentation';
import type { FinishedRun } from '../../runs/store';

export const dinov3Arms = ['as-published', 'corrected'] as const;
export type Dinov3Arm = (typeof dinov3Arms)[number];
export const dinov3Models = ['unet', 'dino-unet'] as const;
export type Dinov3Model = (typeof dinov3Models)[number];

/** The encoder of a U-Net, which has none of its own. */
export const noEncoder = 'none';

/** A pixel is in the predicted mask where its probability is above this (`>`, as in the study; the third study has `>=`). */
export const maskThreshold = 0.5;

/** Everything that determines a run; its hash is the run's id. */
export const dinov3ConfigurationSchema = z.strictObject({
  study: z.literal('dinov3-segmentation'),
  arm: z.enum(dinov3Arms),
  model: z.enum(dinov3Models),
  /** Such as `dinov3_vits16`; `none` of a U-Net. */
  encoder: z.string(),
  /** hub, random, or the file's name; `random` of a U-Net. */
  weights: z.string(),
  /** SHA-256 of the encoder's weights; empty of a U-Net. */
  weightsKey: z.string(),
  /** Of the training images, above 0 and at most 1. */
  fraction: z.number().gt(0).max(1),
  seed: z.int().min(0),
  data: z.strictObject({
    name: z.string(),
    sha256: z.string(),
    /** Pixels a side that images are read and scored at. */
    imageSize: z.int(),
    /** Hash of which images are in which split: where the source does not say, a seed has drawn them. */
    splits: z.string().optional(),
  }),
  settings: z.strictObject({
    /** At most. */
    epochs: z.int(),
    batchSize: z.int(),
    learningRate: z.number(),
    weightDecay: z.number(),
    /** Weight of the soft Dice loss beside the cross-entropy's 1. */
    diceWeight: z.number(),
    /** The training ends after so many epochs without a better validation Dice. */
    patience: z.int(),
    /** Whether training images are flipped at random, left and right and top and bottom. */
    flips: z.boolean(),
    /** Whether the test images are predicted in their four flips too. */
    flipTta: z.boolean(),
    /** Whether masks are scored at the size of the files too. */
    nativeScores: z.boolean(),
    /** Channels of the U-Net's first level; 0 of a Dino U-Net. */
    unetWidth: z.int(),
    /** Channels of the decoder's deepest level; 0 of a U-Net. */
    decoderWidth: z.int(),
    /** What the frozen encoder computes in. */
    precision: z.enum(['float32', 'bfloat16']),
  }),
});
export type Dinov3Configuration = z.infer<typeof dinov3ConfigurationSchema>;
export type Dinov3Settings = Dinov3Configuration['settings'];

/** JSON has null where there is no number. */
const numberOrNaN = z.union([z.number(), z.nan(), z.null().transform(() => NaN)]);

const scoresSchema: z.ZodType<SegmentationScores> = z.strictObject({
  dice: z.number(),
  jaccard: z.number(),
  sensitivity: z.number(),
  specificity: z.number(),
  accuracy: z.number(),
  thresholdJaccard: z.number(),
  hd95: z.number(),
  hd95Defined: z.boolean(),
});

/** As `ReliabilityBin`; NaN in an empty bin. */
const binSchema = z.strictObject({
  lower: z.number(),
  upper: z.number(),
  count: z.int(),
  confidence: numberOrNaN,
  accuracy: numberOrNaN,
});

const calibrationSchema = z.strictObject({
  /** Mean over images of the calibration error of all of their pixels. */
  error: z.number(),
  /** Mean over images of the calibration error in the band around the border; NaN where no image has one. */
  borderError: numberOrNaN,
  /** Images whose truth is empty or full, which are not in `borderError`. */
  withoutBorder: z.int(),
  /** Of each test image, in the order of `testIds`; `imageBorderErrors` is NaN where there is no border. */
  imageErrors: z.array(z.number()),
  imageBorderErrors: z.array(numberOrNaN),
  /** Of the pixels of all test images together, and of those in the band, for reliability diagrams: P(lesion) against its share. */
  bins: z.array(binSchema),
  borderBins: z.array(binSchema),
});
export type CalibrationRecord = z.infer<typeof calibrationSchema>;

export const dinov3HistoryRowSchema = z.looseObject({
  /** Counted from 1. */
  epoch: z.int(),
  trainLoss: numberOrNaN,
  trainDice: numberOrNaN,
  valLoss: numberOrNaN,
  valDice: numberOrNaN,
  learningRate: z.number(),
  seconds: z.number(),
});

/** `result` of `result.json`. */
export const dinov3ResultSchema = z.looseObject({
  trainImages: z.int(),
  valImages: z.int(),
  /** All values of the network, and those that were trained. */
  parameters: z.int(),
  trainableParameters: z.int(),
  /** Of all epochs, with `featureSeconds`. */
  seconds: z.number(),
  /**
   * What the frozen encoder took for the maps of all images, which are there before the first step: measured when they were computed, be
   * it by an earlier run; 0 of a U-Net, and where no maps are kept.
   */
  featureSeconds: z.number(),
  /** Training and validation; the first includes `featureSeconds`. */
  secondsPerEpoch: z.array(z.number()),
  /** Epochs that were run, and whose weights were tested, counted from 1. */
  epochs: z.int(),
  selectedEpoch: z.int(),
  bestValDice: z.number(),
  bestValLoss: z.number(),
  history: z.array(dinov3HistoryRowSchema),
  threshold: z.literal(maskThreshold),
  /** The same order in all runs on the same data; one entry a test image in all of the following. */
  testIds: z.array(z.string()),
  scores: z.array(scoresSchema),
  /** Of the largest component with its holes filled. */
  cleanedScores: z.array(scoresSchema),
  /** Of the mean probability over the four flips; only with `flipTta`. */
  flippedScores: z.array(scoresSchema).optional(),
  /** At the size of the files, HD95 in their pixels; only with `nativeScores`. */
  nativeScores: z.array(scoresSchema).optional(),
  calibration: z.strictObject({
    /** Pixels on either side of the border that are in the band. */
    bandWidth: z.number(),
    before: calibrationSchema,
    /** With the validation images' temperature. */
    after: calibrationSchema,
  }),
  /** Logits are divided by it; fitted on the validation images. */
  temperature: z.number(),
  /** Encoder and decoder, or the U-Net, one image at a time; the fastest of several passes. */
  millisecondsPerImage: z.number(),
  /** In the run's folder. */
  probabilitiesFile: z.string(),
});
export type Dinov3Result = z.infer<typeof dinov3ResultSchema>;

/** A finished run with the folder that its files are in. */
export interface Dinov3Run extends FinishedRun<Dinov3Configuration, Dinov3Result> {
  readonly directory: string;
}

/**
 * 255 · P, rounded; but where the logit is not above 0 at most 127, and where it is at least 128, so that `byte > 127` is the scored mask
 * to the pixel.
 */
export function quantizeProbabilities(logits: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(logits.length);
  for (let index = 0; index < bytes.length; index++) {
    const byte = Math.round(255 / (1 + Math.exp(-logits[index])));
    bytes[index] = logits[index] > 0 ? Math.max(128, byte) : Math.min(127, byte);
  }
  return bytes;
}

export interface TestProbabilities {
  readonly ids: readonly string[];
  readonly height: number;
  readonly width: number;
  /** 255 · P(lesion) of one test image, height × width; its mask is where it is above 127. */
  read(index: number): Uint8Array;
  close(): void;
}

/** The probabilities of a run's test images, which stay on the disk until they are read. @throws UserError where the file does not fit */
export function openTestProbabilities({
  directory,
  result,
}: Pick<Dinov3Run, 'directory' | 'result'>): TestProbabilities {
  const file = openNpyFile(join(directory, result.probabilitiesFile));
  const [count, height, width] = file.shape;
  if (file.type !== '|u1' || file.shape.length !== 3 || count !== result.testIds.length) {
    file.close();
    throw new UserError(`${file.path} does not have the ${result.testIds.length} test images of its run: delete the run's folder to run it again.`); // prettier-ignore
  }
  return {
    ids: result.testIds,
    height,
    width,
    read(index) {
      const bytes = new Uint8Array(height * width);
      file.readRows(index, 1, bytes);
      return bytes;
    },
    close: () => file.close(),
  };
}
