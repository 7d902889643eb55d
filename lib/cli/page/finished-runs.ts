/** Which notebooks have been run with their usual parameters, so that their pages can be listed and linked. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors';
import { findFigures, headlineFigure, type PageFigure } from './figures';
import { headline, type Headline } from './headline';
import { findNotebook } from '../../notebooks';
import { notebookNames } from '../../runs/notebook-files';
import { resolveParameters } from '../../runs/parameters';
import { readResults, runIdOf, type Results } from '../../runs/results';
import { readNotebook } from '../notebook-file';
import { pageMetadata, runSeconds } from './metadata';
import { repeatCommand } from './provenance';

/** The figure that stands for a run, where it could be drawn. */
export const previewName = 'preview.png';

export interface FinishedRun {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly directory: string;
  readonly results?: Results;
  readonly headline?: Headline;
  /** `2026-11-24`, where the notebook says one. */
  readonly date?: string;
  /** HTML of the headline figure, where it could not be drawn beforehand. */
  readonly chart?: string;
  readonly seconds?: number;
  readonly command?: string;
  readonly preview?: { readonly png: Buffer; readonly kind: PageFigure['kind'] };
}

/** Where a notebook's usual run is below a folder, the one with no parameter set: the gallery shows it. */
export function usualRun(folder: string, name: string): string {
  return join(folder, name, runIdOf(name, resolveParameters(findNotebook(name).specs, {})));
}

/** The usual runs that are finished below a folder, in reading order. */
export function finishedRuns(folder: string): FinishedRun[] {
  return notebookNames().flatMap((name) => {
    const directory = usualRun(folder, name);
    if (!existsSync(join(directory, 'index.html'))) return [];
    try {
      return [finishedRun(name, directory)];
    } catch (error) {
      if (error instanceof UserError) return []; // a damaged one hides no other
      throw error;
    }
  });
}

/** What the folder of a finished run says about it. */
export function finishedRun(name: string, directory: string): FinishedRun {
  const notebook = readNotebook(join(directory, 'notebook.ipynb'));
  const { title, description, date } = pageMetadata(notebook, name);
  const results = readResults(directory);
  const figure = headlineFigure(findFigures(notebook));
  const picture = join(directory, previewName);
  return {
    name,
    title,
    description,
    date,
    chart: figure?.kind === 'chart' ? figure.html : undefined,
    directory,
    results,
    headline: results && headline(results),
    seconds: runSeconds(notebook),
    command: results && repeatCommand(results),
    preview: figure && existsSync(picture) ? { png: readFileSync(picture), kind: figure.kind } : undefined,
  };
}
