import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cellSource, codeOf, readNotebook } from '../../lib/cli/notebook-file';
import { findNotebook } from '../../lib/notebooks';
import { notebookNames } from '../../lib/runs/notebook-files';

for (const name of notebookNames()) {
  test(`every parameter of ${name} can be set in it and from the command line, where it is declared before`, () => {
    const { path, specs } = findNotebook(name);
    const notebook = readNotebook(path);
    const { cells } = notebook;
    const tagged = cells.findIndex(({ metadata: { tags } }) => tags?.includes('parameters'));
    assert.ok(tagged >= 0, 'a cell is tagged "parameters", after which those of the command line are set');
    const before = cells
      .slice(0, tagged + 1)
      .map(cellSource)
      .join('\n');
    const call = /nb\.parameters\('\d\d', \{([^}]*)\}/.exec(codeOf(notebook).join('\n'))?.[1] ?? '';
    for (const parameter of ['profile', ...Object.keys(specs)]) {
      assert.match(before, new RegExp(`^let ${parameter}: `, 'm'));
      assert.match(call, new RegExp(`\\b${parameter}\\b`));
    }
  });
}
