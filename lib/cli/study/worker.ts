/** A process that does one run and ends. It records nothing: the result goes to whoever has started it and holds the run's claim. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileProblem, UserError } from '../../errors';
import { temporarySibling } from '../../files';
import type { TrainingEvent } from '../../training/events';
import { eventLine, workerJobSchema, type WorkerEvent, type WorkerJob } from './messages';

/** What a study does of one configuration; undefined where the signal stopped it. */
export type TrainRun<C, R> = (
  run: { readonly id: string; readonly configuration: C; readonly directory: string },
  context: { readonly signal: AbortSignal; readonly onProgress: (event: TrainingEvent) => void },
) => Promise<R | undefined>;

/** Batches may be many; whoever looks at the progress sees no more than this. */
const progressMilliseconds = 500;
const directoryMilliseconds = 1000;

/** The whole life of a worker process. */
export function runWorker<C extends object, R>(train: TrainRun<C, R>): void {
  const controller = new AbortController();
  // Ctrl+C reaches all processes of a terminal; the one that holds the claim decides.
  process.on('SIGINT', () => undefined);
  let job: WorkerJob | undefined;
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    if (job === undefined) {
      job = workerJobSchema.parse(JSON.parse(line));
      void work(job, train, controller.signal);
    } else if (line === 'stop') controller.abort();
  });
  // Nobody is left to take the result; what was kept is continued by somebody else.
  const leave = (): never => {
    if (job?.temporary === true) rmSync(job.directory, { recursive: true, force: true });
    process.exit(1);
  };
  lines.on('close', leave);
  process.stdout.on('error', leave);
}

async function work<C extends object, R>(job: WorkerJob, train: TrainRun<C, R>, signal: AbortSignal): Promise<void> {
  let last: WorkerEvent;
  try {
    watch(job);
    const { context, id, directory } = job;
    const configuration = job.configuration as C;
    const result = await train({ id, configuration, directory }, { ...context, signal, onProgress: throttled(send) });
    last = result === undefined ? { event: 'stopped' } : { event: 'finished', result };
  } catch (error) {
    const told = error instanceof UserError ? error.message : fileProblem(error);
    const message = told ?? (error instanceof Error ? error.message : String(error));
    if (told === undefined) process.stderr.write(`${error instanceof Error ? error.stack : message}\n`);
    last = { event: 'failed', message };
  }
  process.stdout.write(eventLine(last), () => process.exit(0));
}

/**
 * A worker that was taken for dead must not go on when another one does its run. The folder's name does not tell: saving a checkpoint makes
 * it again.
 */
function watch({ directory }: WorkerJob): void {
  const mark = temporarySibling(join(directory, 'worker'));
  writeFileSync(mark, '');
  setInterval(() => {
    if (existsSync(mark)) return;
    process.stderr.write('Somebody else has taken the run over.\n');
    process.exit(1);
  }, directoryMilliseconds).unref();
}

function send(progress: TrainingEvent): void {
  process.stdout.write(eventLine({ event: 'progress', progress }));
}

function throttled(onProgress: (event: TrainingEvent) => void): (event: TrainingEvent) => void {
  let last = -Infinity;
  return (event) => {
    if (event.kind === 'batch' && performance.now() - last < progressMilliseconds) return;
    last = performance.now();
    onProgress(event);
  };
}
