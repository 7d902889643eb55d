/** What a cell calls to train without labels, on images that are drawn or on a dataset's. */
import { counted } from '../data/file-facts';
import type { Dataset } from '../data/dataset';
import { proceduralShares } from '../data/procedural-images';
import { datasetSource, drawnSource } from '../data/view-batches';
import type { FigureDisplay } from '../display/figure';
import { progressBar } from '../display/progress';
import { trainingCurves } from '../display/training-curves';
import { UserError } from '../errors';
import { interruptible } from '../interrupt';
import type { OpenedBackbone } from '../models/open-backbone';
import { distillOnce, type DistillationImages, type DistilledRun } from '../runs/distill';
import { tellKept, trainingsFolder } from './training';
import type { HistoryRow } from '../training/events';
import type { SelfDistillationSettings } from '../training/self-distillation';
import { distilledVit } from '../training/self-distillation/network';
import { pretrainingSettings } from '../training/self-distillation/recipe';

/** Images that are drawn meanwhile, others in each epoch. */
export interface DrawnImages extends DistillationImages {
  readonly seed: number;
  /** Pixels a side. */
  readonly size: number;
}

export interface DrawnImagesOptions {
  readonly seed: number;
  readonly perEpoch: number;
  /** On which the loss is measured after each epoch; 64 by default. */
  readonly validation?: number;
  /** 64 by default. */
  readonly size?: number;
}

export function drawnImages({ seed, perEpoch, validation = 64, size = 64 }: DrawnImagesOptions): DrawnImages {
  const drawn = (own: number, count: number) => drawnSource({ seed: own, size, shares: proceduralShares }, count);
  return { seed, size, train: drawn(seed, perEpoch), val: drawn(seed + 1, validation) };
}

/** The backbone with the teacher's weights of a training that has come to its end, for `features` and `tokenImages`. */
export function taught(backbone: OpenedBackbone, run: DistilledRun): OpenedBackbone {
  const { values, id } = run;
  if (values === undefined)
    throw new UserError('The training was stopped before its end: run its cell again to continue it.');
  const title = `${backbone.title}, taught`;
  return { ...backbone, title, values, weights: { source: 'self-distillation', sha256: id }, seed: undefined };
}

/** DINO's recipe as this project trains its own weights, with whatever is given in place of it. Warm-ups keep their share of the epochs. */
export function dinoRecipe(given: Partial<SelfDistillationSettings>): SelfDistillationSettings {
  const { epochs, warmupEpochs, teacherWarmupEpochs, ...rest } = pretrainingSettings;
  const share = (given.epochs ?? epochs) / epochs;
  const warmups = { warmupEpochs: warmupEpochs * share, teacherWarmupEpochs: teacherWarmupEpochs * share };
  return { epochs, ...warmups, ...rest, ...given };
}

export interface DistillationOptions {
  /** Labelled data, of one label an image, on which features are tried after each epoch. */
  readonly probes?: readonly Dataset[];
  /** Beside the bar. */
  readonly progress?: string;
  /** Trains anew what has been trained already. */
  readonly again?: boolean;
}

/**
 * Trains a vision transformer of the registry by self-distillation, from random weights of the recipe's seed; labels
 * are not looked at. What was trained before with just these settings is there at once. The stop button ends a
 * training softly; the same cell continues it.
 */
export async function distill(
  { name }: Pick<OpenedBackbone, 'name'>,
  images: DistillationImages | Dataset,
  recipe: SelfDistillationSettings,
  { probes, progress = 'self-distillation', again }: DistillationOptions = {},
): Promise<DistilledRun> {
  const sources =
    'splits' in images ? { train: datasetSource(images, 'train'), val: datasetSource(images, 'val') } : images;
  const onProgress = progressBar(progress);
  const run = await interruptible((signal) =>
    distillOnce(distilledVit(name), sources, recipe, { folder: trainingsFolder(), probes, again, signal, onProgress }),
  );
  tellKept(run, counted(run.history.length, 'epoch'), onProgress);
  return run;
}

interface Measure {
  readonly title: string;
  readonly yTitle: string;
  /** History columns of a run, by what a curve adds to its name. */
  columns(row: HistoryRow): readonly (readonly [suffix: string, key: string])[];
}

const ofProbes = (row: HistoryRow, prefix: string): (readonly [string, string])[] =>
  Object.keys(row)
    .filter((key) => key.startsWith(prefix))
    .map((key) => [` on ${key.slice(prefix.length)}`, key]);

const measures = {
  loss: {
    title: 'Loss of the student against the teacher',
    yTitle: 'Loss',
    columns: () => [
      [', images seen', 'trainLoss'],
      [', other images', 'valLoss'],
    ],
  },
  entropy: {
    title: 'Entropy of the teacher’s answers',
    yTitle: 'Entropy (nats)',
    columns: () => [
      [', an image', 'valTeacherEntropy'],
      [', their mean', 'valMeanEntropy'],
    ],
  },
  neighbours: {
    title: 'Images whose nearest neighbours have their class',
    yTitle: 'Accuracy',
    columns: (row) => ofProbes(row, 'valNeighbours '),
  },
  spread: { title: 'Spread of the features', yTitle: 'Spread', columns: (row) => ofProbes(row, 'valSpread ') },
  rank: { title: 'Directions of the features', yTitle: 'Effective rank', columns: (row) => ofProbes(row, 'valRank ') },
} as const satisfies Record<string, Measure>;

/**
 * How trainings went, a curve each over the epochs.
 * @param runs by their names in the legend
 * @throws UserError for a measure that there is none of
 */
export function distillationCurves(
  runs: Readonly<Record<string, DistilledRun>>,
  measure: keyof typeof measures,
): FigureDisplay {
  if (!Object.hasOwn(measures, measure))
    throw new UserError(`There is no measure "${measure}"; there are ${Object.keys(measures).join(', ')}.`);
  const { title, yTitle, columns }: Measure = measures[measure];
  const curves = Object.entries(runs).flatMap(([name, { history }]) =>
    (history.length > 0 ? columns(history[0]) : []).map(([suffix, key]) => ({
      name: name + suffix,
      points: history.map((row) => ({ epoch: row.epoch, value: row[key] })),
    })),
  );
  return trainingCurves({ title, yTitle, curves }, { label: `${title}, by epoch: ${Object.keys(runs).join(', ')}` });
}
