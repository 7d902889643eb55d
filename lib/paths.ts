import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

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
