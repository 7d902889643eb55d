/** What a cell calls to train and to evaluate: with a bar, the stop button, and a row for the comparison. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Dataset } from '../data/dataset';
import { counted } from '../data/file-facts';
import type { SegmentationDataset } from '../data/segmentation-dataset';
import { formatDuration } from '../display/format';
import { show } from '../display/mime';
import { progressBar } from '../display/progress';
import { status } from '../display/status';
import { UserError } from '../errors';
import { interruptible } from '../interrupt';
import type { Network } from '../models/network';
import { classifierRow, evaluateClassifier, type ClassifierEvaluation } from '../runs/evaluate';
import { evaluateMasks, maskRow, type MaskEvaluateOptions, type MaskEvaluation } from '../runs/evaluate-masks';
import type { Precision } from '../precisions';
import { planCosts, trainingCosts, type PlannedTraining } from '../runs/cost';
import { trainingIdentity } from '../runs/identity';
import { currentRun, recordResults, type RecordedData } from '../runs/notebook-run';
import {
  modelsFolderName,
  shortHash,
  type ClassificationRow,
  type RowFacts,
  type SegmentationRow,
} from '../runs/results';
import { saveModel, type SavableRun } from '../runs/save-model';
import { modelFiles, type SavedModel } from '../runs/saved-model';
import { trainedElsewhere, trainOnce, type ModelWithWeights, type Run, type TrainedModel } from '../runs/train';
import { choosePrecision } from '../tensor/chosen-precision';
import type { Recipe } from '../training/recipe';
import type { PhaseEvent } from '../training/events';
import type { TrainingData } from '../training/train-network';

export interface TrainOptions {
  /** Beside the bar and in figures; the network's name by default. */
  readonly progress?: string;
  /** Trains anew what has been trained already. */
  readonly again?: boolean;
}

/**
 * Trains a network after a recipe. What was trained before with the same network, weights, data, splits and recipe is not trained again,
 * but for `again`. The stop button ends a training softly; the same cell continues it. A recipe of 0 epochs leaves the training out.
 * @throws UserError for a recipe with an unknown setting or one out of range
 */
export async function train(
  network: Network,
  data: TrainingData,
  recipe: Recipe,
  { progress = network.name, again }: TrainOptions = {},
): Promise<Run> {
  const folder = trainingsFolder();
  const onProgress = progressBar(progress);
  if (recipe.epochs === 0) {
    onProgress({ kind: 'phase', message: 'is left out: its recipe has 0 epochs', ended: 'done' });
    return leftOut(trainingIdentity(network, data, recipe), progress, recipe);
  }
  const run = await interruptible((signal) => {
    const isLong = currentRun().parameters.profile === 'paper';
    const onStart = isLong ? () => tellCosts(network, data, recipe, { signal, onProgress }) : undefined;
    return trainOnce(network, data, recipe, { folder, again, signal, onProgress, onStart });
  });
  tellKept(run, counted(run.history.length, 'epoch'), onProgress);
  const named = { ...run, model: progress };
  if (run.best !== undefined) await keepModel(named, run.best, data);
  return named;
}

/** Says how long a training will take here, in each precision, before it begins. */
async function tellCosts(
  network: Network,
  data: TrainingData,
  recipe: Recipe,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (event: PhaseEvent) => void },
): Promise<void> {
  onProgress({ kind: 'phase', message: 'timing its steps' });
  const costs = await trainingCosts(network, data, recipe, { signal });
  if (costs.length === 0) return;
  const message = `takes about ${timesOf(costs)}, without validation, by a few steps on this machine; it is trained in ${choosePrecision(recipe.precision)}`;
  onProgress({ kind: 'phase', message });
  show(status(`${network.name} ${message}.`));
}

function timesOf(costs: readonly { readonly precision: Precision; readonly seconds: number }[]): string {
  return costs.map(({ precision, seconds }) => `${formatDuration(seconds)} in ${precision}`).join(', ');
}

/** Says how long the trainings of a grid in the paper profile will take here, in each precision, before they begin. */
export async function tellPlanCosts(
  plan: readonly PlannedTraining[],
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (event: PhaseEvent) => void },
): Promise<void> {
  if (currentRun().parameters.profile !== 'paper' || plan.length === 0) return;
  onProgress({ kind: 'phase', message: 'timing a few steps of each network' });
  const costs = await planCosts(plan, { signal });
  if (costs.length === 0) return;
  const [{ trainings }] = costs;
  const share = trainings === plan.length ? '' : ` (without ${plan.length - trainings} of too few images to be timed)`;
  const message = `What is to be trained${share} takes about ${timesOf(costs)}, one training after the other with all epochs, without validation and the maps of frozen encoders, by a few steps on this machine.`;
  show(status(message));
}

function leftOut(identity: Run['identity'], model: string, recipe: Recipe): Run {
  const nothing = {
    history: [],
    bestEpoch: undefined,
    stopped: false,
    kept: false,
    seconds: 0,
    best: undefined,
    last: undefined,
  };
  return { id: shortHash(identity), identity, model, recipe, ...nothing };
}

/** Of the notebook's run: one folder a training. */
export function trainingsFolder(): string {
  return join(currentRun().directory, 'trainings');
}

/** Says in a bar that nothing was done anew. */
export function tellKept(
  { kept }: { readonly kept: boolean },
  what: string,
  report: (event: PhaseEvent) => void,
): void {
  const message = `was trained before with just these settings, ${what}: { again: true } trains it anew`;
  if (kept) report({ kind: 'phase', message, ended: 'done' });
}

