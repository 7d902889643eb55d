import { join } from 'node:path';
import { writeFileAtomic } from '../files';
import { outputsDirectory } from '../paths';
import { findNotebook } from '../notebooks';
import { inLanes } from './lanes';
import { notebookNames } from '../runs/notebook-files';
import { parseCommandLine, runCommand } from './command';
import { atomFeed } from './feed';
import { galleryTitle, indexPage } from './index-page';
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

/** Memory that a notebook at tour size takes at most, its browser included. */
const notebookBytes = 3 * 2 ** 30;

export async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseCommandLine(args, { help: { type: 'boolean' } });
  if (values.help) {
    console.log(help);
    return;
  }
  const names = positionals.length > 0 ? positionals.map((given) => findNotebook(given).name) : notebookNames();
  const line = createProgressLine(process.stdout, 15_000);
  let remark: string | undefined;
  // Small trainings, the start of a kernel and the making of a page keep one core busy, not several.
  const run = async (name: string): Promise<void> => {
    const { seconds, stillsMissing } = await runNotebook(name, { settings: [], onCell: cellProgress(line, name) });
    line.print(`${name.padEnd(32)} ${seconds.toFixed(1).padStart(7)} s`, name);
    remark ??= stillsRemark(stillsMissing);
  };
  const reads = (name: string): readonly string[] => findNotebook(name).reads ?? [];
  // First what others wait for, and the shortest, which is the first, last: no lane is then left alone with a long one at the end.
  const waitedFor = names.filter((name) => names.some((other) => reads(other).includes(name)));
  const others = names.filter((name) => !waitedFor.includes(name)).reverse();
  await inLanes([...waitedFor, ...others], run, { bytesEach: notebookBytes, after: reads });
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
