import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findFigures, headlineFigure, mapFigures, splitFigures } from '../../../lib/cli/page/figures';
import { htmlToMarkdown } from '../../../lib/cli/page/html-to-markdown';
import { table } from '../../../lib/display/tables';
import { exampleNotebook } from './example';

test('figures are numbered in the order of the page, with texts as they were given', async () => {
  const figures = findFigures(await exampleNotebook());
  assert.deepEqual(
    figures.map(({ kind, number, label, caption, headline }) => [kind, number, label, caption, headline]),
    [
      ['grid', 1, 'Two cells', 'Two cells', false],
      ['chart', 2, 'Accuracy of "a" & b', 'A caption of its own', true],
      ['chart', 3, 'Another chart', 'Another chart.', false],
    ],
  );
  assert.equal(headlineFigure(figures)?.number, 2);
  assert.equal(headlineFigure(figures.filter(({ headline }) => !headline))?.number, 3, 'the last chart');
  assert.equal(headlineFigure(figures.slice(0, 1))?.number, 1);
  assert.equal(headlineFigure([]), undefined);
});

test('figures are replaced where they are, lines or not, and hidden ones are none', async () => {
  const notebook = await exampleNotebook();
  const lines = JSON.parse(JSON.stringify(notebook), (key, value: unknown) =>
    key === 'text/html' && typeof value === 'string' ? value.split(/(?<=>)/) : value,
  ) as typeof notebook;
  assert.deepEqual(findFigures(lines), findFigures(notebook));
  const replaced = JSON.stringify(mapFigures(lines, ({ number }) => `[${number}]`));
  for (const number of [1, 2, 3]) assert.ok(replaced.includes(`[${number}]`));
  assert.ok(!replaced.includes('<figure'));
  const hidden = {
    ...notebook,
    cells: notebook.cells.map((cell) => ({ ...cell, metadata: { tags: ['remove-output'] } })),
  };
  assert.deepEqual(findFigures(hidden), []);
  const [{ html }] = findFigures(notebook);
  assert.deepEqual(splitFigures(`a${html}b`), [
    { html: 'a', isFigure: false },
    { html, isFigure: true },
    { html: 'b', isFigure: false },
  ]);
});

test('a table becomes a pipe table that no cell breaks', () => {
  const rows = [
    { name: 'a|b *c* <d>', accuracy: 0.93125, count: 12_345 },
    { name: 'e', accuracy: 0.5, count: 9 },
  ];
  const { html } = table(rows, { caption: 'All `runs`', highlight: { accuracy: 'highest' } });
  assert.equal(
    htmlToMarkdown(html),
    [
      '**All \\`runs\\`**',
      '',
      '| Name | Accuracy | Count |',
      '| --- | ---: | ---: |',
      '| a\\|b \\*c\\* \\<d\\> | **0.931** | 12,345 |',
      '| e | 0.500 | 9 |',
    ].join('\n'),
  );
  assert.equal(htmlToMarkdown('<p><b>&lt;img src=x&gt;</b> `a`</p>'), '**\\<img src=x\\>** \\`a\\`');
  assert.equal(htmlToMarkdown('<p>Done <b>well</b></p><script>alert(1)</script><style>p{}</style>'), 'Done **well**');
});
