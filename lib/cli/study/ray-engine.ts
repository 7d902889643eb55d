/** One Ray task a run, on a cluster that is there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { counted } from '../../data/file-facts';
import { UserError } from '../../errors';
import { threadVariables } from '../../machine';
import { projectRoot } from '../../paths';
import { createLogTail, type AttemptEvents, type AttemptOutcome, type Engine } from './engine';
import { workerEventSchema } from './messages';

/** How results and checkpoints come to the store: machines that see its folder write there, others send them. */
export const transfers = ['shared-path', 'object-store'] as const;
export type Transfer = (typeof transfers)[number];

export interface RayEngineOptions {
  /** The worker's source file, relative to the project. */
  readonly worker: string;
  /** HOST:PORT of the cluster's head, or `auto` for the cluster of this machine. */
  readonly address: string;
  /** Asked of Ray for each run. */
  readonly cpus: number;
  readonly gpus: number;
  /** The most runs at once; by default what the cluster can take. */
  readonly workers?: number;
  readonly transfer: Transfer;
}

const python = join(projectRoot, '.venv', 'bin', 'python');
const driverFile = join(projectRoot, 'lib', 'cli', 'study', 'ray_driver.py');

export const rayMissing =
  'Ray is not installed in this project: run `npm run setup -- --ray` and the same command again.';

const task = z.string();
const text = z.string();
const driverEventSchema = z.union([
  z.object({ event: z.literal('missing') }),
  z.object({ event: z.enum(['refused', 'broken']), message: text }),
  z.object({ event: z.literal('ready'), version: text }),
  z.object({ event: z.literal('cluster'), capacity: z.number(), nodes: z.number() }),
  z.object({ event: z.literal('started'), task, where: text }),
  z.object({ event: z.enum(['lost', 'failed']), task, message: text, log: text.default('') }),
  z.intersection(z.object({ task }), workerEventSchema),
]);
type DriverEvent = z.infer<typeof driverEventSchema>;

interface Running {
  readonly events: AttemptEvents;
  end(outcome: AttemptOutcome): void;
}

/**
 * Joins the cluster.
 * @throws UserError where Ray is not installed, or no cluster is there
 */
export async function connectRayEngine(options: RayEngineOptions): Promise<Engine> {
  const { worker, address, cpus, gpus, workers = Infinity, transfer } = options;
  if (!existsSync(python)) throw new UserError(rayMissing);
  const driver = spawn(python, [driverFile], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const log = createLogTail();
  const running = new Map<string, Running>();
  const threads = Math.max(1, Math.floor(cpus));
  let cluster: { readonly capacity: number; readonly nodes: number } | undefined;
  let failure: Error | undefined;
  let changed: (note?: string) => void = () => undefined;
  let attempts = 0;
  let closing = false;

  const send = (message: object): void => void driver.stdin.write(`${JSON.stringify(message)}\n`);
  driver.stdin.on('error', () => undefined); // it has ended, which is handled there
  createInterface({ input: driver.stderr }).on('line', (line) => log.add(line));

  let resolveFirst: (event: DriverEvent | undefined) => void;
  const first = new Promise<DriverEvent | undefined>((resolve) => (resolveFirst = resolve));
  createInterface({ input: driver.stdout }).on('line', (line) => {
    const event = driverEventSchema.parse(JSON.parse(line));
    resolveFirst(event);
    handle(event);
  });
  const ended = once(driver, 'close').catch(() => undefined);
  void ended.then(() => {
    resolveFirst(undefined);
    if (!closing) failure ??= new UserError(`The link to Ray has ended: ${lastLine(log.text())}`);
    for (const [key, { end }] of running) {
      running.delete(key);
      end({ kind: 'lost', message: 'the link to Ray has ended', log: log.text() });
    }
    changed();
  });

  /** Undefined where runs fit. */
  function clusterNote(): string | undefined {
    if (cluster === undefined || cluster.capacity > 0) return undefined;
    return `No machine of the cluster has ${shareOf(options)}: runs wait for one that has.`;
  }

  function handle(event: DriverEvent): void {
    if (event.event === 'cluster') {
      cluster = event;
      changed(clusterNote());
    } else if (event.event === 'broken') failure = new UserError(event.message);
    if (!('task' in event)) return;
    const one = running.get(event.task);
    if (event.event === 'started') one?.events.onStarted(event.where);
    else if (event.event === 'progress') one?.events.onProgress(event.progress);
    else {
      running.delete(event.task);
      one?.end(outcomeOf(event));
    }
  }

  send({
    connect: {
      address,
      cpus,
      gpus,
      project: projectRoot,
      worker,
      node: process.execPath,
      variables: threadVariables(threads),
      transfer,
    },
  });
  const answer = await first;
  if (answer?.event !== 'ready') {
    driver.stdin.end();
    await ended;
    if (answer?.event === 'missing') throw new UserError(rayMissing);
    throw new UserError(answer?.event === 'refused' ? answer.message : `Ray ended at once: ${lastLine(log.text())}`);
  }

  return {
    description: `Ray ${answer.version} at ${address}, ${shareOf(options)} a run`,
    // A cluster that grows on demand may be empty until something waits.
    capacity: () => Math.max(1, Math.min(workers, cluster?.capacity ?? 0)),
    start(job, events) {
      const key = `${job.id}-${++attempts}`;
      const outcome = new Promise<AttemptOutcome>((resolve) => running.set(key, { events, end: resolve }));
      if (failure === undefined) send({ start: key, job });
      else running.get(key)?.end({ kind: 'lost', message: failure.message, log: '' });
      return { outcome, stop: () => send({ stop: key }) };
    },
    onChange(listener) {
      changed = listener;
      listener(clusterNote());
    },
    failure: () => failure,
    async close() {
      closing = true;
      driver.stdin.end();
      const timer = setTimeout(() => driver.kill('SIGKILL'), closeMilliseconds);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Such as `8 CPUs and 1 GPU`. */
function shareOf({ cpus, gpus }: RayEngineOptions): string {
  return gpus > 0 ? `${counted(cpus, 'CPU')} and ${counted(gpus, 'GPU')}` : counted(cpus, 'CPU');
}

const closeMilliseconds = 10_000;

function outcomeOf(
  event: Exclude<Extract<DriverEvent, { task: string }>, { event: 'started' | 'progress' }>,
): AttemptOutcome {
  switch (event.event) {
    case 'finished':
      return { kind: 'finished', result: event.result };
    case 'stopped':
      return { kind: 'stopped' };
    case 'lost':
      return { kind: 'lost', message: event.message, log: event.log };
    case 'failed':
      return { kind: 'failed', message: event.message, log: 'log' in event ? event.log : '' };
  }
}

function lastLine(log: string): string {
  return log.trim().split('\n').pop() || 'it says nothing';
}
