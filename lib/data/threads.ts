/**
 * Threads that do tasks which would hold up the main thread, and processes that do what may end the one that does it. What they run is a
 * module that calls `serveTasks`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
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
  return shared(Array.from({ length: count }, () => startWorker<Task, Result>(() => startThread(module))));
}

/**
 * As `startThreads`, in processes: native code that fails at a task, such as an image decoder, ends neither this process nor other tasks.
 * @param crashed what becomes of a task whose process ended with that signal
 */
export function startProcesses<Task, Result>(
  module: string,
  crashed: (task: Task, signal: string) => Result,
  count = Math.min(mostThreads, cores()),
): Threads<Task, Result> {
  return shared(Array.from({ length: count }, () => startWorker(() => startProcess(module), crashed)));
}

function shared<Task, Result>(workers: readonly TaskWorker<Task, Result>[]): Threads<Task, Result> {
  return {
    count: workers.length,
    run(task) {
      const free = workers.reduce((best, worker) => (worker.waiting.size < best.waiting.size ? worker : best));
      return free.run(task);
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
    },
  };
}

interface Waiting<Task, Result> {
  readonly task: Task;
  resolve(result: Result): void;
  reject(error: Error): void;
}

interface TaskWorker<Task, Result> {
  readonly waiting: ReadonlyMap<number, Waiting<Task, Result>>;
  run(task: Task): Promise<Result>;
  close(): Promise<void>;
}

/** A thread or a process. */
interface Place {
  post(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Called once, after the last message; with the signal of a crash. */
  onEnd(listener: (error: Error, crash?: string) => void): void;
  /** Whether this process stays for it. */
  keep(needed: boolean): void;
  end(): Promise<unknown>;
}

function startWorker<Task, Result>(
  open: () => Place,
  crashed?: (task: Task, signal: string) => Result,
): TaskWorker<Task, Result> {
  const waiting = new Map<number, Waiting<Task, Result>>();
  let next = 0;
  let ended: Error | undefined;
  let closing = false;
  let place: Place | undefined = opened();

  function opened(): Place {
    const begun = open();
    begun.keep(waiting.size > 0);
    begun.onMessage((message) => {
      const answer = message as Answer<Result>;
      const asked = waiting.get(answer.id);
      waiting.delete(answer.id);
      if (waiting.size === 0 && !closing) begun.keep(false);
      if ('result' in answer) asked?.resolve(answer.result);
      else asked?.reject(toError(answer));
    });
    begun.onEnd((error, crash) => {
      if (crash !== undefined && crashed !== undefined && !closing) {
        // Tasks are done in their order: it was the first one's.
        for (const [id, { task, resolve, reject }] of [...waiting].slice(0, 1)) {
          waiting.delete(id);
          try {
            resolve(crashed(task, crash));
          } catch (thrown) {
            reject(thrown as Error);
          }
        }
        // Another one when there is work for it: it may end again before it begins.
        place = waiting.size > 0 ? opened() : undefined;
        for (const [id, { task }] of waiting) place?.post({ id, task });
        return;
      }
      ended ??= error;
      for (const { reject } of waiting.values()) reject(ended);
      waiting.clear();
    });
    return begun;
  }

  return {
    waiting,
    run(task: Task): Promise<Result> {
      return new Promise((resolve, reject) => {
        if (ended) return reject(ended);
        const id = next++;
        waiting.set(id, { task, resolve, reject });
        place ??= opened();
        place.keep(true);
        place.post({ id, task });
      });
    },
    async close(): Promise<void> {
      closing = true; // else the process may end first, and with it whatever was to follow
      place?.keep(true);
      await place?.end();
    },
  };
}

/** It begins without what loads TypeScript, in a command as in a notebook. (With Node 20, --import tsx does not reach a thread.) */
function codeOf(module: string): string {
  const modules = [require.resolve('tsx/cjs'), join(projectRoot, 'lib', 'data', module)];
  return modules.map((path) => `require(${JSON.stringify(path)});`).join('\n');
}

function startThread(module: string): Place {
  const thread = new Worker(codeOf(module), { eval: true, execArgv: [] });
  return {
    post: (message) => thread.postMessage(message),
    onMessage: (listener) => void thread.on('message', listener),
    onEnd(listener) {
      thread.on('error', (error: Error) => listener(error));
      thread.on('exit', () => listener(new Error('The thread that prepares images has ended.')));
    },
    keep: (needed) => (needed ? thread.ref() : thread.unref()),
    end: () => thread.terminate(),
  };
}

/** Of what goes wrong within it; others come from outside. */
const crashes: readonly string[] = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS'];

const prepares = 'The process that prepares images';
const killed = (signal: string): UserError =>
  new UserError(
    `${prepares} was ended by ${signal}, as the system does where the memory runs out: make room, and give the same command again.`,
  );

function startProcess(module: string): Place {
  const child = spawn(process.execPath, ['-e', codeOf(module)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
    // A terminal's Ctrl+C is for the process that has started it, whose end it notices.
    detached: true,
  });
  let closed = false;
  // After it has ended, there may still be answers of it to read.
  const over = Promise.all([once(child, 'exit') as Promise<[number | null, string | null]>, once(child, 'disconnect')]);
  return {
    post: (message) => void child.send(message as object, () => undefined),
    onMessage: (listener) => void child.on('message', listener),
    onEnd(listener) {
      over.then(
        ([[code, signal]]) => {
          const crash = crashes.find((one) => one === signal);
          const isTold = closed || signal === null || crash !== undefined;
          listener(isTold ? new Error(`${prepares} has ended (${signal ?? code}).`) : killed(signal), crash);
        },
        (error: unknown) => listener(error as Error),
      );
    },
    keep(needed) {
      for (const handle of [child, child.channel]) if (needed) handle?.ref(); else handle?.unref(); // prettier-ignore
    },
    end() {
      closed = true;
      child.kill('SIGKILL');
      return over;
    },
  };
}

function toError({ message, stack, forUser }: Failure): Error {
  if (forUser) return new UserError(message);
  return Object.assign(new Error(message), { stack });
}
