/**
 * The toy's training as a process of its own, to be killed: `toy-run.ts FOLDER [EPOCH BATCH]` trains with checkpoints in FOLDER, waits for
 * its end before that batch (both counted from 0), where one is named, and prints metrics and weights when it has finished.
 */
import type { ImageBatch } from '../../lib/data/batches';
import { openCheckpoints } from '../../lib/training/checkpoints';
import { createToyRun, metricsOf } from './toy';

async function main([folder, lastEpoch, lastBatch]: string[]): Promise<void> {
  const run = createToyRun();
  const { history } = await run.fit({
    checkpoints: openCheckpoints(folder, 'toy'),
    async *batches(epoch): AsyncGenerator<ImageBatch> {
      let index = 0;
      for (const batch of run.batches(epoch)) {
        if (epoch === Number(lastEpoch) && index++ === Number(lastBatch)) {
          process.stdout.write('waiting\n');
          await new Promise((resolve) => setTimeout(resolve, 60_000));
        }
        yield batch;
      }
    },
  });
  process.stdout.write(`${JSON.stringify({ metrics: metricsOf(history), weights: run.weights() })}\n`);
}

void main(process.argv.slice(2));
