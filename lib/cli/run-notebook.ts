/** Executes a notebook with other parameters and leaves notebook, page and results in a folder, all or none of them. */
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { acquireLock } from '../data/file-lock';
import { syntheticBlood } from '../data/open';
import { datasetNames } from '../data/registry';
import { syntheticLesions } from '../data/synthetic-lesions-dataset';
import { UserError } from '../errors';
import { checkWritable, makeFolder, removeIfEmpty, writeFileAtomic } from '../files';
import { weightsNames } from '../models/weights-source';
import { outputsDirectory } from '../paths';
import { findNotebook } from '../notebooks';
import { notebooksDirectory } from '../runs/notebook-files';
import { profiles, resolveParameters } from '../runs/parameters';
import { modelsFolderName, runIdOf } from '../runs/results';
import { executeNotebook, type CellEvent } from './jupyter';
import { keepBeside, products } from './keep-beside';
import { readNotebook, withParameters, type Notebook } from './notebook-file';
import { previewName, usualRun } from './page/finished-runs';
import { writePage } from './page/page';

export interface RunNotebookOptions {
  /** `name=value` texts, as given. */
  readonly settings: readonly string[];
  readonly profile?: string;
  readonly out?: string;
  /** What relative paths refer to. */
  readonly workingDirectory?: string;
  readonly onCell?: (event: CellEvent) => void;
}

export interface FinishedNotebook {
  readonly name: string;
  readonly directory: string;
  readonly seconds: number;
  readonly continued: boolean;
  /** Where the result of other parameters is now that was in the folder before. */
  readonly keptBeside?: string;
  /** Why the page's charts have no still pictures; undefined where they have. */
  readonly stillsMissing?: string;
}

/** What is under way, below the run's folder; gone when the run is finished. */
const unfinishedName = '.unfinished';
/** Held by the run that writes to the folder. */
const lockName = '.lock';

/**
 * Runs a notebook. An unfinished run in the same folder is continued, a finished one done anew; one of other parameters is kept beside it.
 * @throws UserError in one line for wrong parameters, data or folders, before anything is started; and for a failed cell
 */
export async function runNotebook(given: string, options: RunNotebookOptions): Promise<FinishedNotebook> {
  const started = performance.now();
  const { name, path, specs, check } = findNotebook(given);
  const set = parseSettings(options.settings, options.profile, options.workingDirectory ?? process.cwd());
  const parameters = resolveParameters(specs, set);
  if (options.out === '') throw new UserError('--out is empty, but must be a folder, such as --out results/cells.');
  const directory = resolve(
    options.workingDirectory ?? process.cwd(),
    options.out ?? join(outputsDirectory, name, runIdOf(name, parameters)),
  );
  const created = createDirectory(directory);
  try {
    await check(parameters);
    const lock = await lockFolder(directory);
    try {
      const done = await execute(name, withParameters(readNotebook(path), set), directory, options);
      return { name, directory, seconds: (performance.now() - started) / 1000, ...done };
    } finally {
      lock.release();
    }
  } catch (error) {
    for (const folder of created) removeIfEmpty(folder);
    throw error;
  }
}

