import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from './errors';
import { notebookKernel } from './notebook-kernel';

/** The project's folder: the nearest one above this file that holds package.json. */
export const projectRoot: string = (() => {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
})();

/** Where unpacked, downloaded and generated data are kept; may be deleted at any time. */
export const cacheDirectory: string = join(projectRoot, 'data', 'cache');

/** Where runs and exported pages go; the variable OUTPUTS_DIRECTORY names another place. */
export const outputsDirectory: string = resolve(projectRoot, process.env.OUTPUTS_DIRECTORY || 'outputs');

/**
 * Where a path leads that somebody gave: `~` is their home, and a relative path is looked for beside the notebook, or where the command
 * was started, and then in the project. All are absolute; `path` is the first that exists.
 */
export function lookUpPath(given: string): { readonly path?: string; readonly tried: readonly string[] } {
  const expanded = given.replace(/^~(?=\/|$)/, homedir());
  const folders = [notebookKernel()?.folder ?? process.cwd(), projectRoot];
  const tried = given === '' ? [] : [...new Set(folders.map((folder) => resolve(folder, expanded)))];
  return { path: tried.find((path) => existsSync(path)), tried };
}

/**
 * Where something is to be written: `~` is the home, and a relative path is beside the notebook, or where the command was started, which is
 * where `lookUpPath` looks first.
 * @throws UserError for an empty path
 */
export function placeOf(given: string): string {
  const [place] = lookUpPath(given).tried;
  if (place === undefined) throw new UserError('The path is empty: give that of a file or folder.');
  return place;
}

/**
 * The absolute path of a file or folder that somebody gave: see `lookUpPath`.
 * @throws UserError with the paths that were tried
 */
export function findPath(given: string): string {
  const { path, tried } = lookUpPath(given);
  if (path === undefined) throw new UserError(`There is no file or folder "${given}": tried ${tried.join(' and ')}.`);
  return path;
}

/**
 * A path by its last name alone, also each of several between commas; any other text as it is. This much of a file may be published: in
 * which folders somebody keeps it is nobody's business.
 */
export function withoutFolders(text: string): string {
  const parts = text.split(',');
  return parts.some(isPath) ? parts.map((part) => (part.includes('/') ? basename(part) : part)).join(',') : text;
}

/** Absolute, or from the home or another folder, or a file of data or weights in a folder. A name of the hub's has a slash too. */
function isPath(text: string): boolean {
  return /^(\/|~\/|\.\.?\/)./.test(text) || /\/[^/]*\.(npz|npy|safetensors)$/.test(text);
}
