/** The part of the index that compares all kept runs of each notebook. */
import { join } from 'node:path';
import { escapeHtml } from '../display/html';
import { compareRuns } from '../workbench/compare-runs';
import { notebookNames, notebooksDirectory } from '../runs/notebook-files';
import { listRuns } from '../runs/run-index';
import { readNotebook } from './notebook-file';
import { pageMetadata } from './page/metadata';

/** An element `section`, or none where no run is kept below the folder. */
export function runsSections(folder: string): string[] {
  const comparisons = notebookNames().flatMap((name) => {
    const trainings = new Set(
      listRuns({ notebook: name, folder }).map(({ runId, trainingKey }) => `${runId} ${trainingKey}`),
    );
    if (trainings.size === 0) return [];
    const { title } = pageMetadata(readNotebook(join(notebooksDirectory, `${name}.ipynb`)), name);
    const count = trainings.size === 1 ? 'one training' : `${trainings.size} trainings`;
    const { html } = compareRuns(name, { folder });
    return [`<details class="run-comparison"><summary>${escapeHtml(title)} (${count})</summary>${html}</details>`];
  });
  if (comparisons.length === 0) return [];
  return [
    `<section aria-labelledby="runs"><h2 id="runs">Choose and compare runs</h2>
<p>Every training that was run so far, its settings and its scores. Headings sort; each further run (<code>npm run notebook -- 01 --set learningRate=3e-4</code>, or a changed cell in JupyterLab) adds a row and a line.</p>
${comparisons.join('\n')}</section>`,
  ];
}
