import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for what a case makes; it goes with `remove`, or with the process where that is interrupted. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `bench-${process.pid}-`));
  const removeFolder = (): void => rmSync(path, { recursive: true, force: true });
  process.once('exit', removeFolder);
  return {
    path,
    remove() {
      process.removeListener('exit', removeFolder);
      removeFolder();
    },
  };
}
