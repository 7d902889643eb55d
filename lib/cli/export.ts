import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { UserError } from '../errors';
import { parseCommandLine, runCommand } from './command';
import { convertNotebook } from './jupyter';
import { readNotebook } from './notebook-file';

const help = `npm run export -- FILE.ipynb --out FILE.html

Makes a page of a notebook as it stands, without running it: one file that needs nothing else.

  npm run export -- notebooks/01_resnet_from_scratch.ipynb --out resnet.html`;

export async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseCommandLine(args, { out: { type: 'string' }, help: { type: 'boolean' } });
  if (values.help) {
    console.log(help);
    return;
  }
  if (positionals.length !== 1)
    throw new UserError('Name one notebook, such as `npm run export -- FILE.ipynb --out FILE.html`.');
  const source = resolve(positionals[0]);
  if (!existsSync(source)) throw new UserError(`There is no file ${source}: check the path.`);
  const failed = readNotebook(source).cells.findIndex((cell) =>
    cell.outputs?.some((output) => (output as { output_type?: string }).output_type === 'error'),
  );
  if (failed >= 0)
    throw new UserError(
      `Cell ${failed + 1} of ${source} has failed: run the notebook to its end before it is exported.`,
    );
  const target = resolve(values.out ?? source.replace(/\.ipynb$/, '.html'));
  await convertNotebook(source, target);
  console.log(target);
}

if (require.main === module) runCommand(main);
