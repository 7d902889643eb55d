/** What the few-shot study published, and how it trained at each number of training images. */
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { UserError } from '../../errors';

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

/** Whether the data are the study's. */
export function isDataOfStudy({ title }: Pick<SegmentationDataset, 'title'>): boolean {
  return title === 'ISIC 2017 task 1';
}

/** The sizes of a run that there are images for, the largest first. @throws UserError where there are none */
export function usableSizes(sizes: string | number, available: number): number[] {
  const wanted = [...new Set(String(sizes).split(',').map(Number))].sort((a, b) => b - a);
  const usable = wanted.filter((size) => size <= available);
  if (usable.length === 0)
    throw new UserError(
      `sizes is ${sizes}, but there are ${available} training images: give numbers up to ${available}.`,
    );
  return usable;
}

/** What a run sets of its trainings; both change with the number of images in the study's proportion. */
export interface Length {
  /** Passes over 160 images. */
  readonly epochs: number;
  /** Images a step, at 20 to 160 images. */
  readonly batchSize: number;
}

/** Epochs and images a step at a number of training images. */
export function lengthAt(size: number, { epochs, batchSize }: Length): Length {
  const [record, reference] = [recordOfSize(size), recordOfSize(160)];
  const share = (value: number, of: number, given: number): number => Math.max(1, Math.round((given * value) / of));
  return {
    epochs: share(record.epochs, reference.epochs, epochs),
    batchSize: share(record.batchSize, reference.batchSize, batchSize),
  };
}

/** Validation images that the study takes at a number of training images, of as many as there are: half as many, down to five. */
export function validationAt(size: number, available: number): number {
  return size === sizesOfStudy[0].size ? available : Math.min(available, Math.max(1, Math.floor(size / 2)));
}

/** How the study trained at each size, and this run in its proportion. */
export function planRows(sizes: readonly number[], length: Length, validationOf: (size: number) => number) {
  return sizes.map((size) => {
    const record = recordOfSize(size);
    const isKnown = record.size === size;
    const { epochs, batchSize } = lengthAt(size, length);
    return {
      trainImages: size,
      studyValidation: isKnown ? record.validation : NaN,
      studyEpochs: isKnown ? record.epochs : NaN,
      studyBatch: isKnown ? record.batchSize : NaN,
      validation: validationOf(size),
      epochs,
      batchSize,
      steps: epochs * Math.ceil(size / batchSize),
    };
  });
}
