/** The trainings that are kept below `outputs`: what each was given, what came of it, and how it went. */
import { join } from 'node:path';
import { z } from 'zod';
import { outputsDirectory } from '../paths';
import { readAllResults, readResults, type Results } from './results';
import { runDirectoryInUse } from './notebook-run';

/** A training and one arm of it: a row of a `results.json`, with what its file says of all rows. */
export interface RunRecord {
  readonly notebook: string;
  readonly runId: string;
  readonly trainingKey: string;
  readonly profile: string;
  /** What it was trained on; `images` for training, where a row says how many, and for the test. Only what agrees in all is comparable. */
  readonly data: { readonly name: string; readonly sha256: string; readonly train?: number; readonly test?: number };
  readonly model: string;
  readonly weights: string;
  readonly protocol: string;
  readonly arm: string;
  /** Hyperparameters by name. */
  readonly settings: Readonly<Record<string, string | number>>;
  /** Scores by name, fractions; those that this kind of row has. */
  readonly scores: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** Empty where there were no epochs. */
  readonly history: readonly RecordedEpoch[];
}

export interface RecordedEpoch {
  readonly epoch: number;
  readonly trainLoss: number;
  readonly valLoss: number;
}

/** In the order in which they are shown. Those of the validation split come first: runs are chosen by them. */
export const scoreNames = [
  'bestValAccuracy',
  'valAuc',
  'bestValDice',
  'testAccuracy',
  'testMacroF1',
  'testAuc',
  'testDice',
  'testIou',
  'testHd95',
] as const;

const settingsSchema = z.record(z.string(), z.union([z.string(), z.number()])).catch({});
const historySchema = z
  .array(z.looseObject({ epoch: z.number(), trainLoss: z.number(), valLoss: z.number() }))
  .catch([]);

export interface RunQuery {
  readonly notebook: string;
  /** Where runs are kept, a folder for each notebook. */
  readonly folder?: string;
}

/** All recorded trainings of a notebook, the run that is under way last. Damaged files are passed over. */
export function listRuns({ notebook, folder = outputsDirectory }: RunQuery): RunRecord[] {
  const kept = readAllResults(join(folder, notebook));
  const inUse = runDirectoryInUse();
  const own = inUse === undefined ? undefined : readResults(inUse);
  const others = kept.filter(({ runId }) => runId !== own?.runId);
  return [...others, ...(own?.notebook === notebook ? [own] : [])].flatMap(recordsOf);
}

function recordsOf({ notebook, runId, profile, data, results, history }: Results): RunRecord[] {
  // Those of a cross-validation's folds are of other images.
  const whole = results.filter(({ dataSha256 = data.sha256 }) => dataSha256 === data.sha256);
  return whole.map((row) => ({
    ...{ notebook, runId, profile },
    data: dataOf(row, data),
    ...{ trainingKey: row.trainingKey, model: row.model, weights: row.weights, protocol: row.protocol, arm: row.arm },
    settings: settingsSchema.parse(row.settings),
    scores: Object.fromEntries(
      scoreNames.filter((name) => !isMeaningless(name, row)).flatMap((name) => scoreOf(name, row[name])),
    ),
    seconds: row.seconds,
    history: historySchema.parse(history[row.trainingKey]),
  }));
}

/** A run of a grid has a dataset of its own, and one of few images a number of its own. */
function dataOf(row: Results['results'][number], { name, sha256, splits }: Results['data']): RunRecord['data'] {
  const fraction = typeof row.fraction === 'number' ? ` (${Math.round(100 * row.fraction)} %)` : '';
  const train = typeof row.trainImages === 'number' ? { train: row.trainImages } : {};
  if (typeof row.dataset === 'string') return { name: `${row.dataset}${fraction}`, sha256, ...train };
  return { name, sha256, ...train, test: splits.test };
}

/** Most labels of a multi-label task are absent: whoever finds none has a high accuracy. */
function isMeaningless(score: string, { task }: Results['results'][number]): boolean {
  return task === 'multi-label' && /accuracy/i.test(score);
}

function scoreOf(name: string, value: unknown): [string, number][] {
  return typeof value === 'number' && Number.isFinite(value) ? [[name, value]] : [];
}
