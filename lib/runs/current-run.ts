/** Which notebook the cells of this process belong to. It loads nothing: commands that read parameters do without TensorFlow. */
import { join } from 'node:path';
import { outputsDirectory } from '../paths';
import { runIdOf } from './results';

export interface NotebookRun {
  readonly notebook: string;
  readonly runId: string;
  readonly directory: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Named by the command that executes a notebook: the folder of this run, and the promise that a finished training is not repeated. */
export const directoryVariable = 'NOTEBOOK_RUN_DIRECTORY';

/** The folder of trainings from JupyterLab, beside those of the command's runs, which a kernel never writes to. */
export const kernelRunId = 'jupyterlab';

let current: NotebookRun | undefined;

/** From here on, the cells of this process belong to a notebook's run with these parameters. */
export function beginRun(notebook: string, parameters: Readonly<Record<string, unknown>>): NotebookRun {
  const inCommand = process.env[directoryVariable];
  const runId = inCommand === undefined ? kernelRunId : runIdOf(notebook, parameters);
  const directory = inCommand ?? join(outputsDirectory, notebook, runId);
  return (current = { notebook, runId, directory, parameters });
}

/** The run that cells belong to; one without parameters, in a folder of the workbench, where no notebook has begun one. */
export function currentRun(): NotebookRun {
  return (current ??= beginRun('00_workbench', {}));
}
