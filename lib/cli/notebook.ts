import { join } from 'node:path';
import { UserError } from '../errors';
import { notebookNames } from '../runs/notebook-files';
import { parseCommandLine, runCommand } from './command';
import { stillsRemark } from './page/page';
import { cellProgress, createProgressLine } from './progress-line';
import { runNotebook } from './run-notebook';

const help = `npm run notebook -- NAME [--set name=value …] [--profile tour|paper] [--out DIR]

Executes a notebook and writes notebook.ipynb, index.html and results.json to DIR
(default: outputs/NAME/<run id>), and preview.png, its main figure, where there is a Chromium. The same command with the same DIR continues an unfinished run; with other
parameters, what was finished in DIR is kept in a folder below it.

  npm run notebook -- 01
  npm run notebook -- 01 --set epochs=12 --set learningRate=3e-4
  npm run notebook -- 01 --set dataset=cells.npz --out results/cells
  npm run notebook -- 01 --profile paper`;

export async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseCommandLine(args, {
    set: { type: 'string', multiple: true },
    profile: { type: 'string' },
    out: { type: 'string' },
    help: { type: 'boolean' },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  if (positionals.length !== 1) {
    throw new UserError(
      `Name one notebook, such as \`npm run notebook -- 01\`; there are ${notebookNames().join(', ')}.`,
    );
  }
  const line = createProgressLine(process.stdout, 15_000);
  const { name, directory, seconds, continued, keptBeside, stillsMissing } = await runNotebook(positionals[0], {
    settings: values.set ?? [],
    profile: values.profile,
    out: values.out,
    onCell: cellProgress(line, positionals[0]),
  });
  line.clear();
  const remark = stillsRemark(stillsMissing);
  if (remark !== undefined) console.log(remark);
  if (keptBeside !== undefined) console.log(`The folder had a run with other parameters; it is in ${keptBeside} now.`);
  console.log(
    `${name} ${continued ? 'continued and finished' : 'finished'} in ${seconds.toFixed(1)} s: ${join(directory, 'index.html')}`,
  );
}

if (require.main === module) runCommand(main);
