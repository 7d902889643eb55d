/** What the few-shot study did at each number of training images, and what "as published" and "corrected" mean for it. */
import type { Normalization } from '../../data/batches';
import { unitNormalization } from '../../data/segmentation-batches';
import { nestedSubset } from '../../data/splits';
import type { SegmenterSettings } from '../../training/segmenter';

export const fewShotArms = ['as-published', 'corrected'] as const;
export type FewShotArm = (typeof fewShotArms)[number];

/** The switches between the arms: each can be set by itself. */
export interface FewShotOptions {
  /**
   * Batch norm on the test images: the study's evaluation forgot `eval()`, so that it used the statistics of each test batch, and an
   * image's mask depended on the 49 others.
   */
  readonly testStatistics: 'batch' | 'running';
  /** Positions added twice and the final norm applied twice, by the study's encoder and by torchvision's inside it. */
  readonly doubledEmbedding: boolean;
  /** Whether images are normalised as the encoder's weights expect; the study left them in 0…1. */
  readonly normalizedInput: boolean;
  /** Whether the images of a smaller size are among those of a larger one; the study drew each size anew. */
  readonly nestedSubsets: boolean;
  /** Whether all validation images select the epoch at every size; the study took half as many as training images, down to five. */
  readonly fixedValidation: boolean;
  /** Whether each size is drawn several times (`draws`); the study drew once. */
  readonly severalDraws: boolean;
}

export const armOptions: Readonly<Record<FewShotArm, FewShotOptions>> = {
  'as-published': {
    testStatistics: 'batch',
    doubledEmbedding: true,
    normalizedInput: false,
    nestedSubsets: false,
    fixedValidation: false,
    severalDraws: false,
  },
  corrected: {
    testStatistics: 'running',
    doubledEmbedding: false,
    normalizedInput: true,
    nestedSubsets: true,
    fixedValidation: true,
    severalDraws: true,
  },
};

/** One row a difference. */
export function describeFewShotArms(draws: number): {
  readonly what: string;
  readonly option: keyof FewShotOptions;
  readonly asPublished: string;
  readonly corrected: string;
}[] {
  return [
    { what: 'Batch norm on test images', option: 'testStatistics', asPublished: 'statistics of the test batch', corrected: 'running statistics' }, // prettier-ignore
    {
      what: 'Positions and final norm',
      option: 'doubledEmbedding',
      asPublished: 'both applied twice',
      corrected: 'once',
    },
    { what: 'Input of the encoder', option: 'normalizedInput', asPublished: 'values in 0…1', corrected: 'normalised as its weights expect' }, // prettier-ignore
    { what: 'Training images of each size', option: 'nestedSubsets', asPublished: 'drawn anew', corrected: 'nested: 10 ⊂ 20 ⊂ 40 …' }, // prettier-ignore
    { what: 'Validation images', option: 'fixedValidation', asPublished: 'half as many as training images', corrected: 'all, at every size' }, // prettier-ignore
    { what: 'Draws of each size', option: 'severalDraws', asPublished: '1', corrected: String(draws) },
  ];
}

/** What is trained: the encoder's weights as they are given or after denoising, left alone or trained with the decoder. */
export interface Series {
  readonly encoder: 'pretrained' | 'denoised';
  readonly training: 'frozen' | 'end-to-end';
}

/** The study's F and E first; with them alone, two things change at once. */
export const allSeries = {
  F: { encoder: 'denoised', training: 'frozen' },
  E: { encoder: 'pretrained', training: 'end-to-end' },
  'F without denoising': { encoder: 'pretrained', training: 'frozen' },
  'E from the denoiser': { encoder: 'denoised', training: 'end-to-end' },
} as const satisfies Record<string, Series>;
export type SeriesName = keyof typeof allSeries;
export const seriesNames = Object.keys(allSeries) as SeriesName[];
/** Those that the study has. */
export const seriesOfStudy: readonly SeriesName[] = ['F', 'E'];

/** How the study trained at a number of training images. */
export interface SizeRecord {
  readonly size: number;
  readonly validation: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** Seconds of E and F on the study's machine (RTX 4070 Ti Super), and the share of E's that F saves. */
  readonly secondsE: number;
  readonly secondsF: number;
  readonly saved: number;
}

/** The study's third table. */
export const sizesOfStudy: readonly SizeRecord[] = (
  [
    [2000, 150, 100, 50, 1638.6, 732.7, 0.5529],
    [160, 80, 200, 10, 347.6, 178.2, 0.4873],
    [80, 40, 300, 10, 293.6, 151.8, 0.4823],
    [40, 20, 500, 10, 260.4, 148.4, 0.4301],
    [20, 10, 800, 10, 275.0, 151.5, 0.4491],
    [10, 5, 1200, 5, 175.6, 93.9, 0.4653],
  ] as const
).map(([size, validation, epochs, batchSize, secondsE, secondsF, saved]) => {
  return { size, validation, epochs, batchSize, secondsE, secondsF, saved };
});

