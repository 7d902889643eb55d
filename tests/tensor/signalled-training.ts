/**
 * A process of its own that trains a small transformer in FOLDER while signals, which it handles, come all the time:
 * `signalled-training.ts FOLDER`. Not a test.
 */
import { Worker } from 'node:worker_threads';
import { trainGridRun } from '../../lib/studies/medmnist2d/run';
import { syntheticRun } from '../studies/synthetic-run';

const sending = `
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    process.kill(process.pid, 'SIGUSR2');
    Atomics.wait(pause, 0, 0, 0.02);
  }
`;

async function main([directory]: string[]): Promise<void> {
  let signals = 0;
  process.on('SIGUSR2', () => signals++);
  const sender = new Worker(sending, { eval: true, execArgv: [] });
  const options = { networks: ['swin_tour'], epochs: 2, batchSize: 24 };
  const result = await trainGridRun(syntheticRun(directory, options));
  await sender.terminate();
  console.log(JSON.stringify({ epochs: result?.epochs, signals }));
}

void main(process.argv.slice(2));
