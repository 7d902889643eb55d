/** The page of a small notebook, and of every notebook that has been run: opened from disk, in both themes, on a phone and a desktop. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { indexPage } from '../../lib/cli/index-page';
import { finishedRun, finishedRuns, previewName } from '../../lib/cli/page/finished-runs';
import { writePage } from '../../lib/cli/page/page';
import { writePost } from '../../lib/cli/page/post';
import { barComparison } from '../../lib/display/bar-chart';
import { imageGrid } from '../../lib/display/image-grid';
import { figure } from '../../lib/display/own-figure';
import { bundleFile } from '../../lib/display/plotly-bundles';
import { table } from '../../lib/display/tables';
import { outputsDirectory } from '../../lib/paths';
import { exampleNotebook, pageLimit, results } from '../cli/page/example';
import { launch, skipWithoutChromium as skip } from './chromium';
import { skipWithoutFirefox, withFirefox } from './firefox';
import {
  assertArrivesSteadily,
  assertFits,
  assertPrints,
  assertSteady,
  axeFindings,
  becomesTrue,
  figuresDrawn,
  keepContactSheet,
  openPage,
  unfold,
  views,
} from './page-check';

/** As WebDriver calls them. */
const [tabKey, enterKey] = ['\ue004', '\ue007'];

const folder = mkdtempSync(join(tmpdir(), 'page-browser-'));
const source = join(folder, 'run', 'notebook.ipynb');
const example = join(folder, 'run', 'index.html');
const gallery = join(folder, 'index.html');
const hostilePage = join(folder, 'hostile', 'index.html');
let browser: Browser;

