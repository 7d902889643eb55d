import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Notebook, NotebookCell } from '../../../lib/cli/notebook-file';
import { withoutPrivatePaths } from '../../../lib/cli/page/private-paths';
import { escapeHtml } from '../../../lib/display/html';
import { projectRoot, withoutFolders } from '../../../lib/paths';

const path = "/srv/Some Body's & co/cells.npz";

function notebookOf(source: string | string[], outputs: readonly unknown[]): Notebook {
  const cell: NotebookCell = { cell_type: 'code', metadata: {}, source, outputs, execution_count: 1 };
  return { cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 5 };
}

const output = (data: Readonly<Record<string, unknown>>) => ({ output_type: 'display_data', data, metadata: {} });

test('a path by its last name, also of several; names of the hub and of datasets stay', () => {
  assert.equal(withoutFolders('/home/me/cells.npz'), 'cells.npz');
  assert.equal(withoutFolders('~/lesions/'), 'lesions');
  assert.equal(withoutFolders('../data/w.safetensors'), 'w.safetensors');
  assert.equal(withoutFolders('bloodmnist,/a/b.npz,c/d.npz'), 'bloodmnist,b.npz,d.npz');
  for (const text of ['timm/vit_small_patch14_dinov2.lvd142m', 'synthetic-blood', '28,64', 'auto', ''])
    assert.equal(withoutFolders(text), text);
});

test('no folder of the machine is left in code or outputs, whatever form it has there', () => {
  const figure = { data: [{ name: path }] };
  const given = notebookOf(
    [
      `dataset = ${JSON.stringify(path)};\n`,
      `weights = '/opt/models/w.safetensors';\n`,
      `import './lib/notebook';\n`,
      'const half = 1 / 2;',
    ],
    [
      output({ 'text/html': [`<td>${escapeHtml(path)}</td>\n`, `<script>${JSON.stringify(figure)}</script>`] }),
      output({
        'text/plain': `${path}  kept in ${join(projectRoot, 'outputs', 'x')} and ${join(homedir(), '.cache', 'hub')}`,
      }),
      {
        output_type: 'stream',
        name: 'stdout',
        text: ['/opt/models/w.safetensors is used\n', `HOME=${homedir()} file://${homedir()}/a`],
      },
    ],
  );
  const [{ source, outputs }] = withoutPrivatePaths(given).cells;
  assert.deepEqual(source, [
    `dataset = "cells.npz";\n`,
    `weights = 'w.safetensors';\n`,
    `import './lib/notebook';\n`,
    'const half = 1 / 2;',
  ]);
  assert.deepEqual(outputs, [
    output({ 'text/html': ['<td>cells.npz</td>\n', '<script>{"data":[{"name":"cells.npz"}]}</script>'] }),
    output({ 'text/plain': 'cells.npz  kept in outputs/x and ~/.cache/hub' }),
    { output_type: 'stream', name: 'stdout', text: ['w.safetensors is used\n', 'HOME=~ file://~/a'] },
  ]);
});

test('the longer of two paths is not cut by the shorter, and pictures are left alone', () => {
  const data = { 'image/png': `iVBOR${homedir()}/a${projectRoot}/b`, 'text/plain': '/a/b/c/d.npz /a/b/c' };
  const [cell] = withoutPrivatePaths(notebookOf(`folder = '/a/b/c'; file = '/a/b/c/d.npz';`, [output(data)])).cells;
  assert.equal(cell.source, `folder = 'c'; file = 'd.npz';`);
  assert.deepEqual(cell.outputs, [output({ ...data, 'text/plain': 'd.npz c' })]);
});

test('a notebook without paths stays as it is', () => {
  const given = notebookOf('nb.show(1 / 2);', [
    output({ 'text/html': '<img src="data:image/png;base64,AA/root/x/BB">' }),
  ]);
  assert.deepEqual(withoutPrivatePaths(given), given);
});
