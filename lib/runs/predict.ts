/** A saved model on image files: a row a file, or a mask. */
import { statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { FileFacts } from '../data/file-facts';
import { listImages, type BrokenImage } from '../data/image-folder';
import type { Mask } from '../data/mask';
import { UserError } from '../errors';
import { argmaxRows, probabilitiesOf } from '../metrics/scores';
import { scaleLogits } from '../metrics/temperature';
import { findPath } from '../paths';
import { resizeLogits } from '../training/segmentation-report';
import { predictFiles, type FilePrediction, type FilePredictionOptions } from '../training/predict-files';
import { inputSize, type SavedModel } from './saved-model';

export interface PredictOptions {
  /** Averages over the image and its flips, in the directions that the training flipped images in. */
  readonly flips?: boolean;
  /** Images at once. */
  readonly batchSize?: number;
  /** Of a folder: files in its sub-folders, too. */
  readonly recursive?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
  readonly onFile?: (path: string, facts: FileFacts) => void;
  readonly signal?: AbortSignal;
}

/** Images to look at: what their rows are named, and where they lie. */
export interface ImageFiles {
  readonly names: readonly string[];
  readonly paths: readonly string[];
  /** Files of a folder that are no images. */
  readonly leftOut: readonly string[];
}

/**
 * The images of a folder, named relative to it; or files by their paths.
 * @param files looked for beside the notebook, or where the command was started, and then in the project
 * @throws UserError where there are none
 */
export async function findImages(
  files: string | readonly string[],
  { recursive }: Pick<PredictOptions, 'recursive'> = {},
): Promise<ImageFiles> {
  const given = [files].flat();
  const paths = given.map(findPath);
  if (typeof files === 'string' && statSync(paths[0]).isDirectory()) {
    const leftOut: string[] = [];
    const names = await listImages(paths[0], { recursive, leftOut });
    return { names, paths: names.map((name) => join(paths[0], name)), leftOut };
  }
  if (given.length === 0) throw new UserError('There are no files to look at: give a folder or paths of images.');
  return { names: given, paths, leftOut: [] };
}

export interface ClassPrediction {
  readonly file: string;
  /** The likeliest class; of several labels those with a probability of ½ or more, with semicolons between them. */
  readonly class: string;
  /** Of each class, as the network gives them. */
  readonly probabilities: Float64Array;
  /** With the logits divided by the model's temperature. */
  readonly calibrated: Float64Array;
}

export interface Predictions {
  readonly classNames: readonly string[];
  readonly rows: readonly ClassPrediction[];
  /** Files that cannot be read. */
  readonly broken: readonly BrokenImage[];
  /** From the first file to the last row. */
  readonly seconds: number;
}

/**
 * The classes of images.
 * @throws UserError for a model that segments
 */
export async function predictClasses(
  model: SavedModel,
  images: ImageFiles,
  options: PredictOptions = {},
): Promise<Predictions> {
  const { description } = model;
  const { task, classNames, temperature = 1 } = description;
  if (task === 'segmentation') throw new UserError(`${description.name} segments images: use predictMasks.`);
  const started = performance.now();
  const rows: ClassPrediction[] = [];
  const broken: BrokenImage[] = [];
  for await (const { file, logits } of predicted(model, images, options, broken)) {
    const probabilities = probabilitiesOf(task, logits, classNames.length);
    const calibrated = probabilitiesOf(task, scaleLogits(logits, temperature), classNames.length);
    const chosen =
      task === 'multi-label'
        ? classNames.filter((_, label) => probabilities[label] >= 0.5).join(';')
        : classNames[argmaxRows(probabilities, classNames.length)[0]];
    rows.push({ file, class: chosen, probabilities, calibrated });
  }
  return { classNames, rows, broken, seconds: (performance.now() - started) / 1000 };
}

export interface MaskPrediction {
  readonly file: string;
  readonly path: string;
  /** At the file's size: 1 where the probability is above ½. */
  readonly mask: Mask;
  /** Share of the pixels that are in it. */
  readonly area: number;
}

/**
 * The masks of images, one at a time. What the network says at its own size is enlarged bilinearly before it becomes a mask.
 * @param broken gets the files that cannot be read
 * @throws UserError for a model that tells classes apart
 */
export async function* predictMasks(
  model: SavedModel,
  images: ImageFiles,
  broken: BrokenImage[],
  options: PredictOptions = {},
): AsyncGenerator<MaskPrediction> {
  const { description } = model;
  if (description.task !== 'segmentation')
    throw new UserError(`${description.name} tells classes apart and has no masks: use predict.`);
  const from = inputSize(description);
  for await (const { file, path, logits, size } of predicted(model, images, options, broken)) {
    const enlarged = resizeLogits(logits, from, size);
    const pixels = Uint8Array.from(enlarged, (logit) => (logit > 0 ? 1 : 0));
    const area = pixels.reduce((sum, pixel) => sum + pixel, 0) / pixels.length;
    yield { file, path, mask: { ...size, pixels }, area };
  }
}

async function* predicted(
  { description, network, read }: SavedModel,
  { names, paths }: ImageFiles,
  { flips = false, batchSize, onProgress, onFile, signal }: PredictOptions,
  broken: BrokenImage[],
): AsyncGenerator<FilePrediction & { readonly file: string }> {
  const { height, width, fit } = description.input;
  const isMask = fit === 'stretch';
  const request: FilePredictionOptions = {
    network,
    values: read(),
    reading: { height, width, interpolation: isMask ? 'bilinear' : 'bicubic', cropFraction: 1, stretch: isMask },
    flips: flips ? description.flips : [],
    ...{ batchSize, broken, onFile, signal },
  };
  const nameOf = new Map(paths.map((path, index) => [path, names[index].replaceAll(sep, '/')]));
  let done = 0;
  for await (const batch of predictFiles(paths, request)) {
    done += batch.length;
    for (const prediction of batch)
      yield { ...prediction, file: nameOf.get(prediction.path) ?? relative('.', prediction.path) };
    onProgress?.(done + broken.length, paths.length);
  }
}
