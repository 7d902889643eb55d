import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { main } from '../../lib/cli/export';
import { projectRoot } from '../../lib/paths';
import { userError } from '../data/user-error';

const folder = mkdtempSync(join(tmpdir(), 'export-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const cell = (output: object): object => ({
  cell_type: 'code',
  metadata: {},
  source: '',
  outputs: [output],
  execution_count: 1,
});
const write = (name: string, ...cells: object[]): string => {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 }));
  return path;
};

test('what cannot be exported is refused in one line, and nothing is written', async () => {
  const notebook = write('fine.ipynb', cell({ output_type: 'stream', name: 'stdout', text: 'fine' }));
  const failed = write('failed.ipynb', cell({ output_type: 'error', ename: 'Error', evalue: '', traceback: [] }));
  mkdirSync(join(folder, 'folder'));
  const before = readdirSync(folder);
  for (const [args, pattern] of [
    [[], /^Name one notebook/],
    [[notebook, notebook], /^Name one notebook/],
    [[join(folder, 'none.ipynb')], /^There is no file .*none\.ipynb: check the path\.$/],
    [[failed], /^Cell 1 of .*failed\.ipynb has failed: run the notebook to its end/],
    [
      [notebook, '--format', 'hugoo'],
      /^--format is hugoo, but must be one of html, hugo, jekyll, quarto, myst, markdown, did you mean "hugo"\?$/,
    ],
    [[notebook, '--url', 'example.org'], /^--url is example\.org, but must be a full address/],
    [[notebook, '--url', 'javascript:alert(1)'], /^--url is javascript/],
    [[notebook, '--format', 'hugo', '--assets', 'x'], /^--assets is for --format html only/],
    [
      [notebook, '--out', join(folder, 'folder')],
      /^--out is the folder .*, but a page is a file: name one, such as .*index\.html\.$/,
    ],
    [[notebook, '--format', 'hugo', '--out', notebook], /^--out is the file .*, but hugo needs a folder/],
    [[notebook, '--frmat', 'hugo'], /^There is no option --frmat, did you mean "--format"\?/],
  ] as const)
    await assert.rejects(main([...args]), userError(pattern), args.join(' '));
  assert.deepEqual(readdirSync(folder), before);
});

test('the command does without TensorFlow, which takes seconds to load', () => {
  const program = `
    require('./lib/cli/export');
    const { findNotebook } = require('./lib/notebooks');
    const { notebookNames } = require('./lib/runs/notebook-files');
    const specs = notebookNames().map((name) => Object.keys(findNotebook(name).specs).length);
    const loaded = Object.keys(require.cache).filter((path) => /@tensorflow/.test(path));
    console.log(JSON.stringify([Math.min(...specs) > 5, loaded.length]));`;
  const answer = execFileSync(process.execPath, ['--import', 'tsx', '-e', program], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  assert.deepEqual(JSON.parse(answer), [true, 0]);
});
