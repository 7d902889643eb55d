/** A trained network on a split: scored once, and recorded as a row where it is the test split. */
import { join } from 'node:path';
import { z } from 'zod';
import type { Dataset, SplitName } from '../data/dataset';
import { errorCode } from '../errors';
import { readRecord, recordText, writeFileAtomic } from '../files';
import { aucNote } from '../metrics/classification';
import { initialParameters } from '../models/initial-values';
import { disposeParameters, type Parameters } from '../models/parameters';
import { scoreSplit, testResult, type TestResult } from '../training/scored-split';
import { dataIdentity } from './identity';
import { scoreFields, shortHash, type ClassificationRow, type RowFacts } from './results';
import type { TrainedModel } from './train';

export interface EvaluateOptions {
  readonly split?: SplitName;
  /** Images at once. */
  readonly batchSize?: number;
  /** Ends between two batches: its reason is thrown. */
  readonly signal?: AbortSignal;
}

export interface Evaluated {
  readonly model: string;
  /** Whose weights were scored. */
  readonly epoch: number;
  readonly split: SplitName;
  readonly images: number;
}

/** A classifier on a split. */
export interface ClassifierEvaluation extends Evaluated, Omit<TestResult, 'report'> {
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
  const probabilities = kept === undefined ? undefined : scoresFromText(kept);
  const scored =
    probabilities?.length === data.splits[split].count * classes
      ? { task: data.task, truth: data.splits[split].labels, scores: probabilities, classes }
      : await withParameters(trained, (parameters) =>
          scoreSplit(parameters, network, data, split, { batchSize, signal }),
        );
  if (kept === undefined) keep(file, scoresToText(scored.scores));
  return classifierEvaluation(testResult(scored, epoch), { model: network.name, split, data });
}

/** Probabilities as text, bit for bit. */
export function scoresToText({ buffer, byteOffset, byteLength }: Float64Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

export function scoresFromText(text: string): Float64Array {
  return new Float64Array(new Uint8Array(Buffer.from(text, 'base64')).buffer);
}

/** What a cell gets of a classifier's scores on a split. */
export function classifierEvaluation(
  result: TestResult,
  { model, split, data }: { readonly model: string; readonly split: SplitName; readonly data: Dataset },
): ClassifierEvaluation {
  const classes = data.classNames.length;
  const counts = result.confusionMatrix ?? new Int32Array(classes * classes);
  return {
    ...result,
    model,
    split,
    images: data.splits[split].count,
    classNames: data.classNames,
    aucNote: aucNote(result.report, data.classNames),
    matrix: data.classNames.map((_, row) => [...counts.subarray(row * classes, (row + 1) * classes)]),
    report: result.report.map(({ index, precision, recall, f1, support, auc }) => ({
      class: data.classNames[index],
      ...{ precision, recall, f1, auc: auc ?? NaN, support },
    })),
  };
}

/** Beside the weights that it is of. */
export function scoresFile({ training, which }: TrainedModel, of: object): string {
  return join(training.directory, `scores-${which}-${shortHash(of)}.txt`);
}

const keptSchema = z.object({ kept: z.string() });

/** Undefined where there is none, or it is damaged. */
export function readKept(path: string): string | undefined {
  return keptSchema.safeParse(readRecord(path)).data?.kept;
}

/** A folder that cannot be written costs the scoring of another time, not this one. */
export function keep(path: string, text: string): void {
  try {
    writeFileAtomic(path, recordText({ kept: text }));
  } catch (error) {
    if (!['EACCES', 'EROFS', 'EPERM'].includes(String(errorCode(error)))) throw error;
  }
}

export async function withParameters<T>(
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
    weightsSha256: network.weights.sha256,
    network: network.config.architecture,
    ...facts,
    settings: { ...training.settings, ...facts.settings },
    bestValAccuracy: history[best.epoch - 1]?.valAccuracy ?? NaN,
    ...scoreFields(evaluation),
  };
}

/** What a row says of a training, whatever was scored. */
export function factsOfTraining({ id, parameters, trainableParameters, seconds, settings }: TrainedModel['training']) {
  return { trainingKey: id, parameters, trainableParameters, seconds, settings };
}
