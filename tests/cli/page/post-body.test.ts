import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Notebook } from '../../../lib/cli/notebook-file';
import { dialects, type DialectName } from '../../../lib/cli/page/dialects';
import { findFigures } from '../../../lib/cli/page/figures';
import { csvOf, htmlToMarkdown, tableRows } from '../../../lib/cli/page/html-to-markdown';
import { postBody } from '../../../lib/cli/page/post-body';
import { createFigure } from '../../../lib/display/figure';
import { table } from '../../../lib/display/tables';

const rows = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ name: `{{ a, "${index}" }}`, value: index }));

/** A notebook with hidden code that shows a chart of so many numbers, and its text for a generator. */
function bodyOf(format: DialectName, count: number) {
  const { html } = createFigure({
    data: [],
    layout: {},
    label: 'A "label"',
    caption: 'What it says',
    table: rows(count),
  });
  const outputs = [{ output_type: 'display_data', data: { 'text/html': html }, metadata: {} }];
  const notebook: Notebook = {
    cells: [{ cell_type: 'code', metadata: { tags: ['hide-input'] }, source: 'a;', outputs, execution_count: 1 }],
    metadata: {},
    nbformat: 4,
    nbformat_minor: 5,
  };
  const stills = new Map([[1, { png: Buffer.from('png'), width: 8, height: 8 }]]);
  return postBody({
    notebook,
    dialect: dialects[format],
    name: 'n',
    folder: '.',
    figures: findFigures(notebook),
    stills,
    labels: new Map(),
    drawDiagram: () => undefined,
    bundle: 'basic',
  });
}

test('Hugo: nothing that needs raw HTML or a shortcode; many numbers go into a file', () => {
  const few = bodyOf('hugo', 12);
  assert.doesNotMatch(few.text, /<\w|\{\{[<%]/);
  assert.ok(few.text.includes('![A "label"](figures/figure-1.png)') && few.text.includes('*Figure 1. What it says*'));
  assert.equal(few.text.match(/^\|/gm)?.length, 14);
  const many = bodyOf('hugo', 13);
  assert.ok(!many.text.includes('|') && many.text.endsWith('[Data of figure 1 as a table](figures/figure-1.csv)'));
  const lines = String(many.files.get('figure-1.csv')).split('\r\n');
  assert.deepEqual([lines.length, lines[0], lines[1]], [15, 'Name,Value', '"{{ a, ""0"" }}",0']);
});

test('Jekyll: tables scroll, and Liquid in them stays text', () => {
  const { text, files } = bodyOf('jekyll', 13);
  assert.ok(
    text.includes(
      '<div style="overflow-x: auto" markdown="1">\n\n| Name | Value |\n| --- | ---: |\n| {{ "{" }}'.replace(
        '{{ "{" }}',
        '\\{',
      ),
    ),
    text,
  );
  assert.ok(text.includes('<details markdown="1">') && text.includes("<iframe src=\"{{ '/assets/n/figure-1.html'"));
  assert.ok(!files.has('figure-1.csv'));
});

test('Quarto: a picture has its caption once', () => {
  const { text } = bodyOf('quarto', 3);
  assert.ok(text.includes('![Figure 1. What it says](figures/figure-1.png){fig-alt="A \\"label\\""}'));
  assert.equal(text.match(/What it says/g)?.length, 1);
  assert.ok(text.includes('::: {style="overflow-x: auto"}\n\n| Name'));
});

test('a table in HTML as Markdown, as rows and as CSV', () => {
  const { html } = table(
    [
      { name: 'a|b', score: 0.5 },
      { name: 'c\nd', score: 1 },
    ],
    { caption: 'A *caption*' },
  );
  assert.equal(
    htmlToMarkdown(html),
    '**A \\*caption\\***\n\n| Name | Score |\n| --- | ---: |\n| a\\|b | 0.5 |\n| c d | 1.0 |',
  );
  assert.ok(htmlToMarkdown(html, (one) => `<<${one}>>`).includes('\n\n<<| Name'));
  assert.deepEqual(tableRows(html)[1], ['a|b', '0.5']);
  assert.equal(csvOf([['a,b', 'say "c"', 'd']]), '"a,b","say ""c""",d\r\n');
});

/** Everything that a text may hold beyond plain Markdown. */
const rich = `See @fig-3 and @tbl-scores, not @fig-none or \`@fig-3\`[^a]; arXiv:2508.10104.

> [!WARNING]
> Mind {{ this }}.

![One](one.png){width=40} <img src="one.png" alt="Two" width="30"> ![](gone.png)

<details><summary>More</summary>

Folded.

</details>

\`\`\`mermaid
flowchart LR
  A[Start] --> B[End]
\`\`\`

[^a]: A note.
`;

test('what a text holds beyond Markdown is as each generator has it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'post-'));
  try {
    writeFileSync(join(folder, 'one.png'), 'png');
    const failed = {
      output_type: 'error',
      ename: 'E',
      evalue: '',
      traceback: ['\u001b[31mE: on purpose\u001b[0m', 'at a'],
    };
    const picture = {
      output_type: 'display_data',
      data: { 'image/png': 'AA==' },
      metadata: { 'image/png': { width: 50 } },
    };
    const body = (format: DialectName) =>
      postBody({
        notebook: {
          cells: [
            { cell_type: 'markdown', metadata: {}, source: rich },
            { cell_type: 'code', metadata: { tags: ['raises-exception'] }, source: 'a;', outputs: [failed, picture] },
          ],
          metadata: {},
          nbformat: 4,
          nbformat_minor: 5,
        },
        ...{ dialect: dialects[format], name: 'n', folder, figures: [], stills: new Map(), bundle: 'basic' as const },
        drawDiagram: () => '<svg/>',
        labels: new Map([
          ['fig-3', 'fig-3'],
          ['tbl-scores', 'tbl-2'],
        ]),
      });
    for (const format of ['hugo', 'jekyll', 'quarto', 'myst', 'markdown'] as const) {
      const { text, files } = body(format);
      const start =
        'See Figure\u00a03 and Table\u00a02, not ?@fig-none or `@fig-3`[^a]; [arXiv:2508.10104](https://arxiv.org/abs/2508.10104).';
      assert.ok(text.startsWith(start), text);
      assert.match(text, /\[\^a\]: A note\./);
      assert.match(text, /\*\[The picture `gone\.png` is missing\]\*/);
      assert.match(text, /```text\nE: on purpose\nat a\n```/);
      assert.equal(files.has('diagram-1-1.svg'), format !== 'markdown');
      assert.equal([...files.keys()].filter((file) => /^picture-1-/.test(file)).length, 2, format);
    }
    const of = (format: DialectName): string => body(format).text;
    assert.ok(
      of('hugo').includes('> **Warning**\n>\n> Mind {{ this }}.') && of('hugo').includes('**More**\n\nFolded.'),
    );
    assert.ok(of('jekyll').includes('<details markdown="1">') && of('jekyll').includes('{: width="40"}'));
    assert.ok(of('jekyll').includes('Mind {{ "{{" }} this }}.'));
    assert.ok(of('quarto').includes('::: {.callout-warning}\nMind') && of('quarto').includes('{width=30px}'));
    assert.ok(of('myst').includes(':::{warning}\nMind') && of('myst').includes(':width: 40px'));
    assert.ok(of('markdown').includes('> [!WARNING]\n> Mind') && of('markdown').includes('```mermaid\n'));
    assert.match(of('markdown'), /<img src="figures\/output-2-2\.png" alt="Output of the cell above" width="50">/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