/** The mean of the last column, which the study's abstract reports. */
export const savedOfStudy = 0.4779;

/** The study's scores on the 600 test images of ISIC 2017, with the series that its text means; its figures' legend has them swapped. */
export const scoresOfStudy = (
  [
    [2000, 'E', 0.67, 0.779, 0.912, 0.803],
    [2000, 'F', 0.63, 0.742, 0.896, 0.786],
    [160, 'E', 0.64, 0.75, 0.901, 0.795],
    [160, 'F', 0.634, 0.744, 0.894, 0.786],
    [80, 'E', 0.633, 0.746, 0.898, 0.785],
    [80, 'F', 0.61, 0.723, 0.885, 0.773],
    [40, 'E', 0.58, 0.699, 0.877, 0.729],
    [40, 'F', 0.587, 0.699, 0.875, 0.726],
    [20, 'E', 0.527, 0.647, 0.865, 0.703],
    [20, 'F', 0.539, 0.651, 0.855, 0.715],
    [10, 'E', 0.497, 0.623, 0.851, 0.758],
    [10, 'F', 0.507, 0.62, 0.829, 0.742],
  ] as const
).map(([size, series, jaccard, dice, accuracy, sensitivity]) => ({
  size,
  series,
  jaccard,
  dice,
  accuracy,
  sensitivity,
}));

/** The study's row for a size: its own, or that of the next smaller size, for sizes that it has not. */
export function recordOfSize(size: number): SizeRecord {
  return sizesOfStudy.find((record) => record.size <= size) ?? sizesOfStudy[sizesOfStudy.length - 1];
}

/** What a run sets of the training; epochs and batches change with the size in the study's proportion. */
export interface FewShotSettings {
  /** Passes over 160 images. */
  readonly epochs: number;
  /** Images a step, at 20 to 160 images. */
  readonly batchSize: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly seed: number;
  readonly draws: number;
}

export interface PlanRequest {
  readonly options: FewShotOptions;
  readonly settings: FewShotSettings;
  readonly size: number;
  /** Counted from 0. */
  readonly draw: number;
  /** Images that there are. */
  readonly counts: Readonly<Record<'train' | 'val', number>>;
  /** What the encoder's weights expect. */
  readonly normalization: Normalization;
}

/** Everything that one training depends on beside its series and the data. */
export interface TrainingPlan {
  /** Indices of images, ascending. */
  readonly train: Int32Array;
  readonly val: Int32Array;
  readonly normalization: Normalization;
  readonly doubledEmbedding: boolean;
  readonly settings: PlannedSettings;
}

export type PlannedSettings = Required<
  Pick<
    SegmenterSettings,
    | 'epochs'
    | 'batchSize'
    | 'learningRate'
    | 'weightDecay'
    | 'seed'
    | 'optimizer'
    | 'schedule'
    | 'selectBy'
    | 'testStatistics'
    | 'evaluationBatchSize'
  >
>;

/** The images and settings of one training. @throws UserError where there are fewer images than the size */
export function planTraining({ options, settings, size, draw, counts, normalization }: PlanRequest): TrainingPlan {
  const { learningRate, weightDecay, seed } = settings;
  const record = recordOfSize(size);
  const reference = recordOfSize(160);
  const share = (value: number, of: number, given: number): number => Math.max(1, Math.round((given * value) / of));
  // A seed of its own makes another draw of each size.
  const subset = (count: number, wanted: number): Int32Array =>
    nestedSubset(count, wanted, { seed: options.nestedSubsets ? seed : seed + size, draw });
  const validation =
    size === sizesOfStudy[0].size ? counts.val : Math.min(counts.val, Math.max(1, Math.floor(size / 2)));
  const all = Int32Array.from({ length: counts.val }, (_, index) => index);
  return {
    train: subset(counts.train, size),
    val: options.fixedValidation ? all : subset(counts.val, validation),
    normalization: options.normalizedInput ? normalization : unitNormalization,
    doubledEmbedding: options.doubledEmbedding,
    settings: {
      epochs: share(record.epochs, reference.epochs, settings.epochs),
      batchSize: share(record.batchSize, reference.batchSize, settings.batchSize),
      learningRate,
      weightDecay,
      seed: seed + draw,
      optimizer: 'sgd',
      schedule: 'constant',
      selectBy: 'loss',
      testStatistics: options.testStatistics,
      evaluationBatchSize: 50,
    },
  };
}

/** How often each size is drawn. */
export function drawsOf({ severalDraws }: FewShotOptions, { draws }: Pick<FewShotSettings, 'draws'>): number {
  return severalDraws ? draws : 1;
}
