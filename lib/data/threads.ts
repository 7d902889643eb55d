/** Threads that do tasks which would hold up the main thread. What they run is a module that calls `serveTasks`. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { UserError } from '../errors';
import { cores } from '../machine';
import { projectRoot } from '../paths';
import type { Answer, Failure } from './thread-tasks';

export interface Threads<Task, Result> {
  readonly count: number;
  /** Does a task in the thread that has the least to do. Tasks of one thread are done in the order in which they were given. */
  run(task: Task): Promise<Result>;
  /** Ends the threads; what they have not finished is rejected. */
  close(): Promise<void>;
}

interface Waiting<Result> {
  resolve(result: Result): void;
  reject(error: Error): void;
}

/** Decoding happens in four threads a process (libuv's), so that more than four of these would wait for each other. */
const mostThreads = 4;

/**
 * Starts threads, by default one for each core up to four. They keep the process alive while they have something to do.
 * @param module a file of this folder
 */
export function startThreads<Task, Result>(
  module: string,
  count = Math.min(mostThreads, cores()),
): Threads<Task, Result> {
  const threads = Array.from({ length: count }, () => startThread<Task, Result>(module));
  return {
    count,
    run(task) {
      const free = threads.reduce((best, thread) => (thread.waiting.size < best.waiting.size ? thread : best));
      return free.run(task);
    },
    async close() {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

function startThread<Task, Result>(module: string) {
  // A thread begins without what loads TypeScript, in a command as in a notebook. (With Node 20, --import tsx does not reach it.)
  const modules = [require.resolve('tsx/cjs'), join(projectRoot, 'lib', 'data', module)];
  const code = modules.map((path) => `require(${JSON.stringify(path)});`).join('\n');
  const thread = new Worker(code, { eval: true, execArgv: [] });
  thread.unref();
  const waiting = new Map<number, Waiting<Result>>();
  let next = 0;
  let ended: Error | undefined;
  let closing = false;
  const end = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  thread.on('error', (error: Error) => end(error));
  thread.on('exit', () => end(new Error('The thread that prepares images has ended.')));
  thread.on('message', (answer: Answer<Result>) => {
    const task = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (waiting.size === 0 && !closing) thread.unref();
    if ('result' in answer) task?.resolve(answer.result);
    else task?.reject(toError(answer));
  });
  return {
    waiting,
    run(task: Task): Promise<Result> {
      return new Promise((resolve, reject) => {
        if (ended) return reject(ended);
        const id = next++;
        waiting.set(id, { resolve, reject });
        thread.ref();
        thread.postMessage({ id, task });
      });
    },
    async close(): Promise<void> {
      closing = true; // else the process may end first, and with it whatever was to follow
      thread.ref();
      await thread.terminate();
    },
  };
}

function toError({ message, stack, forUser }: Failure): Error {
  if (forUser) return new UserError(message);
  return Object.assign(new Error(message), { stack });
}
