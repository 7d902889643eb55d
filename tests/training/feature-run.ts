/**
 * An extraction into a cache as a process of its own: `feature-run.ts FOLDER [ROWS]` writes the rows of
 * `feature-example.ts` one by one, waits for its end once ROWS of them are written, and prints what it has found and
 * done when it has finished.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openFeatureCache } from '../../lib/training/feature-cache';
import { exampleRequest, exampleRow } from './feature-example';

async function main([directory, rows]: string[]): Promise<void> {
  const cache = openFeatureCache({ directory, saveEverySeconds: 0 });
  const request = exampleRequest();
  const from: number[] = [];
  let waited = false;
  const { file, found } = await cache.open({ ...request, onWait: () => (waited = true) }, async (writer) => {
    from.push(writer.finished);
    for (let row = writer.finished; row < request.count; row++) {
      if (row === Number(rows)) {
        process.stdout.write('waiting\n');
        await sleep(60_000);
      }
      writer.append(exampleRow(row, request.width));
      await sleep(10);
    }
  });
  process.stdout.write(`${JSON.stringify({ found, waited, from, sha256: await file.hash() })}\n`);
  file.close();
}

void main(process.argv.slice(2));
