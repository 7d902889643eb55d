/** The side of the thread, or of the process: see `threads.ts`. */
import { parentPort } from 'node:worker_threads';
import { UserError } from '../errors';

/** What a task ends with. An error's class does not survive the way between threads, so it is told by name. */
export type Answer<Result> = { readonly id: number } & ({ readonly result: Result } | Failure);

export interface Failure {
  readonly message: string;
  readonly stack: string | undefined;
  readonly forUser: boolean;
}

/** Of a thread; of a process, which ends with the one that has started it. */
function post(message: unknown, memory: readonly ArrayBuffer[]): void {
  if (parentPort !== null) parentPort.postMessage(message, memory);
  else process.send?.(message);
}

function listen(listener: (message: unknown) => void): void {
  if (parentPort !== null) parentPort.on('message', listener);
  else process.on('message', listener).on('disconnect', () => process.exit());
}

/**
 * Does the tasks that this thread is given, one after the other: the decoded image, which may be large, is in memory once a thread.
 * @param owned the arrays of a result whose memory goes with it to the main thread
 */
export function serveTasks<Task, Result>(
  run: (task: Task) => Result | Promise<Result>,
  owned: (result: Result) => readonly Uint8Array[],
): void {
  let last = Promise.resolve();
  const answer = (message: Answer<Result>, arrays: readonly Uint8Array[] = []): void => {
    post(
      message,
      arrays.map(({ buffer }) => buffer as ArrayBuffer),
    );
  };
  listen((message) => {
    const { id, task } = message as { readonly id: number; readonly task: Task };
    last = last.then(async () => {
      try {
        const result = await run(task);
        answer({ id, result }, owned(result));
      } catch (error) {
        const { message, stack } = error instanceof Error ? error : new Error(String(error));
        answer({ id, message, stack, forUser: error instanceof UserError });
      }
    });
  });
}

/**
 * An array whose memory can be handed to another thread; a decoder's, or a part of a larger one, may not. It may be a Buffer, whose
 * `slice` copies nothing.
 */
export function ownedCopy(result: Uint8Array, decoded?: Uint8Array): Uint8Array {
  return result === decoded || result.byteLength !== result.buffer.byteLength ? new Uint8Array(result) : result;
}
