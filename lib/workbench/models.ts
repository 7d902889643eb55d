/** What a cell calls to keep a trained network, and to use a kept one on new images. */
import { basename } from 'node:path';
import type { Dataset } from '../data/dataset';
import type { TrainingData } from '../training/train-network';
import { describeLeftOut } from '../data/image-folder';
import { show } from '../display/mime';
import { status } from '../display/status';
import { interruptible } from '../interrupt';
import { weightsNames } from '../models/weights-source';
import { givenClassifier as given, type GivenOptions } from '../runs/import-model';
import { findImages, predictClasses, type PredictOptions } from '../runs/predict';
import { saveModel as save, type SaveOptions } from '../runs/save-model';
import type { SavedModel } from '../runs/saved-model';
import type { ModelWithWeights, Run } from '../runs/train';

/**
 * Writes the model of a finished training into a folder: weights, description with recipe, scores and temperature, and a card. Python's
 * timm opens it, and `npm run predict` and `loadModel` do.
 * @param data what it was trained on
 * @param directory relative to the notebook, where `loadModel`, `predict` and `openDataset` look first, too; `~` is the home
 * @throws UserError where the training was stopped, where the network is one of your own, and where the folder has something else
 */
export async function saveModel(
  run: Run,
  data: Exclude<TrainingData, { batches: unknown }>,
  directory: string,
  options: Omit<SaveOptions, 'signal' | 'test'> = {},
): Promise<SavedModel> {
  const model = await interruptible((signal) => save(run, data, directory, { ...options, signal }));
  show(status(`${model.description.name} is kept in ${model.directory}.`, { kind: 'success' }));
  return model;
}

/**
 * The classifier of a file of weights that has its head, or of a kept model's folder, to be evaluated as it is; its row has the name of that
 * file or folder. Undefined for the project's own, published and random weights, and where the head is not for the data's classes.
 * @throws UserError where the file does not fit the network
 */
export async function givenClassifier(
  options: Omit<GivenOptions, 'signal'>,
  data: Dataset,
): Promise<ModelWithWeights | undefined> {
  const model = await interruptible((signal) => given({ ...options, signal }, data));
  if (model === undefined && !weightsNames.includes(options.weights))
    show(status(`${basename(options.weights)} has no head for these ${data.classNames.length} classes.`));
  return model;
}

/** A row of `predict`. */
export interface PredictedImage {
  readonly file: string;
  readonly class: string;
  /** Of the class, as the network gives it; of several, the lowest. */
  readonly probability: number;
  /** With the model's temperature. */
  readonly calibrated: number;
}

/**
 * What a model makes of new images: a row for each, for a table. Files that cannot be read are left out and named.
 * @param files a folder, or paths; relative to the notebook, or else to the project
 * @throws UserError for a model that segments
 */
export async function predict(
  model: SavedModel,
  files: string | readonly string[],
  options: Omit<PredictOptions, 'signal' | 'onProgress' | 'onFile'> = {},
): Promise<PredictedImage[]> {
  const images = await findImages(files, options);
  const { rows, broken, classNames } = await interruptible((signal) =>
    predictClasses(model, images, { ...options, signal }),
  );
  const left = describeLeftOut(images.leftOut);
  if (left !== undefined) show(status(`${left}.`));
  for (const { reason } of broken) show(status(reason, { kind: 'warning' }));
  return rows.map(({ file, class: chosen, probabilities, calibrated }) => {
    const least = (values: Float64Array): number => {
      const named = classNames.flatMap((name, index) => (chosen.split(';').includes(name) ? [values[index]] : []));
      return named.length === 0 ? Math.max(...values) : Math.min(...named);
    };
    return { file, class: chosen, probability: least(probabilities), calibrated: least(calibrated) };
  });
}
