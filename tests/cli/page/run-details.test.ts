import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { savedForm, withParameters, type Notebook, type NotebookCell } from '../../../lib/cli/notebook-file';
import { writePage } from '../../../lib/cli/page/page';
import { withRunDetails } from '../../../lib/cli/page/run-details';
import { lineComparison } from '../../../lib/display/line-chart';
import type { LiveDisplay } from '../../../lib/display/mime';
import { progressBar } from '../../../lib/display/progress';
import { table } from '../../../lib/display/tables';

const folder = mkdtempSync(join(tmpdir(), 'run-details-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const prose = (source: string, ...tags: string[]): NotebookCell => ({
  cell_type: 'markdown',
  metadata: { tags },
  source,
});
const code = (source: string, html: readonly string[], ...tags: string[]): NotebookCell => ({
  cell_type: 'code',
  metadata: { tags },
  source,
  outputs: html.map((each) => ({ output_type: 'display_data', data: { 'text/html': each }, metadata: {} })),
  execution_count: 1,
});

/** What a bar leaves behind. */
function leftBehind(event: Parameters<ReturnType<typeof progressBar>>[0], warning?: string): string {
  let last = '';
  const display: LiveDisplay = { update: ({ html }) => void (last = html) };
  const report = progressBar('Training', { display });
  if (warning !== undefined) report({ kind: 'warning', epoch: 1, epochs: 4, message: warning });
  report(event);
  return last;
}
const done = leftBehind({ kind: 'done', epochs: 3, seconds: 7 });
const warned = leftBehind({ kind: 'done', epochs: 4, seconds: 8 }, 'Too few images.');
const stopped = leftBehind({ kind: 'stopped', epoch: 2, epochs: 5, seconds: 9 });

const notebook: Notebook = {
  cells: [
    prose('# A study'),
    prose('## Setup\n\nOne import.', 'run-details'),
    code('import * as nb;', [table([{ node: 20 }], { caption: 'Where it ran' }).html], 'run-details'),
    prose('## Parameters', 'run-details'),
    code('let epochs = 1;', [], 'run-details'),
    code('let seed = 1;', [], 'parameters', 'run-details'),
    prose('## Training'),
    code('train();', [done, table([{ accuracy: 0.5 }], { caption: 'Scores' }).html, warned, stopped]),
    prose('## Results'),
    prose('## Limits'),
  ],
  metadata: {},
  nbformat: 4,
  nbformat_minor: 5,
};

test('set-up, parameters and progress are folded at the end of a page, and numbered there', async () => {
  const source = join(folder, 'notebook.ipynb');
  writeFileSync(source, savedForm(withParameters(notebook, { seed: 7 })));
  await writePage(source, join(folder, 'index.html'));
  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  const main = page.slice(page.indexOf('<main'));
  const order = [
    'id="Training"',
    '<span class="number">Table 1.</span> Scores',
    'Too few images.',
    'stopped after 2 of 5 epochs',
    'id="Limits"',
    'id="how-this-was-run"',
    '<details class="run-details">',
    '<h3 class="unlisted">Setup</h3>',
    '<span class="number">Table 2.</span> Where it ran',
    '<h3 class="unlisted">Parameters</h3>',
    '<span class="code-name">Parameters</span>',
    '<span class="code-name">Parameters of this run</span>',
    '<h3 class="unlisted">Progress</h3>',
    '3 epochs',
  ];
  const places = order.map((text) => main.indexOf(text));
  assert.ok(!places.includes(-1), `${order[places.indexOf(-1)]} is missing`);
  const ascending = [...places].sort((a, b) => a - b);
  assert.deepEqual(places, ascending);
  const [contents] = /<nav class="contents"[\s\S]*?<\/nav>/.exec(page) ?? [''];
  assert.ok(contents.includes('How this was run') && !contents.includes('Setup'));
  assert.ok(!page.includes('run details'), 'no mark is left');
});

test('a cell with a figure stays where it is counted, and so does a notebook without details', () => {
  const chart = lineComparison(
    { series: [{ name: 'a', points: [{ x: 1, y: 0.5 }] }], xTitle: 'x', yTitle: 'y', title: 't', intervalTitle: '' },
    { label: 'A chart' },
  );
  const plain: Notebook = { ...notebook, cells: [prose('# A study'), code('chart();', [chart.html], 'run-details')] };
  assert.equal(withRunDetails(plain), plain);
});
