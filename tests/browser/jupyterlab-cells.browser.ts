import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readNotebook, savedForm, type Notebook, type NotebookCell } from '../../lib/cli/notebook-file';
import { createFigure } from '../../lib/display/figure';
import { outputsDirectory, projectRoot } from '../../lib/paths';
import { launch, skipWithoutChromium } from './chromium';
import { startLab, until } from './jupyterlab';

const screenshots = join(outputsDirectory, 'screenshots');
const sources = {
  setUp: `import * as nb from './lib/notebook';\nnb.initializeDisplay();`,
  lines: `for (let i = 0; i < 400; i++) console.log('line', i);`,
  task: `const bar = nb.progressBar('Work');
const result = await nb.interruptible(async (signal) => {
  bar({ kind: 'phase', message: 'at work' });
  await new Promise<void>((resolve) => signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve()));
  bar({ kind: 'phase', message: 'stopped', ended: 'stopped' });
  return 'as far as it came';
});`,
  afterTask: `console.log('not to be run');`,
  failing: `function check(limit: number) {\n  throw new RangeError('too far: ' + limit);\n}\ncheck(7);`,
  table: `nb.table([{ name: 'a', value: 1.5 }], { caption: 'A table as last expression' })`,
  spatial: `nb.figure({ data: [{ type: 'surface', z: [[1, 2], [2, 3]] }], label: 'A slope' })`,
  tab: `nb.interrup`,
  million: `for (let i = 0; i < 1_000_000; i++) console.log('of a million', i);`,
  kept: `let kept = 'as it was';\nlet counted = 1;`,
  spoiled: `counted = 2;\nkept = JSON.parse('{').name;`,
  afterSpoiled: `console.log(kept, 'and', counted);`,
  endless: `console.log('begun', 1 + 1);\nnb.tf.tidy(() => { for (;;) nb.tf.ones([60, 60]).square(); });`,
  afterEndless: `console.log('sum', nb.tf.ones([2, 3]).sum().dataSync()[0]);`,
};
type Name = keyof typeof sources;
/** A PNG. */
const onePixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** With the metadata of the project's own notebooks. */
function notebook(): Notebook {
  const own = readNotebook(join(projectRoot, 'notebooks', '01_resnet_from_scratch.ipynb'));
  const cells = Object.entries(sources).map(([id, source]): NotebookCell => ({
    cell_type: 'code',
    id,
    metadata: {},
    source,
    outputs: [],
    execution_count: null,
  }));
  return { ...own, cells };
}

test('a notebook of one’s own in JupyterLab', { skip: skipWithoutChromium }, async (t) => {
  mkdirSync(screenshots, { recursive: true });
  const lab = await startLab();
  const browser = await launch();
  try {
    const opened = notebook();
    const { page, path, complaints, cell, ...actions } = await lab.open(browser, opened);
    const of = (name: Name) => cell(sources[name]);
    const text = async (name: Name): Promise<string> => (await of(name).element.textContent()) ?? '';
    const picture = (what: string) => page.screenshot({ path: join(screenshots, `jupyterlab-${what}.png`) });

    await t.test('opened and saved, it is the same to the byte', async () => {
      const before = statSync(path).mtimeMs;
      await page.locator('.jp-Notebook').click();
      await page.keyboard.press('Control+S');
      // Whole: JupyterLab writes into the file as it stands there.
      const isWhole = (): boolean => readFileSync(path, 'utf8').trimEnd().endsWith('}');
      await until(() => Promise.resolve(statSync(path).mtimeMs > before && isWhole()));
      assert.equal(readFileSync(path, 'utf8'), savedForm(opened));
    });

    await t.test('the first Tab completes', async () => {
      await of('setUp').run();
      await of('tab').element.locator('.cm-content').click();
      await page.keyboard.press('Control+End');
      await page.keyboard.press('Tab');
      await until(async () => (await text('tab')).includes('nb.interruptible'));
    });

    await t.test('hundreds of lines do not hold the notebook up', async () => {
      await of('lines').run();
      assert.match(await text('lines'), /line 0\n(.|\n)*line 399\n/);
    });

    await t.test('Stop in the middle of Run All ends its task softly, and runs no cell below', async () => {
      await actions.runAll();
      await of('task').element.locator('.nb-progress', { hasText: 'at work' }).waitFor();
      await actions.stop();
      await of('task').element.locator('.nb-progress', { hasText: 'stopped' }).waitFor();
      await of('task').ended();
      await picture('stopped-task');
      assert.doesNotMatch(await text('task'), /Error|not to be run/);
      assert.doesNotMatch(await text('afterTask'), /\[\d+\]|\[\*\]/);
      await of('afterTask').run();
      assert.match(await text('afterTask'), /not to be run\n$/);
    });

    await t.test('an error shows its message and the lines of the cell', async () => {
      await of('failing').run();
      const shown = await of('failing').element.locator('.jp-OutputArea').innerText();
      const lines = ['RangeError: too far: 7', 'at check, line 2 of cell [', 'at line 4 of cell ['];
      for (const line of lines) assert.ok(shown.includes(line), shown);
      assert.doesNotMatch(shown, /node_modules|tslab|node:/);
      await picture('error');
    });

    await t.test('a table as last expression is a table', async () => {
      await of('table').run();
      await of('table').element.locator('.nb-caption', { hasText: 'A table as last expression' }).waitFor();
      await picture('last-expression');
    });

    await t.test('a figure that needs more of Plotly than the notebook holds gets it from the server', async () => {
      await of('spatial').run();
      const slope = of('spatial').element.locator('figure[data-figure="strict"]');
      await slope.scrollIntoViewIfNeeded();
      await slope.locator('.gl-container canvas').first().waitFor();
      await picture('spatial');
    });

    await t.test('a million lines are cut with a word, and the notebook goes on', async () => {
      await of('million').run();
      assert.match(await text('million'), /characters are left out here/);
    });

    await t.test('a cell that fails leaves what it has not set as it was', async () => {
      for (const name of ['kept', 'spoiled', 'afterSpoiled'] as const) await of(name).run();
      assert.match(await text('spoiled'), /SyntaxError/);
      assert.match(await text('afterSpoiled'), /as it was and 2\n$/);
    });

    await t.test('Stop ends a computation of one’s own, and TensorFlow.js computes on', async () => {
      await of('endless').start();
      await until(async () => (await text('endless')).includes('begun 2'));
      await actions.stop();
      await of('endless').ended();
      assert.match(await text('endless'), /The cell was stopped\./);
      await of('afterEndless').run();
      assert.match(await text('afterEndless'), /sum 6\n$/);
    });

    await t.test('what another has run shows its charts as pictures', async () => {
      const { html } = createFigure({ data: [{ type: 'scatter', x: [1], y: [1] }], layout: {}, label: 'A chart' });
      const still = `<img class="nb-still" src="data:image/png;base64,${onePixel}" alt="A chart" width="20">`;
      const data = { 'text/html': html.replace(/<p class="nb-placeholder">[^<]*<\/p>/, still) };
      const [first, ...others] = opened.cells;
      const outputs = [{ output_type: 'display_data', data, metadata: {} }];
      const { page: untrusted } = await lab.open(browser, { ...opened, cells: [{ ...first, outputs }, ...others] });
      const shown = untrusted.getByAltText('A chart');
      await shown.waitFor();
      assert.equal(await shown.evaluate((image) => (image as { naturalWidth?: number }).naturalWidth), 1);
      assert.equal(await untrusted.locator('.main-svg').count(), 0);
    });

    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
    await lab.close();
  }
});