/** Leaves all products in the folder, or what was there before. Only whoever holds the folder's lock may call this. */
async function execute(
  name: string,
  notebook: Notebook,
  directory: string,
  { onCell }: Pick<RunNotebookOptions, 'onCell'>,
): Promise<Pick<FinishedNotebook, 'continued' | 'keptBeside' | 'stillsMissing'>> {
  const unfinished = join(directory, unfinishedName);
  const continued = isBegun(unfinished);
  try {
    makeFolder(unfinished);
    const [executed, page, results] = products.map((product) => join(unfinished, product));
    // Of another run, perhaps with other parameters; a training that is kept records its rows again.
    for (const product of products) rmSync(join(unfinished, product), { force: true });
    const input = join(unfinished, 'input.ipynb');
    writeFileSync(input, JSON.stringify(notebook));
    // The copy that runs lies elsewhere than the notebook, beside which files of its own are.
    const environment = { NOTEBOOK_RUN_DIRECTORY: unfinished, NOTEBOOK_FOLDER: notebooksDirectory };
    await executeNotebook(input, executed, { environment, onCell });
    if (!existsSync(results)) throw new UserError(`${name} ran to its end but recorded no results.`);
    // The gallery's pages share Plotly and so answer sooner; any other may be given away by itself. The gallery links to the notebook, too:
    // whoever publishes one publishes the other.
    const assets = directory === usualRun(outputsDirectory, name) ? outputsDirectory : undefined;
    const { headline, stillsMissing } = await writePage(executed, page, { illustrate: true, assets, place: directory });
    const keptBeside = keepBeside(directory, unfinished);
    for (const product of products) renameSync(join(unfinished, product), join(directory, product));
    const [models, kept] = [unfinished, directory].map((folder) => join(folder, modelsFolderName));
    rmSync(kept, { recursive: true, force: true });
    if (existsSync(models)) renameSync(models, kept);
    const preview = join(directory, previewName);
    if (headline === undefined) rmSync(preview, { force: true });
    else writeFileAtomic(preview, headline.png);
    rmSync(unfinished, { recursive: true, force: true });
    return { continued, keptBeside, stillsMissing };
  } catch (error) {
    // Checkpoints are worth keeping: the same command continues from them. Everything else is not.
    if (!isBegun(unfinished)) rmSync(unfinished, { recursive: true, force: true });
    throw error;
  }
}

/** Whether a training was begun that can be continued. */
function isBegun(unfinished: string): boolean {
  return ['checkpoints', 'trainings'].some((folder) => existsSync(join(unfinished, folder)));
}

/** `name=value` to values: numbers and booleans as such, everything else as text; paths of datasets and weights become absolute. */
export function parseSettings(
  settings: readonly string[],
  profile: string | undefined,
  workingDirectory: string,
): Record<string, unknown> {
  const values = new Map<string, unknown>();
  for (const setting of settings) {
    const at = setting.indexOf('=');
    if (at < 1) throw new UserError(`--set ${setting} is not of the form name=value, such as --set epochs=5.`);
    const name = setting.slice(0, at);
    const text = setting.slice(at + 1);
    values.set(name, parseNamed(name, text, workingDirectory));
  }
  if (profile !== undefined) values.set('profile', profile);
  const chosen = values.get('profile');
  if (chosen !== undefined && !(profiles as readonly unknown[]).includes(chosen)) {
    throw new UserError(`profile is ${JSON.stringify(chosen)}, but must be one of ${profiles.join(', ')}.`);
  }
  return Object.fromEntries(values);
}

function parseNamed(name: string, text: string, workingDirectory: string): unknown {
  if (name === 'dataset') return isDatasetName(text) ? text : absolutePath(text, workingDirectory);
  if (name === 'datasets')
    return text.replace(/[^,]*(\/|\.(npz|csv|tsv)(?=,|$))[^,]*/g, (path) => resolve(workingDirectory, path));
  if (name === 'store' && text !== '' && text !== 'auto') return resolve(workingDirectory, text);
  if (name === 'weights' && !weightsNames.includes(text)) return absolutePath(text, workingDirectory);
  return parseValue(text);
}

/** What lies in the folder that the command was started in; other text, such as a misspelt name, as it is. */
function absolutePath(text: string, workingDirectory: string): string {
  const path = resolve(workingDirectory, text);
  return text !== '' && (existsSync(path) || text.endsWith('.safetensors')) ? path : text;
}

/** Whether it names data and is no path; none given counts as a name. */
export function isDatasetName(text: string): boolean {
  return ['', syntheticBlood, syntheticLesions, ...datasetNames()].includes(text);
}

function parseValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** Creates a folder that can be written; returns the folders that were not there before, innermost first. */
function createDirectory(directory: string): string[] {
  let created: string[] = [];
  try {
    created = makeFolder(directory);
    checkWritable(join(directory, products[0]));
    return created;
  } catch (error) {
    created.forEach(removeIfEmpty);
    throw new UserError(
      `${directory} cannot be written (${(error as NodeJS.ErrnoException).code}): choose another folder with --out.`,
    );
  }
}

async function lockFolder(directory: string) {
  const abort = new AbortController();
  const lock = join(directory, lockName);
  return acquireLock(lock, { signal: abort.signal, onWait: () => abort.abort() }).catch((error: unknown) => {
    if (abort.signal.aborted)
      throw new UserError(`Another run is writing to ${directory}: wait for it or choose another folder with --out.`);
    throw error;
  });
}
