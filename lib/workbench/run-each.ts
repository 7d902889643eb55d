import { progressBar } from '../display/progress';
import { UserError } from '../errors';
import { interruptible } from '../interrupt';
import { onceEach } from '../runs/once';
import type { RunStore } from '../runs/store';
import type { TrainingEvent } from '../training/events';

export interface EachRun<C> {
  readonly id: string;
  readonly configuration: C;
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onProgress: (event: TrainingEvent) => void;
}

type Bar = ReturnType<typeof progressBar>;

export interface RunEachOptions {
  readonly onProgress?: Bar;
  /** Before the first run. */
  readonly onStart?: (controls: { readonly signal: AbortSignal; readonly onProgress: Bar }) => Promise<void>;
}

/**
 * Does the runs of a store that are missing, each once, with one bar for all. A run that another process is at is left to it. The stop
 * button ends it softly: the same cell continues.
 * @throws UserError where a run fails; what is finished stays
 */
export async function runEach<C extends object, R>(
  store: RunStore<C, R>,
  configurations: readonly C[],
  work: (run: EachRun<C>) => Promise<R | undefined>,
  { onProgress = progressBar('Runs of the grid', { step: 'run' }), onStart }: RunEachOptions = {},
): Promise<void> {
  const { finished, running } = store.overview(configurations);
  const steps = configurations.length;
  if (finished.length + running.length === steps) return;
  const started = performance.now();
  let step = finished.length;
  const report = (loss?: number): void => onProgress({ kind: 'batch', epoch: 1, epochs: 1, step, steps, loss });
  const onEvent = (event: TrainingEvent): void => {
    if (event.kind === 'epoch') report(event.row.trainLoss);
  };
  const { stopped, failed } = await interruptible(async (signal) => {
    await onStart?.({ signal, onProgress });
    return onceEach(
      store,
      configurations,
      (configuration, directory, id) => {
        report();
        return work({ id, configuration, directory, signal, onProgress: onEvent });
      },
      { signal, onFinished: () => report(void step++) },
    );
  });
  const seconds = (performance.now() - started) / 1000;
  onProgress(stopped ? { kind: 'stopped', epoch: 0, epochs: 1, seconds } : { kind: 'done', epochs: 1, seconds });
  if (failed.length > 0)
    throw new UserError(
      `${failed.length} of ${steps} runs failed, the first of them ${failed[0].id}: ${failed[0].error.message}`,
    );
}
