/** What a worker's process does in the folder that it was given: three steps, each of which depends on those before. */
import { join } from 'node:path';
import { z } from 'zod';
import { readRecord, recordText, writeFileAtomic } from '../../lib/files';
import { createRandom } from '../../lib/random';

const stepSchema = z.object({ epoch: z.number(), value: z.number() });

export function work(seed: number, directory: string): number {
  const path = join(directory, 'kept.json');
  let kept = stepSchema.safeParse(readRecord(path)).data ?? { epoch: 0, value: 0.5 };
  while (kept.epoch < 3) {
    kept = { epoch: kept.epoch + 1, value: (kept.value + createRandom(seed, String(kept.epoch)).uniform()) / 2 };
    writeFileAtomic(path, recordText(kept));
  }
  return kept.value;
}
