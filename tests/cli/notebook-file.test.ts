import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import {
  cellSource,
  readNotebook,
  strippedProblems,
  withParameters,
  type Notebook,
  type NotebookCell,
} from '../../lib/cli/notebook-file';
import { userError } from '../data/user-error';

const folder = mkdtempSync(join(tmpdir(), 'notebook-file-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'a.ipynb');

const code = (source: string | string[], change: Partial<NotebookCell> = {}): NotebookCell => ({
  cell_type: 'code',
  metadata: {},
  source,
  outputs: [],
  execution_count: null,
  ...change,
});
const notebook = (...cells: NotebookCell[]): Notebook => ({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 });
const parameters = { metadata: { tags: ['parameters'] } };

test('a notebook is read as it is', () => {
  const written = notebook(code('let epochs = 1;', parameters), {
    cell_type: 'markdown',
    metadata: {},
    source: ['# A'],
  });
  writeFileSync(path, JSON.stringify(written));
  assert.deepEqual(readNotebook(path), written);
});

test('what is no notebook is refused in one line that names it', () => {
  assert.throws(
    () => readNotebook(join(folder, 'none.ipynb')),
    userError(/none\.ipynb cannot be read as a notebook \(ENOENT/),
  );
  assert.throws(() => readNotebook(folder), userError(/cannot be read as a notebook \(EISDIR/));
  for (const text of ['', '{', 'import x\n\nfrom y', '{\n"cells": [\n}\n']) {
    writeFileSync(path, text);
    assert.throws(() => readNotebook(path), userError(/a\.ipynb cannot be read as a notebook \(/), text);
  }
  const cell = code('x');
  for (const content of [
    null,
    5,
    [],
    {},
    { ...notebook(cell), nbformat: 3 },
    { ...notebook(cell), nbformat: undefined },
    { ...notebook(cell), cells: undefined },
    { ...notebook(cell), cells: { 0: cell } },
    notebook(null as unknown as NotebookCell),
    notebook({ ...cell, source: undefined } as unknown as NotebookCell),
    notebook({ ...cell, cell_type: 'heading' } as unknown as NotebookCell),
    notebook({ ...cell, metadata: null } as unknown as NotebookCell),
  ]) {
    writeFileSync(path, JSON.stringify(content));
    assert.throws(
      () => readNotebook(path),
      userError(/a\.ipynb is not a notebook of format 4 \(\.ipynb\)\.$/),
      JSON.stringify(content),
    );
  }
});

test('a source is one text, whether it is kept as one or in lines', () => {
  assert.equal(cellSource(code('a\nb')), 'a\nb');
  assert.equal(cellSource(code(['a\n', 'b'])), 'a\nb');
});

test('parameters are set right after the cell that is tagged so', () => {
  const before = notebook(code('import x'), code('let epochs = 1;', parameters), code('train()'));
  const { cells } = withParameters(before, { epochs: 5, dataset: 'a "quoted"\npath', pretrained: true, rate: 1e-7 });
  assert.equal(cells.length, 4);
  assert.deepEqual([cells[0], cells[1], cells[3]], before.cells);
  const { source, ...injected } = cells[2];
  assert.deepEqual(injected, {
    cell_type: 'code',
    id: 'injected-parameters',
    metadata: { tags: ['injected-parameters'] },
    outputs: [],
    execution_count: null,
  });
  assert.equal(
    cellSource({ ...injected, source }),
    'epochs = 5;\ndataset = "a \\"quoted\\"\\npath";\npretrained = true;\nrate = 1e-7;\nvoid 0; // set from the command line',
  );
  assert.equal(before.cells.length, 3, 'the notebook itself is not changed');
});

test('a notebook stays as it is without parameters, and needs a place for them', () => {
  const untagged = notebook(code('x'), code('y', { metadata: { tags: ['other'] } }));
  assert.equal(withParameters(untagged, {}), untagged);
  assert.throws(
    () => withParameters(untagged, { epochs: 1 }),
    userError(/^The notebook has no cell tagged "parameters"\.$/),
  );
});

test('what keeps a notebook from being committed is told', () => {
  const clean: Notebook = {
    ...notebook(code('x'), { cell_type: 'markdown', metadata: {}, source: 'y\n'.repeat(40) }),
    metadata: { title: 'A', kernelspec: { name: 'tslab' } },
  };
  assert.deepEqual(strippedProblems(clean), []);
  const long = Array.from({ length: 16 }, (_, line) => `line(${line});\n`);
  assert.deepEqual(strippedProblems({ ...clean, cells: [code(long.slice(0, 15).join('').trimEnd())] }), []);
  const network = { ...code(long.join('').trimEnd()), metadata: { tags: ['network'] } };
  assert.deepEqual(strippedProblems({ ...clean, cells: [network] }), [], 'a network may be written out');
  const problems = strippedProblems({
    ...clean,
    metadata: { ...clean.metadata, widgets: {} },
    cells: [
      code('x', { outputs: [{}] }),
      clean.cells[1],
      code('x', { execution_count: 3 }),
      code(long.join('').trimEnd()),
    ],
  });
  assert.deepEqual(problems, [
    'metadata "widgets" is an editor\'s',
    'cell 1 has outputs (clear them before committing)',
    'cell 3 has an execution count',
    'cell 4 has 16 lines (at most 15)',
  ]);
});
