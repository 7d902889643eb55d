/** `npm test`: everything that must hold before a change is taken. Each step's output is shown only where the step fails. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../errors';
import { projectRoot } from '../paths';
import { notebookNames, notebooksDirectory } from '../studies/notebooks';
import { chromiumMissing, findChromium } from './chromium';
import { parseCommandLine, runCommand } from './command';
import { cellSource, readNotebook, savedForm, strippedProblems } from './notebook-file';
import { runNotebook } from './run-notebook';
import { runTests } from './unit-tests';

const help = `npm test [-- --only STEP]

Formatting, lint, types (by TypeScript and by the kernel's older one), unit tests, JupyterLab and pages in a browser,
notebooks. Steps: ${['format', 'lint', 'types', 'unit', 'browser', 'notebooks'].join(', ')}.

  npm test
  npm test -- --only unit
  npm run test:browser        the same as npm test -- --only browser`;

interface Step {
  readonly name: string;
  readonly group: string;
  run(): Promise<void> | void;
}

const binary = (name: string): string => join(projectRoot, 'node_modules', '.bin', name);
const eslintArguments = ['--config', 'lib/setup/eslint.config.mjs', '--max-warnings', '0', 'lib', 'tests'];
const kernelCompiler = 'node_modules/@tslab/typescript-for-tslab/lib/tsc.js';

const steps: readonly Step[] = [
  {
    name: 'formatting',
    group: 'format',
    run: () => tool(binary('prettier'), ['--check', 'lib', 'tests', 'README.md', 'package.json', 'tsconfig.json']),
  },
  {
    name: 'lint',
    group: 'lint',
    run: () => withNotebookSources((files) => tool(binary('eslint'), [...eslintArguments, ...files])),
  },
  { name: 'types of lib', group: 'types', run: () => tool(binary('tsc'), ['-p', '.']) },
  {
    name: 'types of notebooks',
    group: 'types',
    run: () => withNotebookSources(() => tool(binary('tsc'), ['-p', 'lib/setup/tsconfig-notebooks.json'])),
  },
  {
    name: 'types of lib in the kernel',
    group: 'types',
    run: () => tool(process.execPath, [kernelCompiler, '-p', '.']),
  },
  {
    name: 'types of notebooks in the kernel',
    group: 'types',
    run: () =>
      withNotebookSources(() => tool(process.execPath, [kernelCompiler, '-p', 'lib/setup/tsconfig-notebooks.json'])),
  },
  { name: 'notebooks are stripped', group: 'format', run: checkStripped },
  { name: 'unit tests', group: 'unit', run: () => runTests() },
  { name: 'tests in a browser', group: 'browser', run: browserTests },
  ...notebookNames().map((name): Step => ({
    name: `${name} at tour size`,
    group: 'notebooks',
    run: () => runOnce(name),
  })),
];

export async function main(args: string[]): Promise<void> {
  const { values } = parseCommandLine(args, { only: { type: 'string' }, help: { type: 'boolean' } });
  if (values.help) {
    console.log(help);
    return;
  }
  const chosen = steps.filter((step) => values.only === undefined || step.group === values.only);
  if (chosen.length === 0) throw new UserError(`There is no step "${values.only}"; --help shows all.`);
  for (const step of chosen) {
    const started = performance.now();
    await step.run();
    console.log(`ok  ${step.name.padEnd(48)} ${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s`);
  }
}

/** Runs a program and is silent unless it fails. */
function tool(command: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: projectRoot,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (error) throw new UserError(`${command} cannot be started (${error.message}).`);
  if (status !== 0) throw new UserError(`${stdout}${stderr}\n${command} found something to mend.`);
}

function browserTests(): void {
  if (findChromium() === undefined) console.log(`skipped: ${chromiumMissing}`);
  else runTests({ ending: '.browser.ts', atOnce: 1 });
}

/** The code of each notebook as a file beside `lib`, where its imports lead to the same place as in the kernel; gone afterwards. */
function withNotebookSources(check: (files: string[]) => void): void {
  const files = notebookNames().map((name) => {
    const code = readNotebook(join(notebooksDirectory, `${name}.ipynb`)).cells.filter(
      (cell) => cell.cell_type === 'code',
    );
    const file = `notebook-${name}.ts`;
    writeFileSync(join(projectRoot, file), `${code.map(cellSource).join('\n')}\nexport {};\n`);
    return file;
  });
  try {
    check(files);
  } finally {
    for (const file of files) rmSync(join(projectRoot, file), { force: true });
  }
}

function checkStripped(): void {
  const problems = notebookNames().flatMap((name) => {
    const path = join(notebooksDirectory, `${name}.ipynb`);
    const notebook = readNotebook(path);
    const isAsSaved = readFileSync(path, 'utf8') === savedForm(notebook);
    const form = isAsSaved ? [] : ['JupyterLab would save it in another form: open it there and save it.'];
    return [...strippedProblems(notebook), ...form].map((problem) => `${name}: ${problem}`);
  });
  if (problems.length > 0) throw new UserError(problems.join('\n'));
}

/** Bytes: what repositories and browsers show without trouble. */
const largestNotebook = 2_000_000;

async function runOnce(name: string): Promise<void> {
  const out = mkdtempSync(join(tmpdir(), 'notebook-'));
  try {
    await runNotebook(name, { settings: [], out });
    const { size } = statSync(join(out, 'notebook.ipynb'));
    if (size > largestNotebook) throw new UserError(`${name} is saved with ${size} bytes, but at most ${largestNotebook} are wanted.`); // prettier-ignore
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

if (require.main === module) runCommand(main);
