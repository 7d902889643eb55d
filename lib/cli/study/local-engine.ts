/** One process a run on this machine. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { counted } from '../../data/file-facts';
import { cores, threadVariables } from '../../machine';
import { projectRoot } from '../../paths';
import { createLogTail, type Attempt, type AttemptEvents, type AttemptOutcome, type Engine } from './engine';
import { parseEventLine, type WorkerEvent, type WorkerJob } from './messages';

export interface LocalEngineOptions {
  /** The worker's source file, relative to the project. */
  readonly worker: string;
  /** How many processes at once. */
  readonly workers: number;
  /** Of each process; by default its share of the processor. */
  readonly threads?: number;
  /** Of each process: it sees these, counted on from those of the process before. Undefined: every process sees all. */
  readonly gpus?: number;
}

export function threadsPerWorker(workers: number, available = cores()): number {
  return Math.max(1, Math.floor(available / workers));
}

export function createLocalEngine({ worker, workers, threads, gpus }: LocalEngineOptions): Engine {
  const count = threads ?? threadsPerWorker(workers);
  const children = new Set<ChildProcess>();
  const free = Array.from({ length: workers }, (_, slot) => slot);

  function environmentOf(slot: number): NodeJS.ProcessEnv {
    const visible = gpus === undefined || gpus === 0 ? [] : Array.from({ length: gpus }, (_, k) => slot * gpus + k);
    return {
      ...process.env,
      NODE_PATH: undefined,
      TSX_TSCONFIG_PATH: join(projectRoot, 'tsconfig.json'),
      ...threadVariables(count),
      ...(gpus === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible.join(',') }),
    };
  }

  return {
    description: `${counted(workers, 'process')} of ${counted(count, 'thread')}`,
    capacity: () => workers,
    start(job, events) {
      const slot = free.shift() ?? 0;
      const child = spawn(process.execPath, ['--import', 'tsx', join(projectRoot, worker)], {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: environmentOf(slot),
        // Where `tsx` is looked for. Paths of the job are absolute.
        cwd: projectRoot,
        // A terminal's Ctrl+C is for the process that holds the claims.
        detached: true,
      });
      children.add(child);
      child.on('close', () => {
        children.delete(child);
        free.push(slot);
      });
      return follow(child, job, events);
    },
    onChange: () => undefined,
    failure: () => undefined,
    async close() {
      const left = [...children].map((child) => once(child, 'close'));
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(left);
    },
  };
}

function follow(child: ChildProcess, job: WorkerJob, { onStarted, onProgress }: AttemptEvents): Attempt {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error('A worker has no pipes.');
  const log = createLogTail();
  let last: WorkerEvent | undefined;
  let stopping = false;
  stdin.on('error', () => undefined); // it has ended; how, its outcome says
  stdin.write(`${JSON.stringify(job)}\n`);
  createInterface({ input: stderr }).on('line', (line) => log.add(line));
  createInterface({ input: stdout }).on('line', (line) => {
    const event = parseEventLine(line);
    if (event === undefined) log.add(line);
    else if (event.event === 'progress') onProgress(event.progress);
    else last = event;
  });
  const outcome = new Promise<AttemptOutcome>((resolve) => {
    child.on('error', (error) => resolve({ kind: 'failed', message: error.message, log: '' }));
    child.on('close', (code, signal) => resolve(outcomeOf(last, { code, signal, stopping }, log.text())));
  });
  onStarted(`process ${child.pid}`);
  return {
    outcome,
    stop() {
      stopping = true;
      stdin.write('stop\n');
    },
  };
}

function outcomeOf(
  last: WorkerEvent | undefined,
  { code, signal, stopping }: { code: number | null; signal: NodeJS.Signals | null; stopping: boolean },
  log: string,
): AttemptOutcome {
  if (last?.event === 'finished') return { kind: 'finished', result: last.result };
  if (last?.event === 'failed') return { kind: 'failed', message: last.message, log };
  if (last?.event === 'stopped' || stopping) return { kind: 'stopped' };
  if (signal !== null) return { kind: 'lost', message: `its process was ended by ${signal}`, log };
  return { kind: 'failed', message: `its process ended with exit code ${code} and without a result`, log };
}
