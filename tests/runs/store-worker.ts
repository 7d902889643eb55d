/** A process of its own that works on a store: `store-worker.ts STORE LOG RUNS MILLISECONDS`. Not a test. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { onceEach } from '../../lib/runs/once';
import { openRunStore } from '../../lib/runs/store';

export interface WorkerRun {
  readonly number: number;
}

export const workerRuns = (count: number): WorkerRun[] => Array.from({ length: count }, (_, number) => ({ number }));

/** `steps` says how often the run was begun. */
export const workerResult = z.object({ square: z.number(), steps: z.number(), text: z.string() });
export type WorkerResult = z.infer<typeof workerResult>;

/** Large enough for a kill to hit the writing. */
export const workerText = 'x'.repeat(200_000);

async function work(folder: string, log: string, runs: number, milliseconds: number): Promise<void> {
  const note = (event: string, id: string): void => appendFileSync(log, `${event} ${id} ${process.pid}\n`);
  const store = openRunStore<WorkerRun, WorkerResult>(folder, workerResult);
  const begin = async ({ number }: WorkerRun, directory: string, id: string): Promise<WorkerResult> => {
    note('start', id);
    // Stands for a checkpoint.
    const kept = join(directory, 'steps');
    const steps = (existsSync(kept) ? Number.parseInt(readFileSync(kept, 'utf8'), 10) || 0 : 0) + 1;
    const own = `${steps} begun, now by ${process.pid}`;
    writeFileSync(kept, own);
    await sleep(milliseconds);
    if (readFileSync(kept, 'utf8') !== own) note('overlap', id);
    note('end', id);
    return { square: number ** 2, steps, text: workerText };
  };
  const all = workerRuns(runs);
  while (store.overview(all).finished.length < runs) {
    const { failed } = await onceEach(store, all, begin, { onFinished: (id) => note('finished', id) });
    for (const { id, error } of failed) note('failed', `${id} ${error.message}`);
    await sleep(20);
  }
}

if (require.main === module) {
  const [folder, log, runs, milliseconds] = process.argv.slice(2);
  void work(folder, log, Number(runs), Number(milliseconds));
}
