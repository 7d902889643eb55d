/** Works off a grid of runs: what one process does, alone or beside others on the same store. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunClaim, RunStore } from '../runs/store';

export type GridEvent<C> =
  | { readonly kind: 'started' | 'finished' | 'stopped'; readonly id: string; readonly configuration: C }
  | { readonly kind: 'failed'; readonly id: string; readonly configuration: C; readonly error: Error }
  | { readonly kind: 'waiting'; readonly running: number };

export interface GridOptions<C> {
  /** Ends the work softly: `run` is expected to see it too. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: GridEvent<C>) => void;
  /** Whether to wait for the runs of other processes, and to take over those that end without a result. Default false. */
  readonly waitForOthers?: boolean;
  readonly pollMilliseconds?: number;
}

/** What this process did; the store says how the grid stands. */
export interface GridSummary<C> {
  readonly finished: readonly string[];
  readonly failed: readonly { readonly id: string; readonly configuration: C; readonly error: Error }[];
  /** True where the signal ended the work. */
  readonly stopped: boolean;
}

/**
 * Runs every configuration that is neither finished nor running elsewhere, one after the other. `run` gives the result, or undefined where
 * the signal stopped it; what it throws counts as a failure of this run, and the others go on. A failed run is not tried again by this
 * call.
 */
export async function runMissing<C extends object, R>(
  store: RunStore<C, R>,
  configurations: readonly C[],
  run: (claim: Pick<RunClaim<C, R>, 'id' | 'configuration' | 'directory'>) => Promise<R | undefined>,
  options: GridOptions<C> = {},
): Promise<GridSummary<C>> {
  const { signal, onEvent = () => undefined, waitForOthers = false, pollMilliseconds = 1000 } = options;
  const finished: string[] = [];
  const failed: { id: string; configuration: C; error: Error }[] = [];
  const isStopped = (): boolean => signal?.aborted === true;
  let left: readonly C[] = configurations;
  for (;;) {
    for (const configuration of left) {
      if (isStopped()) return { finished, failed, stopped: true };
      const claim = store.claim(configuration);
      if (claim === undefined) continue;
      const about = { id: claim.id, configuration };
      onEvent({ kind: 'started', ...about });
      try {
        const result = await run(claim);
        if (result === undefined) {
          onEvent({ kind: 'stopped', ...about });
          return { finished, failed, stopped: true };
        }
        claim.finish(result);
        finished.push(claim.id);
        onEvent({ kind: 'finished', ...about });
      } catch (given) {
        const error = given instanceof Error ? given : new Error(String(given));
        failed.push({ ...about, error });
        onEvent({ kind: 'failed', ...about, error });
      } finally {
        claim.release();
      }
    }
    const { running, missing } = store.overview(configurations);
    const tried = new Set(failed.map(({ id }) => id));
    left = [...running, ...missing].filter(({ id }) => !tried.has(id)).map(({ configuration }) => configuration);
    if (!waitForOthers || left.length === 0) return { finished, failed, stopped: false };
    onEvent({ kind: 'waiting', running: running.length });
    await sleep(pollMilliseconds, undefined, { signal }).catch(() => undefined);
  }
}
