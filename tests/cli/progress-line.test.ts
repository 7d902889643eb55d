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

test('of two at once a log tells both, and a terminal the one that began first', () => {
  for (const isTTY of [false, true]) {
    let text = '';
    const line = createProgressLine({ isTTY, write: (more) => (text += more) }, 1e9);
    const [first, second] = ['01', '02'].map((name) => cellProgress(line, name));
    for (const epoch of [1, 2])
      for (const onCell of [first, second]) onCell({ cell: 1, cells: 2, progress: `epoch ${epoch} of 2` });
    line.print('01 is done', '01');
    second({ cell: 2, cells: 2, progress: 'epoch 1 of 1' });
    line.clear();
    const lines = text.split(isTTY ? '\r\u001b[2K' : '\n').filter((one) => one !== '');
    const of = (name: string, cell: number, epoch: string): string => `${name}: cell ${cell} of 2 · epoch ${epoch}`;
    assert.deepEqual(
      lines,
      isTTY
        ? [of('01', 1, '1 of 2'), of('01', 1, '2 of 2'), '01 is done\n', of('02', 2, '1 of 1')]
        : [
            ...['1 of 2', '2 of 2'].flatMap((epoch) => [of('01', 1, epoch), of('02', 1, epoch)]),
            ...['01 is done', of('02', 2, '1 of 1')],
          ],
    );
  }
});

test('on a terminal, one line replaces the other', () => {
  assert.equal(written(true).split('\r\u001b[2K').length, 10);
  assert.doesNotMatch(written(true), /\n/);
});
