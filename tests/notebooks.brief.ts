/**
 * Each cell of every notebook runs, on as little as it can, all of them in this one process: nine kernels and pages would take most of the
 * time. In their kernel and at tour size, `npm start` runs them.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { codeOf, readNotebook, withParameters } from '../lib/cli/notebook-file';
import { parseSettings } from '../lib/cli/run-notebook';
import { findNotebook } from '../lib/notebooks';
import { projectRoot } from '../lib/paths';
import { directoryVariable } from '../lib/runs/current-run';
import { notebookNames } from '../lib/runs/notebook-files';

const imported = "import * as nb from './lib/notebook';";

for (const name of notebookNames())
  test(`${name}, each cell on little data`, async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'notebook-'));
    context.after(() => rmSync(folder, { recursive: true, force: true }));
    const { brief, path } = findNotebook(name);
    const notebook = withParameters(readNotebook(path), parseSettings(brief.split(' '), undefined, folder));
    const code = codeOf(notebook).join('\n');
    assert.ok(code.includes(imported), 'it takes the library from where a notebook does');
    const library = `import * as nb from ${JSON.stringify(join(projectRoot, 'lib', 'notebook'))};`;
    const file = join(folder, 'cells.ts');
    writeFileSync(file, `${library}\nexport async function run() {\n${code.replace(imported, '')}\n}\n`);
    process.env[directoryVariable] = folder;
    const shown = mock.method(console, 'log', () => undefined);
    context.after(() => shown.mock.restore());
    await ((await import(file)) as { run(): Promise<void> }).run();
    assert.ok(shown.mock.callCount() > 0, 'it shows something');
    assert.ok(existsSync(join(folder, 'results.json')), 'it records results');
  });
