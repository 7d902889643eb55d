/** Jupyter's programs as this project runs them: by the environment that the set-up made, and without anything of the user's own. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { UserError } from '../errors';
import { memoryBytes } from '../machine';
import { projectRoot } from '../paths';
import type { Notebook } from './notebook-file';

export const pythonPath = join(projectRoot, '.venv', 'bin', 'python');

/** Variables for every program of Jupyter's: the project's own kernel is found first, and none of the user's settings is read. */
export function jupyterEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const environment = join(projectRoot, '.venv');
  return {
    ...process.env,
    JUPYTER_PATH: join(environment, 'share', 'jupyter'),
    JUPYTER_PREFER_ENV_PATH: '1',
    PYTHONNOUSERSITE: '1',
    PYTHONWARNINGS: 'ignore',
    ...extra,
  };
}

export interface CellEvent {
  /** Counted from 1, code cells only. */
  readonly cell: number;
  readonly cells?: number;
  /** Where the cell tells how far a training or the like is. */
  readonly progress?: string;
  /** Only where the cell failed. */
  readonly message?: string;
  /** Only where the kernel came to its end: by which exit code, or which signal as a negative number, and its most memory. */
  readonly died?: { readonly code: number | null; readonly peakBytes: number };
}

export interface ExecuteOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly onCell?: (event: CellEvent) => void;
}

/**
 * Runs all cells of a notebook and writes it with its outputs.
 * @throws UserError with the failed cell's number and message
 */
export async function executeNotebook(
  source: string,
  target: string,
  { environment, onCell }: ExecuteOptions = {},
): Promise<void> {
  const child = spawn(pythonPath, [join(projectRoot, 'lib', 'cli', 'execute.py'), resolve(source), resolve(target)], {
    cwd: projectRoot, // the kernel refuses to start in another copy of the project
    env: jupyterEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let failure: CellEvent | undefined;
  let errors = '';
  child.stderr.on('data', (piece: Buffer) => (errors += piece.toString()));
  createInterface(child.stdout).on('line', (line) => {
    const event = JSON.parse(line) as CellEvent;
    if (event.message !== undefined) failure = event;
    else if (event.died !== undefined) failure = { ...event, message: deathMessage(event.died) };
    else onCell?.(event);
  });
  const code = await exitCode(child);
  if (failure) {
    const lines = (failure.message ?? '').split('\n').slice(0, shownLines);
    throw new UserError(`Cell ${failure.cell} failed: ${lines.join('\n')}`);
  }
  if (code !== 0)
    throw new UserError(`The notebook could not be run: ${errors.trim().split('\n').pop() || `exit code ${code}`}`);
}

function deathMessage({ code, peakBytes }: NonNullable<CellEvent['died']>): string {
  if (code !== null && code >= 0) return `The kernel ended by itself, with exit code ${code}.`;
  const [signal = 'a signal'] = Object.entries(constants.signals).find(([, number]) => number === -(code ?? 0)) ?? [];
  const goesOn = 'run it again, and trainings go on from what was reached.';
  if (signal !== 'SIGKILL') return `The kernel was ended by ${signal}: ${goesOn}`;
  const [taken, all] = [peakBytes, memoryBytes()].map((bytes) => (bytes / 2 ** 30).toFixed(1));
  return `The kernel was killed, as the system does where the memory runs out (it had taken up to ${taken} of ${all} GB): a smaller batchSize needs less; ${goesOn}`;
}

/** Lines of a failure that fit under a command. */
const shownLines = 6;

/**
 * Converts a notebook with its outputs to HTML by the project's template. Pictures that it names are looked for in `folder`. What the
 * template asks for beyond the notebook is in its metadata `page`: see page/page-data.ts.
 */
export async function convertNotebook(notebook: Notebook, folder: string): Promise<Buffer> {
  const child = spawn(pythonPath, [join(projectRoot, 'lib', 'cli', 'convert.py'), projectRoot, folder], {
    env: jupyterEnvironment(),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const pieces: Buffer[] = [];
  let errors = '';
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  child.stderr.on('data', (piece: Buffer) => (errors += piece.toString()));
  child.stdin.on('error', () => {}); // it ended early, and says why by its exit code
  child.stdin.end(JSON.stringify(notebook));
  const code = await exitCode(child);
  if (code !== 0)
    throw new UserError(
      `The notebook could not be made a page: ${errors.trim().split('\n').pop() || `exit code ${code}`}`,
    );
  return Buffer.concat(pieces);
}

/** Waits for a child; when this process is asked to end, so is the child, and the promise rejects. */
function exitCode(child: ReturnType<typeof spawn>): Promise<number> {
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    child.kill('SIGTERM');
  };
  process.once('SIGTERM', stop);
  return new Promise((resolve, reject) => {
    child.on('error', (error) =>
      reject(new UserError(`${pythonPath} cannot be started (${error.message}): run \`npm run setup\`.`)),
    );
    child.on('close', (code) => {
      process.removeListener('SIGTERM', stop);
      if (stopped) reject(new UserError('The run was stopped; the same command takes it up again.'));
      else resolve(code ?? 1);
    });
  });
}
