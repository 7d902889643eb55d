/** A process of its own that works on a store: `store-worker.ts STORE LOG RUNS MILLISECONDS`. Not a test. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { runMissing } from '../../lib/studies/grid-runs';
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
  await runMissing(
    store,
    workerRuns(runs),
    async ({ id, configuration, directory }) => {
      note('start', id);
      // Stands for a checkpoint.
      const kept = join(directory, 'steps');
      const steps = (existsSync(kept) ? Number.parseInt(readFileSync(kept, 'utf8'), 10) || 0 : 0) + 1;
      const own = `${steps} begun, now by ${process.pid}`;
      writeFileSync(kept, own);
      await sleep(milliseconds);
      if (readFileSync(kept, 'utf8') !== own) note('overlap', id);
      note('end', id);
      return { square: configuration.number ** 2, steps, text: workerText };
    },
    {
      waitForOthers: true,
      pollMilliseconds: 20,
      onEvent: (event) => {
        if (event.kind === 'finished') note('finished', event.id);
        if (event.kind === 'failed') note('failed', `${event.id} ${event.error.message}`);
      },
    },
  );
}

if (require.main === module) {
  const [folder, log, runs, milliseconds] = process.argv.slice(2);
  void work(folder, log, Number(runs), Number(milliseconds));
}
