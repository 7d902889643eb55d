import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { executeNotebook } from '../../lib/cli/jupyter';
import { projectRoot } from '../../lib/paths';

// eslint-disable-next-line @typescript-eslint/no-require-imports -- plain JavaScript, without types
const { awaits } = require('../../lib/setup/kernel-mends.cjs') as { awaits(cell: string): boolean };

const base = mkdtempSync(join(tmpdir(), 'kernel-'));
after(() => rmSync(base, { recursive: true, force: true }));

test('a cell that awaits outside its functions is told from one that does not', () => {
  const waiting = [
    'await x',
    'await (x)',
    'const y = [await [x]];',
    'for await (const y of x) y;',
    'f(1 + (await `x`))',
  ];
  for (const cell of waiting) assert.equal(awaits(cell), true, cell);
  const not = [
    'x',
    'const f = async () => await (x)',
    'class A { async f() { await x; } }',
    "'await (x)' // await (x)",
  ];
  for (const cell of not) assert.equal(awaits(cell), false, cell);
});

/** A project with these files of `lib`, of whose packages only the compiler's are there. */
function project(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(base, name);
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  for (const part of ['lib/setup', 'lib/tensor/kernels'])
    cpSync(join(projectRoot, part), join(folder, part), { recursive: true });
  for (const file of ['tsconfig.json', 'package.json', 'package-lock.json'])
    cpSync(join(projectRoot, file), join(folder, file));
  for (const link of ['tslab', '@tslab', '@types'])
    symlinkSync(join(projectRoot, 'node_modules', link), join(folder, 'node_modules', link));
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, 'lib', file), content);
  return folder;
}

/** Reads and runs cells as the kernel does, in a process of its own; what they print comes back, or why they could not be read. */
function runCells(folder: string, ...cells: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', cellRunner, ...cells], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

const cellRunner = `
const library = require('./lib/setup/kernel-library.cjs');
const mends = require('./lib/setup/kernel-mends.cjs');
const { createConverter } = mends.loadConverter();
mends.ignoreFileChanges();
library.useLibrary(library.compiledLibrary(), require('@tslab/typescript-for-tslab').sys);
const converter = createConverter({ isJS: false, isBrowser: false });
const { execute, complete } = require('tslab/dist/executor').createExecutor(process.cwd(), { node: converter }, {
  log: console.log,
  error: (...text) => console.log(...text.map((each) => each?.message ?? each)),
});
(async () => {
  for (const cell of process.argv.slice(1)) {
    if (cell.endsWith('|')) console.log(complete(cell.slice(0, -1), cell.length - 1).candidates.join(' '));
    else await execute(cell);
  }
})();`;

const notebookFile = `import { twice } from './twice';
/** Twice the number, and one. */
export function odd(value: number): number {
  return twice(value) + 1;
}
export type { Twice } from './twice';
`;
const twiceFile = (body: string): string =>
  `export interface Twice { readonly value: number }\nexport function twice(value: number): number {\n  ${body}\n}\n`;

test('cells use the compiled library: its values, its types and their completion', () => {
  const folder = project('compiled', { 'notebook.ts': notebookFile, 'twice.ts': twiceFile('return 2 * value;') });
  const importing = `import * as nb from './lib/notebook';\nconsole.log(nb.odd(3));`;
  assert.equal(
    runCells(folder, importing, `nb.od|`, `const text: string = nb.odd(1);`),
    `7\nodd\n1:7 - Type 'number' is not assignable to type 'string'.\n`,
  );

  const copies = (): string[] => readdirSync(join(folder, 'node_modules/.cache/kernel-library'));
  assert.equal(copies().length, 1);
  runCells(folder, importing);
  assert.equal(copies().length, 1, 'a second kernel takes the same copy');

  writeFileSync(join(folder, 'lib/twice.ts'), twiceFile('return 4 * value;'));
  assert.equal(runCells(folder, importing), '13\n', 'a kernel that is started after an edit sees it');
  assert.equal(copies().length, 2);
});

test('an error in a source fails the cells that import it, and no others', () => {
  const files = {
    'notebook.ts': notebookFile,
    'twice.ts': twiceFile(`return 'two';`),
    'alone.ts': 'export const one = 1;',
  };
  const folder = project('wrong', files);
  const printed = runCells(
    folder,
    `import { one } from './lib/alone';\nconsole.log(one);`,
    `import * as nb from './lib/notebook';\nconsole.log(nb.odd(3));`,
  );
  const message = `Type 'string' is not assignable to type 'number'.`;
  assert.equal(printed, `1\nlib/twice.ts 3:3 - ${message}\nCorrect this and restart the kernel.\n`);
});

test('an error is told with its place in the source', () => {
  const folder = project('throws', {
    'notebook.ts': `\n\nexport type A = 1;\nexport const fail = () => {\n  throw new Error('here');\n};\n`,
  });
  const cell = `import { fail } from './lib/notebook';\ntry { fail(); } catch (error: any) { console.log(error.stack.split('\\n')[1].trim()); }`;
  assert.match(runCells(folder, cell), /lib\/notebook\.ts:5:9\)\n$/);
});

/** The message of the first cell of a notebook that runs by the kernel of that command. */
async function firstCell(name: string, argv: string[]): Promise<string> {
  const folder = mkdtempSync(join(base, `${name}-`));
  const jupyterPath = join(folder, 'jupyter');
  mkdirSync(join(jupyterPath, 'kernels/tslab'), { recursive: true });
  const spec = { argv, display_name: 'TypeScript', language: 'typescript' };
  writeFileSync(join(jupyterPath, 'kernels/tslab/kernel.json'), JSON.stringify(spec));
  const source = `import * as nb from './lib/notebook';\nnb.initializeDisplay();`;
  const cell = { cell_type: 'code', id: 'first', metadata: {}, outputs: [], execution_count: null, source };
  const notebook = { cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 5 };
  writeFileSync(join(folder, 'in.ipynb'), JSON.stringify(notebook));
  const environment = {
    JUPYTER_PATH: jupyterPath,
    PATH: `${join(projectRoot, '.venv/bin')}:${process.env.PATH}`,
  };
  return executeNotebook(join(folder, 'in.ipynb'), join(folder, 'out.ipynb'), { environment }).then(
    () => 'no failure',
    (error: Error) => error.message,
  );
}

test('without a set-up, the first cell says what to do', async () => {
  const folder = project('not-set-up', {});
  rmSync(join(folder, 'node_modules'), { recursive: true });
  const kernel = join(folder, 'lib/setup/kernel.cjs');
  const message = await firstCell('not-set-up', [
    'sh',
    '-c',
    `cd '${folder}' && exec "$0" "$@"`,
    process.execPath,
    kernel,
    '--config-path',
    '{connection_file}',
  ]);
  assert.match(
    message,
    /^Cell 1 failed: .*This project is not set up \(missing or outdated: npm packages, .*\): run `npm run setup` in/s,
  );
});

test('by another kernel than the project’s, the first cell says what to do', async () => {
  const folder = join(base, 'stock');
  cpSync(join(projectRoot, 'notebooks/lib'), join(folder, 'notebooks/lib'), { recursive: true });
  const tslab = join(projectRoot, 'node_modules/tslab/bin/tslab');
  const message = await firstCell('stock', [
    'sh',
    '-c',
    `cd '${folder}/notebooks' && exec "$0" "$@"`,
    process.execPath,
    tslab,
    'kernel',
    '--config-path',
    '{connection_file}',
  ]);
  assert.match(
    message,
    /^Cell 1 failed: .*This notebook needs its project's own kernel: end Jupyter, run `npm run lab` in .*stock, /s,
  );
});
