/** What a run of a notebook records: its results. */
import { join } from 'node:path';
import type { DataFacts, Dataset } from '../data/dataset';
import { outputsDirectory } from '../paths';
import { environment } from '../system';
import { directoryVariable, type NotebookRun } from './current-run';
export { currentRun, type NotebookRun } from './current-run';
import { readAllResults, readResults, writeResults, type Results } from './results';

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

/** What results say of the data; of a fold and of worse images, what these are of. */
export interface RecordedData extends DataFacts {
  readonly derivedFrom?: DataFacts;
}

/**
 * Adds a training's rows and history to the run's results.json, in place of earlier ones of the same training and arm on
 * the same data. Rows of a fold are of the fold's data.
 */
export function recordResults(
  run: NotebookRun,
  dataset: RecordedData,
  trainingKey: string,
  rows: Results['results'],
  history: readonly object[],
): void {
  const before = readResults(run.directory);
  const { name, sha256, splits } = dataset.derivedFrom ?? dataset;
  const isReplaced = (row: Results['results'][number]): boolean =>
    row.trainingKey === trainingKey &&
    (row.dataSha256 ?? before?.data.sha256) === dataset.sha256 &&
    rows.some(({ arm }) => arm === row.arm);
  writeResults(run.directory, {
    ...factsOf(run),
    data: {
      ...{ name, sha256 },
      splits: { train: splits.train.count, val: splits.val.count, test: splits.test.count },
    },
    results: [
      ...(before?.results.filter((row) => !isReplaced(row)) ?? []),
      ...rows.map((row) => ({ ...row, dataSha256: dataset.sha256 })),
    ],
    history: { ...before?.history, [trainingKey]: [...history] },
    ...(before?.claims && { claims: before.claims }),
  });
}

/**
 * Adds what was found of the study's claims to the run's results.json, in place of what was found before; nothing where
 * it has no rows.
 */
export function recordClaims({ directory }: NotebookRun, claims: NonNullable<Results['claims']>): void {
  const before = readResults(directory);
  if (before !== undefined) writeResults(directory, { ...before, claims });
}

/**
 * The results of this run and of all others of the same notebook, or of several, with their rows on the same data, this
 * run's last.
 */
export function comparableResults(
  run: NotebookRun,
  dataset: Pick<Dataset, 'sha256'>,
  notebooks: readonly string[] = [run.notebook],
): Results[] {
  const kept = notebooks.flatMap((notebook) => readAllResults(join(outputsDirectory, notebook)));
  const others = kept.filter(({ notebook, runId }) => notebook !== run.notebook || runId !== run.runId);
  const own = readResults(run.directory);
  const isOfData = (row: Results['results'][number], { data }: Results): boolean =>
    (row.dataSha256 ?? data.sha256) === dataset.sha256;
  return [...others, ...(own ? [own] : [])].flatMap((results) => {
    const rows = results.results.filter((row) => isOfData(row, results));
    return rows.length === 0 ? [] : [{ ...results, results: rows }];
  });
}
