/** A process that does one run and ends. It records nothing: the result goes to whoever has started it and holds the run's claim. */
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { UserError } from '../../errors';
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
  let started = false;
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    if (!started) {
      started = true;
      void work(line, train, controller.signal);
    } else if (line === 'stop') controller.abort();
  });
  // Nobody is left to take the result; what was kept is continued by somebody else.
  lines.on('close', () => process.exit(1));
  process.stdout.on('error', () => process.exit(1));
}

async function work<C extends object, R>(line: string, train: TrainRun<C, R>, signal: AbortSignal): Promise<void> {
  let last: WorkerEvent;
  try {
    const job = workerJobSchema.parse(JSON.parse(line));
    watch(job);
    const { context, id, directory } = job;
    const configuration = job.configuration as C;
    const result = await train({ id, configuration, directory }, { ...context, signal, onProgress: throttled(send) });
    last = result === undefined ? { event: 'stopped' } : { event: 'finished', result };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (!(error instanceof UserError)) process.stderr.write(`${error instanceof Error ? error.stack : message}\n`);
    last = { event: 'failed', message };
  }
  process.stdout.write(eventLine(last), () => process.exit(0));
}

/** A worker that was taken for dead must not go on when another one does its run. */
function watch({ directory }: WorkerJob): void {
  setInterval(() => {
    if (existsSync(directory)) return;
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
