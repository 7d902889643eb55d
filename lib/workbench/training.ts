/** What a cell calls to train and to evaluate: with a bar, the stop button, and a row for the comparison. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Dataset } from '../data/dataset';
import { formatDuration } from '../display/format';
import { show } from '../display/mime';
import { progressBar } from '../display/progress';
import { status } from '../display/status';
import { UserError } from '../errors';
import { interruptible } from '../interrupt';
import type { Network } from '../models/network';
import { classifierRow, evaluateClassifier, type ClassifierEvaluation } from '../runs/evaluate';
import { evaluateMasks, maskRow, type MaskEvaluateOptions, type MaskEvaluation } from '../runs/evaluate-masks';
import { currentRun, recordResults } from '../runs/notebook-run';
import { modelsFolderName, type RowFacts } from '../runs/results';
import { saveModel } from '../runs/save-model';
import { modelFiles } from '../runs/saved-model';
import { trainOnce, type Run, type TrainedModel } from '../runs/train';
import type { Recipe } from '../training/recipe';
import type { TrainingData } from '../training/train-network';

export interface TrainOptions {
  /** Beside the bar; the network's name by default. */
  readonly progress?: string;
  /** Trains anew what has been trained already. */
  readonly again?: boolean;
}

/**
 * Trains a network after a recipe. What was trained before with the same network, weights, data, splits and recipe is not trained again,
 * but for `again`. The stop button ends a training softly; the same cell continues it.
 * @throws UserError for a recipe with an unknown setting or one out of range
 */
export async function train(
  network: Network,
  data: TrainingData,
  recipe: Recipe,
  { progress = network.name, again }: TrainOptions = {},
): Promise<Run> {
  const folder = join(currentRun().directory, 'trainings');
  const onProgress = progressBar(progress);
  const run = await interruptible((signal) => trainOnce(network, data, recipe, { folder, again, signal, onProgress }));
  if (run.kept) {
    const message = `was trained before with just these settings, ${run.history.length} epochs: { again: true } trains it anew`;
    onProgress({ kind: 'phase', message, ended: 'done' });
  }
  if (currentRun().parameters.keepModel === true && run.best !== undefined) await keepModel(run, run.best, data);
  return run;
}

/** The training's model beside the notebook's results, once. */
async function keepModel(run: Run, best: TrainedModel, data: TrainingData): Promise<void> {
  if ('batches' in data) return;
  const name = `${run.model} ${run.id}`.replace(/[^\w.-]+/g, '-');
  const directory = join(currentRun().directory, modelsFolderName, name);
  if (existsSync(join(directory, modelFiles.description))) return;
  try {
    const saved = await softly(best, 'test', (signal) => saveModel(run, data, directory, { signal }));
    if (saved) show(status(`The model is kept in ${modelsFolderName}/${name}, in the folder of this run.`, 'success'));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    show(status(error.message, 'warning'));
  }
}

export interface RowOptions extends Omit<MaskEvaluateOptions, 'signal' | 'maps' | 'featureCache'> {
  /** Which arm of a study the row is of; `corrected` by default. */
  readonly arm?: RowFacts['arm'];
  /** How the network was trained; by default `scratch` from random weights, else `fine-tuned`. */
  readonly protocol?: RowFacts['protocol'];
}

/**
 * The scores of trained weights on a split, the test split by default. Scores of the test split become a row of `comparison`; undefined
 * for a training that was stopped, and where the stop button ends the scoring.
 */
export async function evaluate(model: TrainedModel | undefined, data: Dataset, options?: RowOptions): Promise<ClassifierEvaluation | undefined>; // prettier-ignore
export async function evaluate(model: TrainedModel | undefined, data: Exclude<TrainingData, Dataset>, options?: RowOptions): Promise<MaskEvaluation | undefined>; // prettier-ignore
export async function evaluate(
  model: TrainedModel | undefined,
  data: TrainingData,
  { arm = 'corrected', protocol, ...options }: RowOptions = {},
): Promise<ClassifierEvaluation | MaskEvaluation | undefined> {
  if (model === undefined) return undefined;
  const trained = protocol ?? (model.network.weights.source === 'random' ? 'scratch' : 'fine-tuned');
  const facts: RowFacts = { arm, protocol: trained };
  const { split = 'test' } = options;
  const isTest = split === 'test';
  if ('task' in data) {
    const evaluation = await softly(model, split, (signal) => evaluateClassifier(model, data, { ...options, signal }));
    if (isTest && evaluation) record(model, data, classifierRow(model, evaluation, facts));
    return evaluation;
  }
  const evaluation = await softly(model, split, (signal) => evaluateMasks(model, data, { ...options, signal }));
  if (isTest && evaluation) record(model, data.whole ?? data, maskRow(model, evaluation, data, facts));
  return evaluation;
}

/** What the scoring of a split gives, or undefined where the stop button ended it: the same call does it again. */
async function softly<T>(
  { network }: TrainedModel,
  split: string,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const report = progressBar(network.name);
  report({ kind: 'phase', message: `scoring the ${split} split` });
  const begun = performance.now();
  return interruptible(async (signal) => {
    try {
      const scores = await task(signal);
      const seconds = formatDuration((performance.now() - begun) / 1000);
      report({ kind: 'phase', message: `scored the ${split} split · ${seconds}`, ended: 'done' });
      return scores;
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error;
      report({ kind: 'phase', message: `stopped before the ${split} split was scored`, ended: 'stopped' });
      return undefined;
    }
  });
}

type Recorded = Parameters<typeof recordResults>;

function record({ training }: TrainedModel, data: Recorded[1], row: Recorded[3][number]): void {
  recordResults(currentRun(), data, training.id, [row], training.history);
}
