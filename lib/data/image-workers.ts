/** Threads that prepare images while the main thread computes. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
// Loaded here too: on some systems, its library can only be loaded in a thread if the main thread has done so before.
import 'sharp';
import { UserError } from '../errors';
import { projectRoot } from '../paths';
import type { ImageAnswer, ImageTask, PreparedImages } from './image-worker';

export interface ImageWorkers {
  readonly count: number;
  /** Prepares images in the thread that has the least to do. Tasks of one thread are done in the order in which they were given. */
  run(task: ImageTask): Promise<PreparedImages>;
  /** Ends the threads; what they have not finished is rejected. */
  close(): Promise<void>;
}

interface Waiting {
  resolve(prepared: PreparedImages): void;
  reject(error: Error): void;
}

/** Decoding happens in four threads a process (libuv's), so that more than four of these would wait for each other. */
const mostWorkers = 4;

/** Starts threads, by default one for each processor up to four. They keep the process alive until `close`. */
export function startImageWorkers(count = Math.min(mostWorkers, availableParallelism())): ImageWorkers {
  const workers = Array.from({ length: count }, startWorker);
  return {
    count,
    run(task) {
      const free = workers.reduce((best, worker) => (worker.waiting.size < best.waiting.size ? worker : best));
      return free.run(task);
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
    },
  };
}

function startWorker() {
  // A thread begins without what loads TypeScript, in a command as in a notebook. (With Node 20, --import tsx does not reach it.)
  const modules = [require.resolve('tsx/cjs'), join(projectRoot, 'lib', 'data', 'image-worker.ts')];
  const code = modules.map((path) => `require(${JSON.stringify(path)});`).join('\n');
  const thread = new Worker(code, { eval: true, execArgv: [] });
  const waiting = new Map<number, Waiting>();
  let next = 0;
  let ended: Error | undefined;
  const end = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  thread.on('error', (error: Error) => end(error));
  thread.on('exit', () => end(new Error('The thread that prepares images has ended.')));
  thread.on('message', (answer: ImageAnswer) => {
    const task = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('prepared' in answer) task?.resolve(answer.prepared);
    else task?.reject(toError(answer));
  });
  return {
    waiting,
    run(task: ImageTask): Promise<PreparedImages> {
      return new Promise((resolve, reject) => {
        if (ended) return reject(ended);
        const id = next++;
        waiting.set(id, { resolve, reject });
        thread.postMessage({ id, task });
      });
    },
    async close(): Promise<void> {
      await thread.terminate();
    },
  };
}

function toError({ message, stack, forUser }: Extract<ImageAnswer, { message: string }>): Error {
  if (forUser) return new UserError(message);
  return Object.assign(new Error(message), { stack });
}

/**
 * What `run` makes of each item, in the items' order, with `ahead` further ones begun or finished when one is handed out. That is also the
 * bound on what is in memory.
 */
export async function* inOrder<T, R>(
  items: Iterable<T>,
  run: (item: T) => Promise<R>,
  ahead: number,
): AsyncGenerator<R> {
  const begun: Promise<R>[] = [];
  const iterator = items[Symbol.iterator]();
  const beginNext = (): void => {
    const item = iterator.next();
    if (item.done === true) return;
    const result = run(item.value);
    // It is awaited below, perhaps after it has failed; until then, the failure is not unhandled.
    result.catch(() => undefined);
    begun.push(result);
  };
  for (let index = 0; index < ahead; index++) beginNext();
  for (;;) {
    beginNext();
    const first = begun.shift();
    if (first === undefined) return;
    yield await first;
  }
}
