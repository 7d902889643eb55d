/** Finished trainings of a run that consists of many: each is kept as what became of it, without its weights, so that a killed run continues behind it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { writeFileAtomic } from '../files';
import { openCheckpoints, type CheckpointStore } from '../training/checkpoints';
import { keepsFinished, type NotebookRun } from '../runs/notebook-run';

/** JSON, but for bytes such as masks, which it has under one name. */
export interface KeptTraining {
  readonly masks?: Uint8Array;
}

const fileName = 'finished.json';

function folderOf(run: NotebookRun, trainingKey: string): string {
  return join(run.directory, 'checkpoints', trainingKey);
}

/**
 * What became of a training: as it was kept, or else by training it now with checkpoints of its own, which go when it has finished.
 * A training that was stopped (undefined) keeps them, and the same call continues it.
 */
export async function keptTraining<T extends KeptTraining>(
  run: NotebookRun,
  trainingKey: string,
  train: (checkpoints: CheckpointStore) => Promise<T | undefined>,
): Promise<T | undefined> {
  const folder = folderOf(run, trainingKey);
  const kept = readKept<T>(join(folder, fileName));
  if (kept !== undefined) return kept;
  const finished = await train(openCheckpoints(folder, trainingKey));
  if (finished === undefined) return undefined;
  const { masks, ...rest } = finished;
  const packed = masks && gzipSync(masks).toString('base64');
  mkdirSync(folder, { recursive: true });
  writeFileAtomic(join(folder, fileName), JSON.stringify({ ...rest, masks: packed }));
  for (const name of readdirSync(folder)) if (name !== fileName) rmSync(join(folder, name), { recursive: true });
  return finished;
}

/**
 * Forgets trainings after all of a series have finished, so that whoever runs its cell again by hand sees it train; not while a command
 * executes the notebook, which may be killed later on.
 */
export function forgetTrainings(run: NotebookRun, trainingKeys: readonly string[]): void {
  if (keepsFinished()) return;
  for (const key of trainingKeys) rmSync(folderOf(run, key), { recursive: true, force: true });
}

/** Files are replaced as a whole: what is there was written by this project. */
function readKept<T extends KeptTraining>(path: string): T | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const { masks, ...rest } = JSON.parse(readFileSync(path, 'utf8')) as { masks?: string };
    return { ...rest, masks: masks === undefined ? undefined : new Uint8Array(gunzipSync(Buffer.from(masks, 'base64'))) } as T; // prettier-ignore
  } catch {
    return undefined; // damaged on the disk: it is trained again
  }
}
