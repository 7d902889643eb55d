/** Where a run of a notebook keeps what it has: checkpoints while it trains, and its results. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DataFacts, Dataset } from '../data/dataset';
import { outputsDirectory } from '../paths';
import { environment } from '../system';
import { openCheckpoints, type CheckpointStore } from '../training/checkpoints';
import { directoryVariable, type NotebookRun } from './current-run';
export { currentRun, type NotebookRun } from './current-run';
import { readAllResults, readResults, runIdOf, writeResults, type Results } from './results';

/** The run that a notebook's parameters stand for. In JupyterLab its folder is `outputs/<notebook>/<run id>`. */
export function openRun(notebook: string, parameters: Readonly<Record<string, unknown>>): NotebookRun {
  const runId = runIdOf(notebook, parameters);
  const directory = process.env[directoryVariable] ?? join(outputsDirectory, notebook, runId);
  return { notebook, runId, directory, parameters };
}

/**
 * The checkpoints of one training. A stopped or killed training is continued by the same call; a finished one is kept and not
 * repeated only while a command executes the notebook, since whoever runs a cell again by hand wants to see it train.
 */
export async function openTraining(
  run: NotebookRun,
  trainingKey: string,
): Promise<{ checkpoints: CheckpointStore; close(): void }> {
  const directory = join(run.directory, 'checkpoints', trainingKey);
  const checkpoints = openCheckpoints(directory, trainingKey);
  const keepFinished = keepsFinished();
  if (!keepFinished && (await checkpoints.load())?.finished) checkpoints.remove();
  return {
    checkpoints,
    close() {
      if (!keepFinished) checkpoints.remove();
    },
  };
}

/** Whether a finished training is kept to the end of the run, and not repeated: while a command executes the notebook. */
export function keepsFinished(): boolean {
  return process.env[directoryVariable] !== undefined;
}

/** The folder of the run that a command has this notebook do; undefined in JupyterLab. */
export function runDirectoryInUse(): string | undefined {
  return process.env[directoryVariable];
}

/** What results say of the run. */
export function factsOf({ notebook, runId, parameters }: NotebookRun) {
  const { profile, seed } = parameters;
  return {
    notebook,
    runId,
    profile: String(profile),
    parameters: { ...parameters },
    seed: Number(seed ?? 0),
    environment: { ...environment() },
  };
}

/** What results say of the data; of a fold, what was divided. */
export interface RecordedData extends DataFacts {
  readonly foldOf?: DataFacts;
}

/**
 * Adds a training's rows and history to the run's results.json, in place of earlier ones of the same training and arm. Rows of a fold are
 * of the fold's data.
 */
export function recordResults(
  run: NotebookRun,
  dataset: RecordedData,
  trainingKey: string,
  rows: Results['results'],
  history: readonly object[],
): void {
  const before = readResults(run.directory);
  const { name, sha256, splits } = dataset.foldOf ?? dataset;
  const isReplaced = (row: Results['results'][number]): boolean =>
    row.trainingKey === trainingKey && rows.some(({ arm }) => arm === row.arm);
  writeResults(run.directory, {
    ...factsOf(run),
    data: {
      ...{ name, sha256 },
      splits: { train: splits.train.count, val: splits.val.count, test: splits.test.count },
    },
    results: [...(before?.results.filter((row) => !isReplaced(row)) ?? []), ...rows.map((row) => ({ ...row, dataSha256: dataset.sha256 }))], // prettier-ignore
    history: { ...before?.history, [trainingKey]: [...history] },
  });
}

/** The results of this run and of all others of the same notebook, with their rows on the same data, this run's last. */
export function comparableResults(run: NotebookRun, dataset: Pick<Dataset, 'sha256'>): Results[] {
  const others = readAllResults(join(outputsDirectory, run.notebook)).filter((results) => results.runId !== run.runId);
  const own = readResults(run.directory);
  const isOfData = (row: Results['results'][number], { data }: Results): boolean =>
    (row.dataSha256 ?? data.sha256) === dataset.sha256;
  return [...others, ...(own ? [own] : [])].flatMap((results) => {
    const rows = results.results.filter((row) => isOfData(row, results));
    return rows.length === 0 ? [] : [{ ...results, results: rows }];
  });
}

/** Deletes what a run has written. */
export function discardRun(run: NotebookRun): void {
  rmSync(run.directory, { recursive: true, force: true });
}
