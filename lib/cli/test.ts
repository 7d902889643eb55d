/**
 * `npm test`: everything that must hold before a change is taken, several steps at once. A step's output is shown only where it fails.
 */
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UserError } from '../errors';
import { cores, threadVariables } from '../machine';
import { projectRoot } from '../paths';
import { notebookNames, notebooksDirectory } from '../runs/notebook-files';
import { chromiumMissing, findChromium } from './chromium';
import { parseCommandLine, runCommand } from './command';
import { codeOf, readNotebook, savedForm, strippedProblems } from './notebook-file';
import { inLanes } from './lanes';
import { runTool } from './run-tool';
import { runTests, testFiles } from './unit-tests';

const help = `npm test [-- --only STEP]

Formatting, lint, types (by TypeScript and by the kernel's older one), unit tests, JupyterLab and pages in a browser,
notebooks on little data (npm start has them at tour size). Steps: ${['format', 'lint', 'types', 'unit', 'browser', 'notebooks'].join(', ')}.

  npm test
  npm test -- --only unit
  npm run test:browser        the same as npm test -- --only browser`;

interface Step {
  readonly name: string;
  readonly group: string;
  /** @returns what is told of it, if anything */
  run(): Promise<string | void>;
}

const binary = (name: string): string => join(projectRoot, 'node_modules', '.bin', name);
const eslintArguments = ['--config', 'lib/setup/eslint.config.mjs', '--max-warnings', '0', 'lib', 'tests'];
const kernelCompiler = 'node_modules/@tslab/typescript-for-tslab/lib/tsc.js';
const typesOfAll = ['-p', 'lib/setup/tsconfig-all.json'];

/** Folders of tests that wait most: for programs of the set-up, for kernels, and for grids of processes and on a cluster. */
const waiting = ['setup', 'cli', join('cli', 'study')];

/** Two more than there are cores: kernels that start, a cluster's timers and pages that load are waited for. */
const lanes = Math.min(4, cores() + 2);

/** Threads of one step take its share: small arrays that are split among threads of busy cores take longer than in one. */
const env = { ...process.env, ...threadVariables(Math.max(1, Math.floor(cores() / lanes))) };

const [ofGrids, ofCommands, ...otherUnitTests] = unitTests();

/** What takes longest comes early, so that no core is left waiting for it in the end. */
const steps: readonly Step[] = [
  { name: 'notebooks are stripped', group: 'format', run: checkStripped },
  {
    name: 'formatting',
    group: 'format',
    run: () => tool(binary('prettier'), ['--check', 'lib', 'tests', 'README.md', 'package.json', 'tsconfig.json']),
  },
  { name: 'types', group: 'types', run: () => tool(binary('tsc'), typesOfAll) },
  { name: 'types in the kernel', group: 'types', run: () => tool(process.execPath, [kernelCompiler, ...typesOfAll]) },
  {
    name: 'lint',
    group: 'lint',
    run: () => tool(binary('eslint'), [...eslintArguments, ...notebookNames().map(sourceOf)]),
  },
  ofGrids,
  ofCommands,
  ...browserTests(),
  {
    name: 'notebooks, briefly',
    group: 'notebooks',
    run: () => runTests({ files: testFiles('', '.brief.ts'), env }),
  },
  ...otherUnitTests,
];

export async function main(args: string[]): Promise<void> {
  const { values } = parseCommandLine(args, { only: { type: 'string' }, help: { type: 'boolean' } });
  if (values.help) {
    console.log(help);
    return;
  }
  const chosen = steps.filter((step) => values.only === undefined || step.group === values.only);
  if (chosen.length === 0) throw new UserError(`There is no step "${values.only}"; --help shows all.`);
  const ofTypes = chosen.some(({ group }) => group === 'lint' || group === 'types');
  if (ofTypes) writeNotebookSources();
  try {
    await inLanes(chosen, runStep, { lanes });
  } finally {
    if (ofTypes) for (const name of notebookNames()) rmSync(join(projectRoot, sourceOf(name)), { force: true });
  }
}

async function runStep({ name, run }: Step): Promise<void> {
  const started = performance.now();
  const told = await run();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`ok  ${name.padEnd(40)} ${seconds.padStart(6)} s  ${told ?? ''}`.trimEnd());
}

/** Runs a program and is silent unless it fails. */
async function tool(command: string, args: readonly string[]): Promise<void> {
  const { status, output } = await runTool(command, args);
  if (status !== 0) throw new UserError(`${output}\n${command} found something to mend.`);
}

/** A step for each folder of tests: those that wait first, then the one with most of them. */
function unitTests(): Step[] {
  const folders = readdirSync(join(projectRoot, 'tests'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  const rest = new Set(testFiles());
  const parts = [...waiting]
    .reverse()
    .concat(folders.map(({ name }) => name))
    .map((name) => {
      const files = testFiles(name).filter((file) => rest.delete(file));
      return { name, files };
    });
  return [...parts, { name: 'what all use', files: [...rest] }]
    .filter(({ files }) => files.length > 0)
    .sort((a, b) => waiting.indexOf(b.name) - waiting.indexOf(a.name) || b.files.length - a.files.length)
    .map(({ name, files }) => ({
      name: `unit tests of ${name}`,
      group: 'unit',
      // The operations themselves are tested with their work split among all threads.
      run: () => runTests({ files, env: name === 'tensor' ? process.env : env }),
    }));
}

/** A step for each file: one waits for JupyterLab while another looks at pages, which takes longest. */
function browserTests(): Step[] {
  const isMissing = findChromium() === undefined;
  const files = testFiles('browser', '.browser.ts').reverse();
  return files.map((file) => ({
    name: `${basename(file, '.browser.ts')} in a browser`,
    group: 'browser',
    run: () => (isMissing ? Promise.resolve(`skipped: ${chromiumMissing}`) : runTests({ files: [file], env })),
  }));
}

/** The code of a notebook as a file beside `lib`, where its imports lead to the same place as in the kernel. */
const sourceOf = (name: string): string => `notebook-${name}.ts`;

function writeNotebookSources(): void {
  for (const name of notebookNames()) {
    const code = codeOf(readNotebook(join(notebooksDirectory, `${name}.ipynb`)));
    writeFileSync(join(projectRoot, sourceOf(name)), `${code.join('\n')}\nexport {};\n`);
  }
}

function checkStripped(): Promise<void> {
  const problems = notebookNames().flatMap((name) => {
    const path = join(notebooksDirectory, `${name}.ipynb`);
    const notebook = readNotebook(path);
    const isAsSaved = readFileSync(path, 'utf8') === savedForm(notebook);
    const form = isAsSaved ? [] : ['JupyterLab would save it in another form: open it there and save it.'];
    return [...strippedProblems(notebook), ...form].map((problem) => `${name}: ${problem}`);
  });
  return problems.length === 0 ? Promise.resolve() : Promise.reject(new UserError(problems.join('\n')));
}

if (require.main === module) runCommand(main);
