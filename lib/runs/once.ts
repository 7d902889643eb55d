/** Trains once: what is finished is kept, what was killed or stopped continues. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { creationMilliseconds } from '../data/file-lock';
import { UserError } from '../errors';
import type { RunStore } from './store';

/** What came of a piece of work. `kept`: it had been done before. */
interface Done<R> {
  readonly id: string;
  readonly directory: string;
  readonly result: R;
  readonly kept: boolean;
}

/** What is done of an identity, in a folder of its own; undefined where it was stopped. */
export type Work<R> = (directory: string, id: string) => Promise<R | undefined>;

/**
 * What came of a piece of work: as the store has it, or else by doing it now, in a folder of its own where a killed or stopped attempt
 * finds what it left. Undefined where it was stopped (the work gives undefined); the same call then continues it.
 * @param identity everything that the result depends on
 * @param options.again does it anew, in place of the kept result
 * @throws UserError where another process is at the same work
 */
export async function once<C extends object, R>(
  store: RunStore<C, R>,
  identity: C,
  work: Work<R>,
  { again = false }: { readonly again?: boolean } = {},
): Promise<Done<R> | undefined> {
  let done = await attempt(store, identity, work, again);
  if (done === 'at another process' && store.isNobodys(identity)) {
    await sleep(creationMilliseconds + 100);
    done = await attempt(store, identity, work, again);
  }
  if (done === 'stopped') return undefined;
  if (done !== 'at another process') return done;
  const directory = join(store.folder, store.idOf(identity));
  throw new UserError(
    `Another process is at the same training (${directory}): wait for it, or stop it, and run this again.`,
  );
}

/** What `onceEach` did; the store says how all stands. */
export interface EachSummary {
  readonly finished: readonly string[];
  readonly failed: readonly { readonly id: string; readonly error: Error }[];
  /** True where the signal or a piece of work ended it. */
  readonly stopped: boolean;
}

/**
 * Each piece of work that is not done yet, one after the other. What another process is at is left to it; what throws counts as failed, and
 * the others go on.
 * @param options.onFinished told of each that was done now
 */
export async function onceEach<C extends object, R>(
  store: RunStore<C, R>,
  identities: readonly C[],
  work: (identity: C, ...about: Parameters<Work<R>>) => Promise<R | undefined>,
  { signal, onFinished }: { readonly signal?: AbortSignal; readonly onFinished?: (id: string) => void } = {},
): Promise<EachSummary> {
  const finished: string[] = [];
  const failed: { id: string; error: Error }[] = [];
  for (const identity of identities) {
    if (signal?.aborted === true) return { finished, failed, stopped: true };
    try {
      const done = await attempt(store, identity, (directory, id) => work(identity, directory, id));
      if (done === 'stopped') return { finished, failed, stopped: true };
      if (done === 'at another process' || done.kept) continue;
      finished.push(done.id);
      onFinished?.(done.id);
    } catch (error) {
      failed.push({ id: store.idOf(identity), error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  return { finished, failed, stopped: false };
}

async function attempt<C extends object, R>(
  store: RunStore<C, R>,
  identity: C,
  work: Work<R>,
  again = false,
): Promise<Done<R> | 'stopped' | 'at another process'> {
  const id = store.idOf(identity);
  const directory = join(store.folder, id);
  const kept = store.read(identity);
  if (kept !== undefined && !again) {
    store.claim(identity); // which nobody gets any more: what a process left that was killed right after its result is cleared away
    return { id, directory, result: kept, kept: true };
  }
  if (kept !== undefined) rmSync(directory, { recursive: true, force: true });
  const claim = store.claim(identity);
  if (claim === undefined) {
    const finished = store.read(identity);
    return finished === undefined ? 'at another process' : { id, directory, result: finished, kept: true };
  }
  try {
    const result = await work(claim.directory, id);
    if (result !== undefined) claim.finish(result);
    return result === undefined ? 'stopped' : { id, directory, result, kept: false };
  } finally {
    claim.release();
  }
}
