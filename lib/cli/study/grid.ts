/** Works off a grid of runs with an engine. This process holds the claim of every run that its engine does, and is the one that records. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileProblem } from '../../errors';
import { writeFileAtomic } from '../../files';
import type { RunClaim, RunStore } from '../../runs/store';
import type { TrainingEvent } from '../../training/events';
import type { Attempt, AttemptOutcome, Engine } from './engine';

interface About<C> {
  readonly id: string;
  readonly configuration: C;
}

export type GridEvent<C> =
  | (About<C> & { readonly kind: 'submitted'; readonly attempt: number })
  | (About<C> & { readonly kind: 'started'; readonly where: string })
  | (About<C> & { readonly kind: 'progress'; readonly progress: TrainingEvent })
  | (About<C> & { readonly kind: 'finished'; readonly seconds: number })
  /** Another attempt follows. */
  | (About<C> & { readonly kind: 'lost'; readonly message: string })
  | (About<C> & { readonly kind: 'failed'; readonly failure: RunFailure })
  | (About<C> & { readonly kind: 'stopped' })
  /** It was not finished when this process began, and somebody else has finished it. */
  | (About<C> & { readonly kind: 'finished elsewhere' })
  | { readonly kind: 'waiting'; readonly elsewhere: number }
  | { readonly kind: 'capacity'; readonly capacity: number; readonly note?: string | undefined };

export interface RunFailure {
  readonly message: string;
  /** The end of what its process printed. */
  readonly log: string;
  /** Where all of that is. */
  readonly file: string | undefined;
}

export interface WorkOptions<C> {
  /** How often a run is continued whose process or machine was lost. */
  readonly retries: number;
  /** Further arguments of the training. */
  readonly context: Readonly<Record<string, unknown>>;
  /** Ends the work softly. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: GridEvent<C>) => void;
  /** How often runs of other processes are looked at. */
  readonly pollMilliseconds?: number;
}

export interface WorkSummary<C> {
  /** Ids of the runs that this call has finished. */
  readonly finished: readonly string[];
  readonly failed: readonly (About<C> & RunFailure)[];
  readonly stopped: boolean;
}

const failureFile = 'failure.log';

/**
 * Does every run that is not finished, as many at once as the engine can take. Runs that other processes have claimed are left to them,
 * waited for, and taken over where they end without a result.
 * @throws what the engine says where it cannot go on
 */
export async function workOffGrid<C extends object, R>(
  store: RunStore<C, R>,
  configurations: readonly C[],
  engine: Engine,
  { retries, context, signal, onEvent, pollMilliseconds = 1000 }: WorkOptions<C>,
): Promise<WorkSummary<C>> {
  const finished: string[] = [];
  const failed: (About<C> & RunFailure)[] = [];
  const active = new Map<string, Attempt>();
  let left: readonly C[] = configurations.filter((configuration) => {
    if (store.read(configuration) === undefined) return true;
    store.claim(configuration); // which nobody gets any more: what a process left that was killed right after its result is cleared away
    return false;
  });
  let wake: () => void = () => undefined;
  const changed = (): void => wake();
  engine.onChange((note) => {
    onEvent({ kind: 'capacity', capacity: engine.capacity(), note });
    changed();
  });
  const stop = (): void => {
    for (const attempt of active.values()) attempt.stop();
    changed();
  };
  signal.addEventListener('abort', stop);
  const forget = (id: string): void => void (left = left.filter((configuration) => store.idOf(configuration) !== id));

  function begin(claim: RunClaim<C, R>, attempt: number): void {
    const about = { id: claim.id, configuration: claim.configuration };
    rmSync(join(claim.directory, failureFile), { force: true });
    const directory = claim.beginAttempt();
    onEvent({ kind: 'submitted', ...about, attempt });
    const started = performance.now();
    const running = engine.start(
      { ...about, directory, context: { ...context } },
      {
        onStarted: (where) => onEvent({ kind: 'started', ...about, where }),
        onProgress: (progress) => onEvent({ kind: 'progress', ...about, progress }),
      },
    );
    active.set(claim.id, running);
    void running.outcome.then((outcome) => {
      active.delete(claim.id);
      try {
        settle(claim, outcome, attempt, (performance.now() - started) / 1000);
      } catch (error) {
        claim.release();
        fail(claim, fileProblem(error) ?? (error instanceof Error ? error.message : String(error)), '');
      }
      changed();
    });
  }

  function settle(claim: RunClaim<C, R>, outcome: AttemptOutcome, attempt: number, seconds: number): void {
    const about = { id: claim.id, configuration: claim.configuration };
    switch (outcome.kind) {
      case 'finished':
        claim.finish(outcome.result as R); // checked there
        finished.push(claim.id);
        forget(claim.id);
        onEvent({ kind: 'finished', ...about, seconds });
        return;
      case 'lost':
        if (!signal.aborted && engine.failure() === undefined && attempt <= retries) {
          onEvent({ kind: 'lost', ...about, message: outcome.message });
          begin(claim, attempt + 1);
          return;
        }
        claim.release();
        if (signal.aborted || engine.failure() !== undefined) onEvent({ kind: 'stopped', ...about });
        else fail(claim, `${outcome.message}, ${attempt} ${attempt === 1 ? 'time' : 'times'}`, outcome.log);
        return;
      case 'failed':
        claim.release();
        fail(claim, outcome.message, outcome.log);
        return;
      case 'stopped':
        claim.release();
        onEvent({ kind: 'stopped', ...about });
    }
  }

  function fail(claim: RunClaim<C, R>, message: string, log: string): void {
    const about = { id: claim.id, configuration: claim.configuration };
    forget(claim.id);
    if (isFinished(claim.configuration)) {
      onEvent({ kind: 'finished elsewhere', ...about });
      return;
    }
    const file = log === '' ? undefined : join(claim.directory, failureFile);
    if (file !== undefined) writeFileAtomic(file, `${message}\n${log}\n`);
    const failure: RunFailure = { message, log, file };
    failed.push({ ...about, ...failure });
    onEvent({ kind: 'failed', ...about, failure });
  }

  function isFinished(configuration: C): boolean {
    try {
      return store.read(configuration) !== undefined;
    } catch {
      return false;
    }
  }

  /** Starts as many as fit. Returns how many runs somebody else has. */
  function fill(): number {
    let elsewhere = 0;
    for (const configuration of left) {
      const id = store.idOf(configuration);
      if (active.has(id)) continue;
      if (active.size >= engine.capacity()) break;
      const claim = store.claim(configuration);
      if (claim !== undefined) {
        try {
          begin(claim, 1);
        } catch (error) {
          claim.release();
          throw error;
        }
      } else if (isFinished(configuration)) {
        forget(id);
        onEvent({ kind: 'finished elsewhere', id, configuration });
      } else elsewhere++;
    }
    return elsewhere;
  }

  try {
    for (;;) {
      const failure = engine.failure();
      const stopped = signal.aborted || failure !== undefined;
      const elsewhere = stopped ? 0 : fill();
      if (active.size === 0) {
        if (failure !== undefined) throw failure;
        if (stopped || left.length === 0) return { finished, failed, stopped };
        if (elsewhere > 0) onEvent({ kind: 'waiting', elsewhere });
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pollMilliseconds);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
