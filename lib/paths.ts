import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The project's folder: the nearest one above this file that holds package.json. */
export const projectRoot: string = (() => {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
})();

/** Where unpacked, downloaded and generated data are kept; may be deleted at any time. */
export const cacheDirectory: string = join(projectRoot, 'data', 'cache');

/** Where runs and exported pages go. */
export const outputsDirectory: string = join(projectRoot, 'outputs');
