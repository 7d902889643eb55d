import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../errors';
import { outputsDirectory } from '../paths';
import { notebookNames } from '../runs/notebook-files';
import { modelsFolderName, readResults, resultsFileName, type Results } from '../runs/results';
import { findNotebook } from '../notebooks';
import { parseCommandLine, runCommand, type ExitCode } from './command';
import { stillsRemark } from './page/page';
import { cellProgress, createProgressLine } from './progress-line';
import { compareResults, settingsOfResult } from './repeat-result';
import { runNotebook } from './run-notebook';

const help = `npm run notebook -- NAME [--set name=value …] [--profile tour|paper] [--out DIR]
npm run notebook -- --from results.json [--set name=value …] [--out DIR]

Executes a notebook and writes notebook.ipynb, index.html and results.json to DIR
(default: outputs/NAME/<run id>), and preview.png, its main figure, where there is a Chromium. The same command with the
same DIR continues an unfinished run; with other parameters or data, what was finished in DIR is kept in a folder below it.
With --set keepModel=true, its models are in DIR/models.

  npm run notebook -- 01
  npm run notebook -- 01 --set epochs=12 --set learningRate=3e-4
  npm run notebook -- 01 --set dataset=cells.npz --out results/cells
  npm run notebook -- 01 --profile paper
  npm run notebook -- --from outputs/01_resnet_from_scratch/0123456789/results.json

--from repeats a result with the parameters that it was made with, into a folder of its own, and says what differs: numbers, data, versions.`;

export async function main(args: string[]): Promise<ExitCode> {
  const { values, positionals } = parseCommandLine(args, {
    set: { type: 'string', multiple: true },
    profile: { type: 'string' },
    out: { type: 'string' },
    from: { type: 'string' },
    help: { type: 'boolean' },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const repeated = values.from === undefined ? undefined : resultOf(values.from);
  if (repeated !== undefined) positionals.unshift(repeated.notebook);
  if (positionals.length !== 1) {
    throw new UserError(
      `Name one notebook, such as \`npm run notebook -- 01\`; there are ${notebookNames().join(', ')}.`,
    );
  }
  const line = createProgressLine(process.stdout, 15_000);
  const { name, directory, seconds, continued, keptBeside, stillsMissing } = await runNotebook(positionals[0], {
    ...(repeated === undefined
      ? { settings: values.set ?? [], profile: values.profile, out: values.out }
      : repetition(repeated, values)),
    onCell: cellProgress(line, positionals[0]),
  });
  line.clear();
  const remark = stillsRemark(stillsMissing);
  if (remark !== undefined) console.log(remark);
  if (keptBeside !== undefined)
    console.log(`The folder had a run with other parameters or data; it is in ${keptBeside} now.`);
  console.log(
    `${name} ${continued ? 'continued and finished' : 'finished'} in ${seconds.toFixed(1)} s: ${join(directory, 'index.html')}`,
  );
  const results = readResults(directory);
  if (results?.parameters.keepModel === true) console.log(describeModels(directory));
  if (repeated === undefined) return 0;
  const { same, lines } =
    results === undefined ? { same: false, lines: ['It has no results.'] } : compareResults(repeated, results);
  console.log(lines.join('\n'));
  return same ? 0 : 2;
}

/** Where the models of a run are that was to keep them. */
export function describeModels(directory: string): string {
  const folder = join(directory, modelsFolderName);
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  if (names.length === 0) return 'keepModel is true, but no model was kept: the page says why, below each training.';
  return names.map((name) => `model: ${join(folder, name)}`).join('\n');
}

/** @throws UserError where there is no such file, or it is no results.json */
function resultOf(path: string): Results {
  const results = basename(path) === resultsFileName && existsSync(path) ? readResults(dirname(path)) : undefined;
  if (results === undefined)
    throw new UserError(`--from ${path} is no ${resultsFileName} of a run: give the path of one.`);
  return results;
}

function repetition(
  results: Results,
  { set = [], profile, out }: { readonly set?: string[]; readonly profile?: string; readonly out?: string },
) {
  const { specs } = findNotebook(results.notebook);
  const settings = settingsOfResult(results, set, { names: Object.keys(specs), folder: process.cwd() });
  const beside = join(outputsDirectory, results.notebook, `${results.runId}-repeated`);
  return { settings, profile: profile ?? results.profile, out: out ?? resolve(beside) };
}

if (require.main === module) runCommand(main);
