import { checkSameSize, type Mask } from '../data/mask';
import { UserError } from '../errors';
import { hausdorffDistance } from './surface-distance';

/**
 * What a ratio is where its denominator is 0, because a mask is empty.
 * - 'isic': 1, as the ISIC challenges score it (isic-challenge-scoring, metrics.py).
 * - 'epsilon-in-denominator': (a) / (b + 10⁻⁶), so 0, and a perfect score is a little below 1: the few-shot study's code.
 * - 'epsilon-in-both': (a + 10⁻⁶) / (b + 10⁻⁶), so 1: the DINOv3 study's code.
 */
export type EmptyConvention = 'isic' | 'epsilon-in-denominator' | 'epsilon-in-both';

/** Pixels by what is true and what was predicted. */
export interface PixelCounts {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
}

/** The scores of one image; fractions, but for `hd95`. */
export interface SegmentationScores {
  /** 2TP / (2TP + FP + FN). */
  readonly dice: number;
  /** Intersection over union, TP / (TP + FP + FN). */
  readonly jaccard: number;
  /** TP / (TP + FN). */
  readonly sensitivity: number;
  /** TN / (TN + FP). */
  readonly specificity: number;
  /** (TP + TN) / all pixels. */
  readonly accuracy: number;
  /** Jaccard, or 0 where it is below 0.65: the ranking score of ISIC 2018. */
  readonly thresholdJaccard: number;
  /** Pixels of the masks: see `hausdorffDistance`. */
  readonly hd95: number;
  /** False where one mask is empty and the other is not: then `hd95` is the image's diagonal. */
  readonly hd95Defined: boolean;
}

export const segmentationMetrics = [
  'dice',
  'jaccard',
  'sensitivity',
  'specificity',
  'accuracy',
  'thresholdJaccard',
  'hd95',
] as const satisfies readonly (keyof SegmentationScores)[];

export type SegmentationMetric = (typeof segmentationMetrics)[number];

/** Below this Jaccard, an image of the ISIC 2018 challenge counts 0. */
export const jaccardThreshold = 0.65;

const epsilon = 1e-6;

/** Counts the pixels of two masks of equal size. Throws a UserError where their sizes differ. */
export function countPixels(truth: Mask, prediction: Mask): PixelCounts {
  checkSameSize(truth, prediction);
  const [expected, predicted] = [truth.pixels, prediction.pixels];
  let positives = 0;
  let predictedPositives = 0;
  let truePositives = 0;
  for (let index = 0; index < expected.length; index++) {
    const [isPositive, isPredicted] = [expected[index] !== 0, predicted[index] !== 0];
    if (isPositive) positives++;
    if (isPredicted) predictedPositives++;
    if (isPositive && isPredicted) truePositives++;
  }
  const falsePositives = predictedPositives - truePositives;
  const falseNegatives = positives - truePositives;
  return {
    truePositives,
    falsePositives,
    falseNegatives,
    trueNegatives: expected.length - positives - falsePositives,
  };
}

/** The scores that follow from counts of pixels. */
export function scoresOfCounts(
  { truePositives, falsePositives, falseNegatives, trueNegatives }: PixelCounts,
  empty: EmptyConvention = 'isic',
): Omit<SegmentationScores, 'hd95' | 'hd95Defined'> {
  const ratio = ratios[empty];
  const errors = falsePositives + falseNegatives;
  const right = truePositives + trueNegatives;
  const jaccard = ratio(truePositives, truePositives + errors);
  return {
    dice: ratio(2 * truePositives, 2 * truePositives + errors),
    jaccard,
    sensitivity: ratio(truePositives, truePositives + falseNegatives),
    specificity: ratio(trueNegatives, trueNegatives + falsePositives),
    accuracy: right / (right + errors),
    thresholdJaccard: jaccard >= jaccardThreshold ? jaccard : 0,
  };
}

const ratios: Readonly<Record<EmptyConvention, (part: number, whole: number) => number>> = {
  isic: (part, whole) => (whole === 0 ? 1 : part / whole),
  'epsilon-in-denominator': (part, whole) => part / (whole + epsilon),
  'epsilon-in-both': (part, whole) => (part + epsilon) / (whole + epsilon),
};

/**
 * The scores of one image, from masks of equal size: those of the ISIC challenges and HD95. Dice, Jaccard and HD95 do not change when
 * truth and prediction are swapped. Scores of a split are means over images, each counting once whatever the size of a batch was.
 * @param options.empty what to give where a mask is empty; the studies' own ways are for their as-published arms
 * @throws UserError where the masks do not have the same size
 */
export function scoreSegmentation(
  truth: Mask,
  prediction: Mask,
  { empty = 'isic' }: { readonly empty?: EmptyConvention } = {},
): SegmentationScores {
  const { distance, defined } = hausdorffDistance(truth, prediction);
  return { ...scoresOfCounts(countPixels(truth, prediction), empty), hd95: distance, hd95Defined: defined };
}

/** One metric of each image, for a test or an interval. Throws a UserError where there are no images. */
export function metricOfImages(scores: readonly SegmentationScores[], metric: SegmentationMetric): Float64Array {
  if (scores.length === 0) throw new UserError('There are no images that could be scored.');
  return Float64Array.from(scores, (image) => image[metric]);
}
