/**
 * The first part of the first study: a ResNet-18 trained from random weights on BloodMNIST (torchvision's network, AdamW 1e-3 with
 * weight decay 1e-5, a cosine per epoch, batches of 128, 20 epochs, the best validation accuracy selected).
 *
 * Published: test accuracy 0.9512, macro-F1 0.9460. Its "best" state was a shallow copy whose tensors went on training, so these are
 * the scores of the last epoch. One training here gives both: `as-published` tests the last epoch's weights, `corrected` the best's.
 */
import { halfNormalization } from '../data/batches';
import type { Dataset } from '../data/dataset';
import { openDataset } from '../data/open';
import { UserError } from '../errors';
import { countParameters } from '../models/parameters';
import { resnetConfigs, resnetForward, resnetParameters } from '../models/resnet';
import type { Tensor2D } from '../tf';
import {
  trainClassifier,
  type Classifier,
  type TrainedClassifier,
  type TrainingControls,
  type TrainingSettings,
} from '../training/classifier';
import { comparisonRows, type PublishedResult } from '../runs/comparison';
import { parameterRows, resolveParameters, type GivenParameters } from '../runs/parameters';
import { resnetNotebook, resnetParameterSpecs } from './resnet-parameters';
import { scoreFields, shortHash, type ClassificationRow } from '../runs/results';
import { comparableResults, openRun, openTraining, recordResults, type NotebookRun } from '../runs/notebook-run';

/** The study's own figures, on the test split of BloodMNIST at 28 pixels. */
const published: PublishedResult = {
  model: 'ResNet-18',
  dataset: 'bloodmnist',
  size: 28,
  testAccuracy: 0.9512,
  testMacroF1: 0.946,
};

/**
 * Opens the study with a notebook's parameters.
 * @throws UserError for an unknown parameter or one out of range
 */
export function resnetFromScratch(given: GivenParameters<typeof resnetParameterSpecs>) {
  const parameters = resolveParameters(resnetParameterSpecs, given);
  const run = openRun(resnetNotebook, parameters);
  return {
    parameters,
    /** One row a parameter: its value, where that comes from, and what it means. */
    parameterRows: () => parameterRows(resnetParameterSpecs, given, parameters),
    openData: () => openSingleLabelDataset(parameters.dataset, parameters),
    createModel: createResnet18,
    train: (model: Classifier, dataset: Dataset, options: TrainingSettings & TrainingControls) =>
      train(run, model, dataset, options),
    /** One row for each arm of each training of this notebook on these data, the study's own beside them on BloodMNIST. */
    comparison: (dataset: Dataset) => comparisonRows(comparableResults(run, dataset), [published], dataset),
  };
}

/** Opens data with one label an image. */
export async function openSingleLabelDataset(
  name: string,
  options: { size: number; syntheticImages: number },
): Promise<Dataset> {
  const dataset = await openDataset(name, options);
  if (dataset.task !== 'multi-label') return dataset;
  dataset.close();
  throw new UserError(
    `${dataset.title} has several labels an image, but this notebook trains on one: choose another dataset.`,
  );
}

/** A ResNet-18 for the dataset's classes, on images scaled to [−1, 1] as the study scales them. */
export function createResnet18(dataset: Dataset): Classifier {
  const config = resnetConfigs.resnet18;
  return {
    name: 'ResNet-18',
    table: resnetParameters(config, { classes: dataset.classNames.length }),
    forward: (images, scope) => resnetForward(images, scope, config).logits as Tensor2D,
    normalization: halfNormalization,
  };
}

async function train(
  run: NotebookRun,
  model: Classifier,
  dataset: Dataset,
  { epochs, batchSize, learningRate, weightDecay, seed, ...controls }: TrainingSettings & TrainingControls,
): Promise<TrainedClassifier> {
  const settings = { epochs, batchSize, learningRate, weightDecay, seed };
  const trainingKey = shortHash({ model: model.name, settings, data: dataset.sha256 });
  const training = await openTraining(run, trainingKey);
  const trained = await trainClassifier(model, dataset, settings, { ...controls, checkpoints: training.checkpoints });
  const { test, testOfLast, bestValAccuracy, seconds, history } = trained;
  if (test === undefined || testOfLast === undefined || bestValAccuracy === undefined) return trained;
  const rows = [{ arm: 'as-published', scores: testOfLast } as const, { arm: 'corrected', scores: test } as const].map(
    ({ arm, scores }): ClassificationRow => ({
      trainingKey,
      model: model.name,
      weights: 'random',
      protocol: 'scratch',
      arm,
      parameters: countParameters(model),
      trainableParameters: countParameters(model),
      seconds,
      bestValAccuracy,
      ...scoreFields(scores),
      settings,
    }),
  );
  recordResults(run, dataset, trainingKey, rows, history);
  training.close();
  return trained;
}
