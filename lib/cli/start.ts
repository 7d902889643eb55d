import { join } from 'node:path';
import { writeFileAtomic } from '../files';
import { outputsDirectory } from '../paths';
import { findNotebook } from '../notebooks';
import { notebookNames } from '../runs/notebook-files';
import { parseCommandLine, runCommand } from './command';
import { atomFeed } from './feed';
import { galleryTitle, indexPage } from './index-page';
import { overlapping } from './overlapping';
import { finishedRuns } from './page/finished-runs';
import { linkNeighbours } from './page/neighbours';
import { stillsRemark } from './page/page';
import { cellProgress, createProgressLine } from './progress-line';
import { runNotebook } from './run-notebook';
import { runsSections } from './runs-section';

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
  let remark: string | undefined;
  // A page is made, mostly by one core, while the next notebook's kernel starts, mostly on another.
  await overlapping(names, async (name, onExecuted) => {
    const onCell = cellProgress(line, name);
    const { seconds, stillsMissing } = await runNotebook(name, { settings: [], onCell, onExecuted });
    line.print(`${name.padEnd(32)} ${seconds.toFixed(1).padStart(7)} s`);
    remark ??= stillsRemark(stillsMissing);
  });
  if (remark !== undefined) console.log(remark);
  const index = join(outputsDirectory, 'index.html');
  // Those of earlier starts too: `npm start -- 01` takes nothing away.
  const runs = finishedRuns(outputsDirectory);
  linkNeighbours(runs, index);
  writeFileAtomic(index, await indexPage({ runs, folder: outputsDirectory, sections: runsSections(outputsDirectory) }));
  writeFileAtomic(join(outputsDirectory, 'feed.xml'), atomFeed(galleryTitle, runs, outputsDirectory));
  console.log(`Open ${index}`);
}

if (require.main === module) runCommand(main);
