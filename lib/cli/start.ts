import { join } from 'node:path';
import { writeFileAtomic } from '../files';
import { outputsDirectory } from '../paths';
import { findNotebook, notebookNames } from '../studies/notebooks';
import { parseCommandLine, runCommand } from './command';
import { indexPage, type IndexEntry } from './index-page';
import { readNotebook } from './notebook-file';
import { createProgressLine } from './progress-line';
import { runNotebook } from './run-notebook';

const help = `npm start [-- NAME …]

Sets up whatever is missing, runs all notebooks at tour size on data that need no download, and makes a page of each and an index.

  npm start
  npm start -- 01`;

export async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseCommandLine(args, { help: { type: 'boolean' } });
  if (values.help) {
    console.log(help);
    return;
  }
  const names = positionals.length > 0 ? positionals.map((given) => findNotebook(given).name) : notebookNames();
  const line = createProgressLine(process.stdout, 15_000);
  const entries: IndexEntry[] = [];
  for (const name of names) {
    const { directory, seconds } = await runNotebook(name, {
      settings: [],
      onCell: ({ cell, cells }) => line.update(`${name}: cell ${cell} of ${cells}`),
    });
    line.print(`${name.padEnd(32)} ${seconds.toFixed(1).padStart(7)} s`);
    const { title = name, description = '' } = readNotebook(findNotebook(name).path).metadata;
    entries.push({ name, title, description, directory, seconds });
  }
  const index = join(outputsDirectory, 'index.html');
  writeFileAtomic(index, indexPage(entries, outputsDirectory));
  console.log(`Open ${index}`);
}

if (require.main === module) runCommand(main);
