/** Threads that prepare images while the main thread computes, and processes that decode files. */
// Loaded here too: on some systems, its library can only be loaded in a thread if the main thread has done so before.
import 'sharp';
import type { ImageTask, PreparedImages } from './image-worker';
import { UserError } from '../errors';
import { startProcesses, startThreads, type Threads } from './threads';

export type ImageWorkers = Threads<ImageTask, PreparedImages>;

/** Starts threads, by default one for each processor up to four. */
export function startImageWorkers(count?: number): ImageWorkers {
  return startThreads('image-worker.ts', count);
}

/** As `startImageWorkers`, for files that nobody has read yet: one that a decoder fails at ends that decoder's process, and no other. */
export function startImageDecoders(count?: number): ImageWorkers {
  return startProcesses<ImageTask, PreparedImages>(
    'image-worker.ts',
    (task, signal) => decoderFailed('path' in task ? task.path : 'An image', signal),
    count,
  );
}

/** What is said of a file that has ended its decoder. @throws UserError always */
export function decoderFailed(path: string, signal: string): never {
  throw new UserError(`${path} cannot be read as an image (its decoder ended with ${signal}): replace or remove it.`);
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
