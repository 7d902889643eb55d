/** The notebooks that there are, by name. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suggestion, UserError } from '../errors';
import { projectRoot } from '../paths';

export const notebooksDirectory = join(projectRoot, 'notebooks');

export interface NotebookFile {
  /** Without `.ipynb`. */
  readonly name: string;
  readonly path: string;
}

/** File names without `.ipynb`, in reading order. */
export function notebookNames(): string[] {
  return readdirSync(notebooksDirectory)
    .filter((name) => name.endsWith('.ipynb'))
    .map((name) => name.slice(0, -'.ipynb'.length))
    .sort();
}

/** A notebook by its number, its name or the beginning of it. @throws UserError where none or several fit */
export function findNotebookFile(given: string): NotebookFile {
  const names = notebookNames();
  const wanted = given.replace(/^.*\//, '').replace(/\.ipynb$/, '');
  const fitting = names.includes(wanted) ? [wanted] : names.filter((name) => wanted !== '' && name.startsWith(wanted));
  if (fitting.length !== 1) {
    throw new UserError(
      `There is no notebook "${given}"${suggestion(wanted, names) || '.'} There are ${names.join(', ')}.`,
    );
  }
  return { name: fitting[0], path: join(notebooksDirectory, `${fitting[0]}.ipynb`) };
}
