/** A trained network on a split: scored once, and recorded as a row where it is the test split. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Dataset, SplitName } from '../data/dataset';
import { errorCode } from '../errors';
import { writeFileAtomic } from '../files';
import { mean } from '../metrics/intervals';
import { metricOfImages, type SegmentationMetric, type SegmentationScores } from '../metrics/segmentation';
import { initialParameters } from '../models/initial-values';
import { disposeParameters, type Parameters } from '../models/parameters';
import { scoreSplit, testResult, type TestResult } from '../training/scored-split';
import { scoreMasks, type SegmentationTest } from '../training/segmentation-evaluation';
import { imageSource, type SegmentationSource } from '../training/segmentation-source';
import type { TrainingData } from '../training/train-network';
import { dataIdentity } from './identity';
import { scoreFields, shortHash, type ClassificationRow, type RowFacts, type SegmentationRow } from './results';
import type { TrainedModel } from './train';

export interface EvaluateOptions {
  readonly split?: SplitName;
  /** What batch norms of a segmentation network use: their running statistics (default), or those of the batch. */
  readonly statistics?: 'running' | 'batch';
  /** Images at once. */
  readonly batchSize?: number;
  /** Ends between two batches: its reason is thrown. */
  readonly signal?: AbortSignal;
}

interface Common {
  readonly model: string;
  /** Whose weights were scored. */
  readonly epoch: number;
  readonly split: SplitName;
  readonly images: number;
}

/** A classifier on a split. */
export interface ClassifierEvaluation extends Common, Omit<TestResult, 'report'> {
  readonly classNames: readonly string[];
  /** Counts of images: rows truth, columns prediction. */
  readonly matrix: readonly (readonly number[])[];
  /** One row a class. */
  readonly report: readonly ClassRow[];
}

export interface ClassRow {
  readonly class: string;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly auc: number;
  readonly support: number;
}

/** A segmentation network on a split; `mean` over its images. */
export interface MaskEvaluation extends Common, SegmentationTest {
  readonly mean: Readonly<Record<SegmentationMetric, number>>;
}

/** The scores of a classifier on a dataset's split, once for each split and data. */
export async function evaluateClassifier(
  trained: TrainedModel,
  data: Dataset,
  { split = 'test', batchSize, signal }: EvaluateOptions = {},
): Promise<ClassifierEvaluation> {
  const file = scoresFile(trained, { data: dataIdentity(data), split, batchSize });
  const { epoch, network } = trained;
  const classes = data.classNames.length;
  const kept = readKept(file);
  const probabilities = kept === undefined ? undefined : new Float64Array(new Uint8Array(Buffer.from(kept, 'base64')).buffer); // prettier-ignore
  const scored =
    probabilities?.length === data.splits[split].count * classes
      ? { task: data.task, truth: data.splits[split].labels, scores: probabilities, classes }
      : await withParameters(trained, (parameters) =>
          scoreSplit(parameters, network, data, split, { batchSize, signal }),
        );
  if (kept === undefined) keep(file, Buffer.from(scored.scores.buffer, scored.scores.byteOffset, scored.scores.byteLength).toString('base64')); // prettier-ignore
  const result = testResult(scored, epoch);
  const counts = result.confusionMatrix ?? new Int32Array(classes * classes);
  return {
    ...result,
    model: network.name,
    split,
    images: data.splits[split].count,
    classNames: data.classNames,
    matrix: data.classNames.map((_, row) => [...counts.subarray(row * classes, (row + 1) * classes)]),
    report: result.report.map(({ index, precision, recall, f1, support, auc }) => ({
      class: data.classNames[index],
      ...{ precision, recall, f1, auc: auc ?? NaN, support },
    })),
  };
}

/** The scores of a segmentation network on a split, once for each split and data. */
export async function evaluateMasks(
  trained: TrainedModel,
  data: Exclude<TrainingData, Dataset>,
  { split = 'test', statistics = 'running', batchSize = 50, signal }: EvaluateOptions = {},
): Promise<MaskEvaluation> {
  const { network, epoch } = trained;
  const source: SegmentationSource =
    'batches' in data
      ? data
      : imageSource({ dataset: data, splits: data.splits, augmentation: {}, seed: 0, normalization: network.normalization }); // prettier-ignore
  const file = scoresFile(trained, { data: dataIdentity(data), split, statistics, batchSize });
  const kept = readKept(file);
  let test = kept === undefined ? undefined : unpack(kept);
  if (test === undefined) {
    test = await withParameters(trained, (parameters) => scoreMasks(parameters, network, source, { split, statistics, batchSize, signal })); // prettier-ignore
    keep(file, JSON.stringify({ scores: test.scores, masks: gzipSync(test.masks).toString('base64') }));
  }
  const { scores } = test;
  const means = Object.keys(scores[0]).filter((name) => typeof scores[0][name as SegmentationMetric] === 'number');
  return {
    ...test,
    model: network.name,
    epoch,
    split,
    images: scores.length,
    mean: Object.fromEntries(means.map((name) => [name, mean(metricOfImages(scores, name as SegmentationMetric))])) as Record<SegmentationMetric, number>, // prettier-ignore
  };
}

function unpack(text: string): Pick<SegmentationTest, 'scores' | 'masks'> {
  const { scores, masks } = JSON.parse(text) as { scores: SegmentationScores[]; masks: string };
  return { scores, masks: new Uint8Array(gunzipSync(Buffer.from(masks, 'base64'))) };
}

/** Beside the weights that it is of. */
function scoresFile({ training, which }: TrainedModel, of: object): string {
  return join(training.directory, `scores-${which}-${shortHash(of)}.txt`);
}

function readKept(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** A folder that cannot be written costs the scoring of another time, not this one. */
function keep(path: string, text: string): void {
  try {
    writeFileAtomic(path, text);
  } catch (error) {
    if (!['EACCES', 'EROFS', 'EPERM'].includes(String(errorCode(error)))) throw error;
  }
}

async function withParameters<T>(
  { network, read }: TrainedModel,
  use: (parameters: Parameters) => Promise<T>,
): Promise<T> {
  const parameters = initialParameters(network.table, 0, read());
  try {
    return await use(parameters);
  } finally {
    disposeParameters(parameters);
  }
}

/** The row of a classifier on the test split. */
export function classifierRow(
  { training, network }: TrainedModel,
  evaluation: ClassifierEvaluation,
  facts: RowFacts,
): ClassificationRow {
  const { history, best } = training;
  return {
    ...factsOfTraining(training),
    model: network.name,
    weights: network.weights.source,
    ...facts,
    bestValAccuracy: history[best.epoch - 1].valAccuracy,
    ...scoreFields(evaluation),
  };
}

/** The row of a segmentation network on the test split. */
export function maskRow(
  { training, network }: TrainedModel,
  { epoch, mean }: MaskEvaluation,
  facts: RowFacts,
): SegmentationRow {
  // prettier-ignore
  const { history, best, trainImages, valImages } = training;
  return {
    ...factsOfTraining(training),
    model: network.name,
    weights: network.weights.source,
    ...facts,
    epoch,
    trainImages,
    valImages,
    testDice: mean.dice,
    testIou: mean.jaccard,
    testSensitivity: mean.sensitivity,
    testAccuracy: mean.accuracy,
    testHd95: mean.hd95,
    bestValLoss: history[best.epoch - 1].valLoss,
    bestValDice: history[best.epoch - 1].valDice,
  };
}

function factsOfTraining({ id, parameters, trainableParameters, seconds, settings }: TrainedModel['training']) {
  return { trainingKey: id, parameters, trainableParameters, seconds, settings };
}
