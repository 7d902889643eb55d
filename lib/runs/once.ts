/** Trains once: what is finished is kept, what was killed or stopped continues. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors';
import type { RunStore } from './store';

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
  work: (directory: string, id: string) => Promise<R | undefined>,
  { again = false }: { readonly again?: boolean } = {},
): Promise<
  { readonly id: string; readonly directory: string; readonly result: R; readonly kept: boolean } | undefined
> {
  const id = store.idOf(identity);
  const directory = join(store.folder, id);
  const kept = again ? undefined : store.read(identity);
  if (kept !== undefined) return { id, directory, result: kept, kept: true };
  if (again && store.read(identity) !== undefined) rmSync(directory, { recursive: true, force: true });
  const claim = store.claim(identity);
  if (claim === undefined) {
    const finished = store.read(identity);
    if (finished !== undefined) return { id, directory, result: finished, kept: true };
    throw new UserError(
      `Another process is at the same training (${directory}): wait for it, or stop it, and run this again.`,
    );
  }
  let result: R | undefined;
  try {
    result = await work(claim.directory, id);
  } catch (error) {
    claim.release();
    throw error;
  }
  if (result === undefined) claim.release();
  else claim.finish(result);
  return result === undefined ? undefined : { id, directory, result, kept: false };
}