before(async () => {
  if (skip !== false) return;
  browser = await launch();
  mkdirSync(dirname(source));
  writeFileSync(source, JSON.stringify(await exampleNotebook()));
  writeFileSync(join(dirname(source), 'results.json'), JSON.stringify(results));
  await writePage(await hostileNotebook(), hostilePage);
  const { headline, stillsMissing } = await writePage(source, example, { illustrate: true });
  assert.equal(stillsMissing, undefined);
  writeFileSync(join(dirname(source), previewName), headline?.png ?? '');
  const runs = [finishedRun('01_resnet_from_scratch', dirname(source))];
  writeFileSync(gallery, await indexPage({ runs, folder }));
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

const finished = finishedRuns(outputsDirectory);
const pages: readonly (readonly [name: string, path: string])[] = [
  ['a small notebook', example],
  ...finished.map(({ name, directory }) => [name, join(directory, 'index.html')] as const),
];

const sharedPlotly = /^file:[^,]*\/plotly-\w+-[\d.]+min\.js$/;

for (const [index, [name, path]] of pages.entries()) {
  test(`the page of ${name} is whole in both themes and at both widths`, { skip }, async () => {
    assert.ok(readFileSync(path).length <= pageLimit, 'the page is too large');
    const pictures: Buffer[] = [];
    // The small notebook has a part of each kind: of the others, each theme and each width is looked at once.
    const seen = path === example ? views : [views[0], views[3]];
    // axe takes as long as all else: a page is shown to it in each view, or in one of the two in turn.
    const shownToAxe = seen === views ? views : [seen[index % 2]];
    for (const view of seen) {
      const { page, complaints, close } = await openPage(browser, path, view);
      assert.equal(await page.evaluate('window.Plotly'), undefined, 'pictures stand for charts until somebody reads');
      await assertSteady(page);
      const charts = await page.locator('figure[data-figure]').count();
      await assertFits(page);
      if (view.theme === 'light' && view.width === 'desktop')
        for (const width of [768, 1440, 1280]) {
          await page.setViewportSize({ width, height: 900 });
          await assertFits(page);
        }
      await unfold(page);
      assert.equal(await figuresDrawn(page), charts);
      if (shownToAxe.includes(view)) assert.deepEqual(await axeFindings(page), [], `${view.theme}, ${view.width}`);
      assert.equal(
        await page.locator('figure :is(.nb-still, .nb-placeholder)').count(),
        0,
        'a script has drawn over the stills',
      );
      // Pages of the gallery load Plotly from beside it, and nothing else.
      assert.deepEqual(path === example ? complaints : complaints.filter((text) => !sharedPlotly.test(text)), []);
      if (path === example) pictures.push(await page.screenshot({ fullPage: true }));
      if (view.width === 'desktop' && (view.theme === 'dark' || seen.length < views.length)) await assertPrints(page);
      await close();
    }
    if (path === example) await keepContactSheet(pictures, name);
  });
}

test('a page that arrives in pieces moves nothing', { skip }, async () => {
  const html = readFileSync(example, 'latin1'); // a character is a byte
  const box = html.search(/<section [^>]*class="?answer/);
  const answer = html.indexOf('<dl', box);
  const end = html.indexOf('</main>');
  assert.ok(0 < box && box < answer && answer < end);
  // Close together in the answer, which has the only columns that are in sight at first.
  const cuts = [150, 300, 450, 600, 750].map((bytes) => answer + bytes);
  cuts.push(Math.round((answer + end) / 2));
  for (const view of views.filter(({ theme }) => theme === 'light'))
    await assertArrivesSteadily(browser, example, view, cuts);
});

test('the gallery is whole in both themes and at both widths', { skip }, async () => {
  for (const view of views) {
    const { page, complaints, close } = await openPage(browser, gallery, view);
    await assertSteady(page);
    await assertFits(page);
    assert.deepEqual(await axeFindings(page), []);
    assert.equal(await page.locator('.preview img').isVisible(), true);
    assert.deepEqual(complaints, []);
    await close();
  }
});

test(
  'in Firefox, pages and the gallery are whole at four widths, and can be used by keyboard',
  { skip: skip || skipWithoutFirefox },
  async () => {
    await withFirefox(async (page) => {
      // Of the pages of notebooks the last: each takes seconds.
      for (const [name, path] of [pages[0], ...pages.slice(1).slice(-1), ['the gallery', gallery] as const]) {
        await page.open(pathToFileURL(path).href);
        for (const width of [390, 768, 1440, 1280]) {
          await page.setWidth(width);
          await assertFits(page);
        }
        assert.deepEqual(await axeFindings(page), [], name);
        const charts = await page.evaluate<number>(`document.querySelectorAll('figure[data-figure]').length`);
        assert.equal(await figuresDrawn(page), charts, name);
        assert.deepEqual(page.complaints, [], name);
        await page.evaluate('scrollTo(0, 0), document.activeElement.blur()');
        for (const key of [tabKey, enterKey]) await page.press(key);
        assert.equal(await page.evaluate('document.activeElement.id'), 'content', 'the skip link comes first');
      }
      await page.open(pathToFileURL(hostilePage).href);
      const { injected, images, said } = await page.evaluate<Injection>(look);
      assert.deepEqual([injected, images, page.complaints], [0, 0, []]);
      assert.ok(said >= 6, `${said} times`);
    });
  },
);

test('the contents lead to their sections and follow the scroll; on a phone they are folded', { skip }, async () => {
  const { page, close } = await openPage(browser, example, { theme: 'light', width: 'desktop' });
  const current = page.locator('.contents a[aria-current]');
  assert.deepEqual(await page.locator('.contents a').allTextContents(), [
    'Data',
    'Training',
    'A part',
    'Results',
    'How this was run',
    'How to cite',
  ]);
  await page.locator('.contents a', { hasText: 'Results' }).click();
  assert.match(page.url(), /#Results$/);
  await becomesTrue(page, `document.querySelector('.contents a[aria-current]')?.textContent === 'Results'`);
  await page.evaluate('window.scrollTo(0, document.body.scrollHeight)');
  await becomesTrue(page, `document.querySelector('.contents a[aria-current]')?.textContent === 'How to cite'`);
  await page.evaluate('window.scrollTo(0, 0)');
  await becomesTrue(page, `document.querySelector('.contents a[aria-current]')?.textContent === 'Data'`);
  assert.equal(await current.count(), 1);
  await close();
  const phone = await openPage(browser, example, { theme: 'light', width: 'phone' });
  const contents = phone.page.locator('.contents details');
  assert.equal(await contents.getAttribute('open'), null);
  await contents.locator('summary').press('Enter');
  await phone.page.locator('.contents a', { hasText: 'Training' }).click();
  assert.match(phone.page.url(), /#Training$/);
  await phone.close();
});

test('one switch opens all code but what is folded, and both switches are kept', { skip }, async () => {
  const { page, close } = await openPage(browser, example, { theme: 'light', width: 'desktop' });
  const open = (): Promise<number> => page.locator('details.code[open]').count();
  const all = await page.locator('details.code:not(.folded)').count();
  assert.ok(all >= 3 && (await open()) === 0);
  const paper = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor');
  const light = await paper();
  await page.locator('#code-switch').press('Enter');
  await page.locator('#theme-switch').press('Space');
  assert.equal(await open(), all);
  const dark = await paper();
  assert.notEqual(dark, light);
  for (const button of ['#code-switch', '#theme-switch'])
    assert.equal(await page.locator(button).getAttribute('aria-pressed'), 'true');
  await page.reload();
  assert.deepEqual([await open(), await paper()], [all, dark]);
  await page.locator('#code-switch').click();
  assert.equal(await open(), 0);
  await close();
});

test('the search finds and marks text, unfolds what holds it, and goes round both ways', { skip }, async () => {
  const { page, close } = await openPage(browser, example, { theme: 'light', width: 'desktop' });
  const field = page.locator('#page-search');
  const told = (): Promise<string | null> => page.locator('#found').textContent();
  const marked = (name: string): Promise<number> => page.evaluate(`CSS.highlights.get('${name}').size`);
  await field.fill('LIQUID');
  assert.deepEqual([await told(), await marked('found')], ['1 found', 1]);
  await field.fill('shortcode');
  const folded = page.locator('details.code', { hasText: 'shortcode' });
  assert.deepEqual([await told(), await folded.getAttribute('open')], ['1 found', null]);
  await field.press('Enter');
  assert.deepEqual([await told(), await folded.getAttribute('open')], ['1 of 1', '']);
  assert.equal(await marked('found-here'), 1);
  assert.ok(await folded.locator('pre').isVisible());
  await field.fill('data');
  const count = await marked('found');
  assert.ok(count >= 3 && (await told()) === `${count} found`);
  for (const [key, place] of [
    ['Enter', 1],
    ['Enter', 2],
    ['Shift+Enter', 1],
    ['Shift+Enter', count],
    ['Enter', 1],
  ] as const) {
    await field.press(key);
    assert.equal(await told(), `${place} of ${count}`);
  }
  for (const [wanted, says] of [
    ['no such word', 'none'],
    ['a', ''],
  ]) {
    await field.fill(wanted);
    assert.deepEqual([await told(), await marked('found')], [says, 0]);
  }
  await close();
});

test('the keyboard begins with the skip link and sees where it is', { skip }, async () => {
  const { page, close } = await openPage(browser, example, { theme: 'light', width: 'desktop' });
  const focused = (expression: string): Promise<unknown> =>
    page.evaluate(`(() => { const focused = document.activeElement; return ${expression}; })()`);
  await page.keyboard.press('Tab');
  assert.equal(await focused('focused.className'), 'skip-link');
  const top = await page.locator('.skip-link').boundingBox();
  assert.ok(top !== null && top.y >= 0, 'the skip link is shown while it is focused');
  await page.keyboard.press('Enter');
  assert.equal(await focused('focused.id'), 'content');
  const tables = await page.locator('.scroll').count();
  assert.equal(tables, 1);
  assert.equal(await page.locator('.scroll').getAttribute('aria-label'), 'Data, table');
  let steps = 0;
  await page.keyboard.press('Tab');
  while ((await focused('focused.closest("main") !== null')) && steps < 100) {
    assert.notEqual(
      await focused('getComputedStyle(focused).outlineStyle'),
      'none',
      String(await focused('focused.outerHTML.slice(0, 150)')),
    );
    await page.keyboard.press('Tab');
    steps += 1;
  }
  assert.ok(steps > 5, `${steps} places`);
  await close();
});

test('no script runs but those that the page was made with, wherever it comes from', { skip }, async () => {
  for (const path of [example, gallery]) {
    const { page, complaints, close } = await openPage(browser, path, { theme: 'light', width: 'desktop' });
    await figuresDrawn(page);
    assert.deepEqual(complaints, []);
    await page.evaluate(`
      document.body.insertAdjacentHTML('beforeend', '<img src="data:," onerror="window.injected = true"><a href="javascript:window.injected=true" id="link">x</a>');
      const script = document.createElement('script');
      script.textContent = 'window.injected = true';
      document.body.append(script);
      document.getElementById('link').click();
    `);
    await page.waitForTimeout(200);
    assert.equal(await page.evaluate('window.injected'), undefined);
    assert.ok(
      complaints.length >= 3 && complaints.every((text) => /Content Security Policy/.test(text)),
      complaints[0],
    );
    await close();
  }
});

/** Ends a script, an attribute, a cell of a table and a comment, and would run in each. */
const hostile = `"'--></script></title><script>window.injected = 1</script><img src=x onerror="window.injected = 2">|\`<b>`;

/** A notebook whose every name is one that somebody else chose. */
async function hostileNotebook(): Promise<string> {
  const path = join(folder, 'hostile', 'notebook.ipynb');
  const grid = await imageGrid({
    images: [{ pixels: new Uint8Array(192), height: 8, width: 8, channels: 3, title: hostile, alt: hostile }],
    caption: hostile,
  });
  const chart = barComparison(
    { groups: [hostile, 'b'], series: [{ name: hostile, values: [0.25, 0.75] }], valueTitle: hostile },
    { label: hostile, caption: hostile },
  );
  const shown = [table([{ [hostile]: 1, model: hostile }], { caption: hostile }), grid, chart];
  const outputs = [
    ...shown.map(({ html, text }) => ({
      output_type: 'display_data',
      metadata: {},
      data: { 'text/html': html, 'text/plain': text },
    })),
    { output_type: 'stream', name: 'stdout', text: hostile },
    { output_type: 'error', ename: 'UserError', evalue: hostile, traceback: [hostile] },
  ];
  const cells = [{ cell_type: 'code', id: 'a', metadata: {}, source: `// ${hostile}`, execution_count: 1, outputs }];
  const metadata = { title: hostile, description: hostile, authors: [{ name: hostile }], tags: [hostile] };
  mkdirSync(dirname(path));
  writeFileSync(path, JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }));
  const named = { ...results, data: { ...results.data, name: hostile } };
  const rows = results.results.map((row) => ({ ...row, model: hostile }));
  const parameters = { ...results.parameters, dataset: hostile };
  writeFileSync(join(dirname(path), 'results.json'), JSON.stringify({ ...named, results: rows, parameters }));
  return path;
}

interface Injection {
  readonly injected: number;
  readonly images: number;
  readonly said: number;
}
/** What has become of the names: whether one was obeyed, and how often one is said. */
const look = `({
  injected: window.injected ?? 0,
  images: document.querySelectorAll('img[src="x"]').length,
  said: document.body.innerText.split('window.injected = 1').length - 1,
})`;

test('names, messages and metadata that would be scripts are text, in pages and posts', { skip }, async () => {
  const path = join(folder, 'hostile', 'notebook.ipynb');
  const target = hostilePage;
  const index = join(folder, 'hostile', 'all.html');
  writeFileSync(index, await indexPage({ runs: [finishedRun(hostile, dirname(path))], folder: dirname(path) }));
  for (const file of [target, index]) {
    const { page, complaints, close } = await openPage(browser, file, { theme: 'light', width: 'desktop' });
    await figuresDrawn(page);
    const { injected, images, said } = await page.evaluate<Injection>(look);
    const loaded = file === index ? [pathToFileURL(join(folder, 'hostile', bundleFile('basic'))).href] : [];
    assert.deepEqual([injected, images, complaints], [0, 0, loaded], file);
    assert.ok(said >= (file === target ? 6 : 1), `${file}: ${said} times`);
    await close();
  }
  // Of a post, the site makes HTML: what is HTML in it has to be escaped, or within a figure that is.
  const { path: post } = await writePost(path, { format: 'markdown', folder: join(folder, 'hostile', 'post') });
  const [, , text = ''] = readFileSync(post, 'utf8').split(/^---$/m); // behind the front matter
  const prose = text.replaceAll(/^(`{3,})[^]*?^\1$/gm, '');
  assert.doesNotMatch(prose, /(?<!\\)<(script|img)/);
  assert.match(prose, /window\.injected/);
});

test('without scripts, pictures stand for charts and everything can be read', { skip }, async () => {
  for (const theme of ['light', 'dark'] as const) {
    const { page, close } = await openPage(browser, example, { theme, width: 'desktop' }, false);
    const stills = page.locator('img.nb-still');
    assert.equal(await stills.count(), 3, 'one in the box under the title');
    const chart = page.locator('figure img.nb-still').first();
    assert.equal(await chart.getAttribute('alt'), 'Accuracy of "a" & b');
    await chart.scrollIntoViewIfNeeded();
    const { data, info } = await sharp(await chart.screenshot())
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    // The corner is paper, in the theme's colour.
    assert.equal(data[0] > 200, theme === 'light', `${theme}: ${data[0]}`);
    assert.ok(info.width > 300, 'as large as the chart');
    await close();
  }
});

test('the notebook has them too, for where it is not trusted', { skip }, () => {
  const pictures = readFileSync(source, 'utf8').match(/<img class=\\"nb-still\\" src=\\"data:image\/webp;base64,/g);
  assert.equal(pictures?.length, 2);
});

test('figures that are drawn after the theme was changed are in its colours', { skip }, async () => {
  const { page, close } = await openPage(browser, example, { theme: 'light', width: 'desktop' });
  await figuresDrawn(page);
  const ink = `getComputedStyle(document.querySelector('figure[data-figure] .xtick text')).fill`;
  const light = await page.evaluate<string>(ink);
  await page.locator('#theme-switch').click();
  await page.locator('figure[data-figure]').first().scrollIntoViewIfNeeded(); // those that nobody sees are not drawn again
  await becomesTrue(page, `${ink} !== ${JSON.stringify(light)}`);
  await close();
});

test('a reader who wants no motion gets none', { skip }, async () => {
  const { page, close } = await openPage(browser, example, { theme: 'light', width: 'desktop' });
  const behaviour = (): Promise<string> => page.evaluate('getComputedStyle(document.documentElement).scrollBehavior');
  assert.equal(await behaviour(), 'smooth');
  await page.emulateMedia({ reducedMotion: 'reduce' });
  assert.equal(await behaviour(), 'auto');
  await close();
});

test('a figure of any kind is drawn, with as much of Plotly as the page needs', { skip }, async () => {
  const path = join(folder, 'own', 'notebook.ipynb');
  const waves = [0, 1, 2, 3].map((row) => [0, 1, 2, 3].map((column) => Math.sin(row + column)));
  const links = { source: [0, 0], target: [1, 2], value: [3, 1] };
  const figures = [
    figure({ data: [{ type: 'surface', z: waves }], label: 'Waves' }),
    figure({
      data: [{ type: 'sankey', node: { label: ['a', 'b', 'c'] }, link: links }],
      label: 'Three quarters go to b',
    }),
    figure({ data: [{ type: 'parcoords', dimensions: [{ values: [1, 2] }, { values: [2, 1] }] }], label: 'Two lines' }),
    figure({ data: [{ type: 'scattergeo', lon: [12, 13], lat: [50, 48], mode: 'markers' }], label: 'Two places' }),
  ];
  const outputs = figures.map(({ html }) => ({
    output_type: 'display_data',
    metadata: {},
    data: { 'text/html': html },
  }));
  const cells = [{ cell_type: 'code', id: 'a', metadata: {}, source: 'draw();', execution_count: 1, outputs }];
  mkdirSync(dirname(path));
  writeFileSync(path, JSON.stringify({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 }));
  const target = join(folder, 'own', 'index.html');
  const { bytes, stillsMissing } = await writePage(path, target);
  assert.ok(stillsMissing === undefined && bytes < 3_500_000, `${bytes} bytes`);
  const { page, complaints, close } = await openPage(browser, target, { theme: 'light', width: 'desktop' });
  assert.equal(await figuresDrawn(page), 4);
  const drawn = ['.gl-container canvas', '.sankey-link', '.parcoords', '.scattergeo .point'];
  for (const [at, what] of drawn.entries())
    assert.ok((await page.locator('figure').nth(at).locator(what).count()) > 0, what);
  assert.deepEqual(complaints, []);
  mkdirSync(join(outputsDirectory, 'screenshots'), { recursive: true });
  await page.screenshot({ path: join(outputsDirectory, 'screenshots', 'own-figures.png'), fullPage: true });
  await close();
});

test('posts get a picture of every figure, and interactive charts that draw themselves', { skip }, async () => {
  const { path, stillsMissing } = await writePost(source, { format: 'quarto', folder: join(folder, 'quarto') });
  assert.equal(stillsMissing, undefined);
  const text = readFileSync(path, 'utf8');
  for (const number of [1, 2, 3]) {
    assert.ok(text.includes(`](figures/figure-${number}.png)`));
    const { width = 0, format } = await sharp(join(folder, 'quarto', 'figures', `figure-${number}.png`)).metadata();
    assert.ok(width > 300 && format === 'png');
  }
  const chart = join(folder, 'quarto', 'figures', 'figure-2.html');
  const { page, complaints, close } = await openPage(browser, chart, { theme: 'dark', width: 'phone' });
  assert.equal(await figuresDrawn(page), 1);
  assert.match(complaints.join(), sharedPlotly, 'nothing but the shared file is loaded');
  await close();
});
