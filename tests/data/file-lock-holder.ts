/** A process of its own that holds locks until it is killed: `file-lock-holder.ts PATH…`. Prints its process id. Not a test. */
import { acquireLock } from '../../lib/data/file-lock';

async function hold(paths: readonly string[]): Promise<void> {
  for (const path of paths) await acquireLock(path);
  console.log(process.pid);
  setInterval(() => undefined, 1 << 30);
}

void hold(process.argv.slice(2));