/** The training's model beside the notebook's results, once, where the notebook's parameters say that models are kept. */
export async function keepModel(run: SavableRun, best: TrainedModel, data: TrainingData): Promise<void> {
  if ('batches' in data || currentRun().parameters.keepModel !== true) return;
  const name = `${run.model} ${best.training.id}`.replace(/[^\w.-]+/g, '-');
  const directory = join(currentRun().directory, modelsFolderName, name);
  if (existsSync(join(directory, modelFiles.description))) return;
  try {
    const saved = await scoring(best, 'test', (signal) => saveModel(run, data, directory, { signal }));
    if (saved)
      show(status(`The model is kept in ${modelsFolderName}/${name}, in the folder of this run.`, { kind: 'success' }));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    show(status(error.message, { kind: 'warning' }));
  }
}

export interface RowOptions extends Omit<MaskEvaluateOptions, 'signal' | 'maps' | 'featureCache'> {
  /** Which arm of a study the row is of; `corrected` by default. */
  readonly arm?: RowFacts['arm'];
  /** How the network was trained; by default `scratch` from random weights, else `fine-tuned`. */
  readonly protocol?: RowFacts['protocol'];
  /** Further settings of the row, beside those of the recipe. */
  readonly settings?: RowFacts['settings'];
  /** What the row is filed under, where that is more than the data that were scored. */
  readonly recordedAs?: RecordedData;
}

/** Scores, of which data, and the row that they became where they are of the test split. */
export type Evaluated<E, R, D> = E & { readonly row: R | undefined; readonly data: D };

/**
 * The scores of trained weights, or of a kept model, on a split, the test split by default. Scores of the test split become a row of
 * `comparison`; undefined for a training that was stopped, and where the stop button ends the scoring.
 * @throws UserError for a kept model of other classes than those of the data, or for images of another size
 */
export async function evaluate(
  model: ModelWithWeights | undefined,
  data: Dataset,
  options?: RowOptions,
): Promise<Evaluated<ClassifierEvaluation, ClassificationRow, Dataset> | undefined>;
export async function evaluate(
  model: ModelWithWeights | undefined,
  data: Exclude<TrainingData, Dataset>,
  options?: RowOptions,
): Promise<Evaluated<MaskEvaluation, SegmentationRow, SegmentationDataset> | undefined>;
export async function evaluate(
  given: ModelWithWeights | undefined,
  data: TrainingData,
  { arm = 'corrected', protocol, settings, recordedAs, ...options }: RowOptions = {},
): Promise<
  Evaluated<ClassifierEvaluation | MaskEvaluation, ClassificationRow | SegmentationRow, TrainingData> | undefined
> {
  if (given === undefined) return undefined;
  const model = asTrained(given, data);
  const trained = protocol ?? (model.network.weights.source === 'random' ? 'scratch' : 'fine-tuned');
  const facts: RowFacts = { arm, protocol: trained, settings };
  const { split = 'test' } = options;
  const isTest = split === 'test';
  if ('task' in data) {
    const evaluation = await scoring(model, split, (signal) => evaluateClassifier(model, data, { ...options, signal }));
    const row = isTest && evaluation ? classifierRow(model, evaluation, facts) : undefined;
    if (row) record(model, recordedAs ?? data, row);
    return evaluation && { ...evaluation, row, data };
  }
  const evaluation = await scoring(model, split, (signal) => evaluateMasks(model, data, { ...options, signal }));
  const row = isTest && evaluation ? maskRow(model, evaluation, data, facts) : undefined;
  if (row) record(model, recordedAs ?? data.whole ?? data, row);
  return evaluation && { ...evaluation, row, data };
}

/** A kept model's scores lie beside the notebook's results. */
export function asTrained(model: ModelWithWeights, data: TrainingData): TrainedModel {
  if ('training' in model) return model as TrainedModel;
  if ('description' in model) checkFits((model as SavedModel).description, data);
  return trainedElsewhere(model, join(currentRun().directory, 'scores'));
}

function checkFits({ name, task, classNames, input }: SavedModel['description'], data: TrainingData): void {
  const isOfMasks = task === 'segmentation';
  if (isOfMasks !== !('task' in data))
    throw new UserError(`${name} is a model for ${task}, which ${data.name} are no images for.`);
  if ('task' in data && data.classNames.join('\n') !== classNames.join('\n'))
    throw new UserError(
      `${name} tells ${classNames.join(', ')} apart, in this order, but ${data.name} has ${data.classNames.join(', ')}: give data with its classes.`,
    );
  const { height, width } = data;
  if (input.transform === undefined && (height !== input.height || width !== input.width))
    throw new UserError(
      `${name} takes images of ${input.height}×${input.width}, but those of ${data.name} have ${height}×${width}: open them at its size.`,
    );
}

/** What the scoring of a split gives, told in a bar; undefined where the stop button ended it. */
export async function scoring<T>(
  { network }: TrainedModel,
  split: string,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const report = progressBar(network.name);
  report({ kind: 'phase', message: `scoring the ${split} split` });
  const begun = performance.now();
  const scores = await softly(task);
  const message =
    scores === undefined
      ? `stopped before the ${split} split was scored`
      : `scored the ${split} split · ${formatDuration((performance.now() - begun) / 1000)}`;
  report({ kind: 'phase', message, ended: scores === undefined ? 'stopped' : 'done' });
  return scores;
}

/** What a task gives, or undefined where the stop button ended it: the same call does it again. */
export async function softly<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
  return interruptible(async (signal) => {
    try {
      return await task(signal);
    } catch (error) {
      if (signal.aborted && (error === signal.reason || error instanceof UserError)) return undefined;
      throw error;
    }
  });
}

function record({ training }: TrainedModel, data: RecordedData, row: ClassificationRow | SegmentationRow): void {
  recordResults(currentRun(), data, training.id, [row], training.history);
}
