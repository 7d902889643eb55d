/**
 * A process of its own that trains a run of the tour and ends by `kill -9` at a given event of its progress:
 * `run-worker.ts FOLDER KIND EPOCH`. Not a test.
 */
import { syntheticRun } from '../synthetic-run';
import { trainGridRun } from '../../../lib/studies/medmnist2d/run';

async function main([directory, kind, epoch]: string[]): Promise<void> {
  await trainGridRun(syntheticRun(directory), {
    saveEverySeconds: 0,
    onProgress(event) {
      const at = 'epoch' in event ? event.epoch : event.epochs;
      if (event.kind === kind && at === Number(epoch)) process.kill(process.pid, 'SIGKILL');
    },
  });
}

void main(process.argv.slice(2));
