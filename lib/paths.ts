import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

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
