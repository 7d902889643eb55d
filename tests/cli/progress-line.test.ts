import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cellProgress, createProgressLine } from '../../lib/cli/progress-line';

/** What is written of a notebook with a training of three epochs. */
function written(isTTY: boolean): string {
  let text = '';
  const line = createProgressLine({ isTTY, write: (more) => (text += more) }, 1e9);
  const onCell = cellProgress(line, '01');
  onCell({ cell: 1, cells: 9 });
  onCell({ cell: 2, cells: 9 });
  for (const epoch of [1, 2, 3])
    for (const step of [1, 2])
      onCell({ cell: 2, cells: 9, progress: `ResNet · epoch ${epoch} of 3 · 0 % · batch ${step} of 2` });
  line.clear();
  return text;
}

test('a log has a line for each epoch, however long the others are held back', () => {
  assert.equal(
    written(false),
    '01: cell 1 of 9\n' +
      [1, 2, 3].map((epoch) => `01: cell 2 of 9 · ResNet · epoch ${epoch} of 3 · 0 % · batch 1 of 2\n`).join(''),
  );
});

test('on a terminal, one line replaces the other', () => {
  assert.equal(written(true).split('\r\u001b[2K').length, 10);
  assert.doesNotMatch(written(true), /\n/);
});
