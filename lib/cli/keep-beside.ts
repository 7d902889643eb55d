/** What a run of a notebook finds in its folder: the result of another run is kept beside the new one. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { modelsFolderName, readResults, resultsFileName, type Results } from '../runs/results';
import { previewName } from './page/finished-runs';
import { makeFolder } from '../files';

/** What a finished run leaves in its folder. */
export const products = ['notebook.ipynb', 'index.html', resultsFileName];

/**
 * Moves the result of a run with other parameters, on other data at the same path, or of another notebook, out of the way: to a folder of
 * its run's id in the same place.
 * @param directory where a finished run may lie
 * @param unfinished the folder in it whose result will take that place
 * @returns where the earlier result is now; undefined where there is none, or one of the same run
 */
export function keepBeside(directory: string, unfinished: string): string | undefined {
  const [earlier, latest] = [directory, unfinished].map(resultsOrNone);
  if (earlier === undefined || latest === undefined) return undefined;
  const sameSettings = earlier.notebook === latest.notebook && earlier.runId === latest.runId;
  if (sameSettings && earlier.data.sha256 === latest.data.sha256) return undefined;
  const ofData = sameSettings ? `-${earlier.data.sha256.slice(0, 8)}` : '';
  const beside = join(directory, earlier.runId + ofData);
  makeFolder(beside);
  for (const name of [...products, modelsFolderName, previewName]) {
    rmSync(join(beside, name), { recursive: true, force: true });
    if (existsSync(join(directory, name))) renameSync(join(directory, name), join(beside, name));
  }
  return beside;
}

/** A damaged file tells of no run. */
function resultsOrNone(folder: string): Results | undefined {
  try {
    return readResults(folder);
  } catch {
    return undefined;
  }
}
