/** What must hold for an exported page in a browser, at one width and in one theme. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import sharp from 'sharp';
import { outputsDirectory, projectRoot } from '../../lib/paths';
import { patience } from '../patience';

export interface View {
  readonly theme: 'light' | 'dark';
  readonly width: 'phone' | 'desktop';
}

export const views: readonly View[] = [
  { theme: 'light', width: 'desktop' },
  { theme: 'dark', width: 'desktop' },
  { theme: 'light', width: 'phone' },
  { theme: 'dark', width: 'phone' },
];

export interface OpenPage {
  readonly page: Page;
  /** What the browser complained about since the page was opened, and every address that it wanted. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

/** As much of a page as most checks need, in any browser. */
export interface EvaluatedPage {
  /** The value of an expression in the page, or of what it promises. */
  evaluate<T>(expression: string): Promise<T>;
  waitForTimeout(milliseconds: number): Promise<void>;
}

/** What web.dev calls the cumulative layout shift; Firefox does not measure it. */
const countShifts = `window.layoutShift = 0, window.shifted = [];
  const place = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join(' ');
  const name = (node) => (node?.outerHTML ?? node?.textContent ?? 'what is gone').slice(0, 80);
  new PerformanceObserver((list) => list.getEntries().forEach(({ value, startTime, sources }) => {
    window.layoutShift += value;
    sources.forEach(({ node, previousRect, currentRect }) => window.shifted.push(
      Math.round(startTime) + ' ms: ' + name(node) + ': ' + place(previousRect) + ' to ' + place(currentRect)));
  })).observe({ type: 'layout-shift', buffered: true });`;

const hasPlotly = `!document.querySelector('figure[data-figure]') || (window.Plotly && window.notebookFigures.draw)`;

/** What a reader's first scroll does: until then, pictures stand for charts. */
async function beginsToRead(page: EvaluatedPage): Promise<void> {
  await becomesTrue(page, `document.readyState === 'complete'`);
  await page.evaluate(`window.dispatchEvent(new Event('scroll'))`);
  await becomesTrue(page, hasPlotly);
}

/** Nothing moves while a page comes up, its first chart included. */
export async function assertSteady(page: Page, what = ''): Promise<void> {
  await beginsToRead(page);
  const shift = await page.evaluate<number>('window.layoutShift');
  const shifted = (await page.evaluate<string[]>('window.shifted')).join('\n');
  assert.ok(shift < 0.02, `a layout shift of ${shift}: ${what}\n${shifted}`);
}

const viewport = (view: View): BrowserContextOptions => {
  const phone = view.width === 'phone';
  return {
    viewport: phone ? { width: 390, height: 844 } : { width: 1280, height: 900 },
    hasTouch: phone,
    isMobile: phone,
    colorScheme: view.theme,
  };
};

/** Nothing moves while a page arrives from a server that stops for a while after some of its bytes. */
export async function assertArrivesSteadily(
  browser: Browser,
  path: string,
  view: View,
  cuts: readonly number[],
): Promise<void> {
  const html = readFileSync(path);
  const server = createServer(({ url = '' }, response) => {
    const cut = Number(url.slice(1));
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.write(html.subarray(0, cut));
    setTimeout(() => response.end(html.subarray(cut)), 250);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const context = await browser.newContext(viewport(view));
  await context.addInitScript(countShifts);
  try {
    for (const cut of cuts) {
      const page = await context.newPage();
      page.setDefaultTimeout(patience);
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${cut}`);
      await assertSteady(page, `${view.width}, ${cut} bytes, which end in ${html.subarray(cut - 60, cut).toString()}`);
      await page.close();
    }
  } finally {
    await context.close();
    server.close().closeAllConnections();
  }
}

/** Opens a page from disk, without a network. */
export async function openPage(browser: Browser, path: string, view: View, scripts = true): Promise<OpenPage> {
  const context = await browser.newContext({ ...viewport(view), offline: true, javaScriptEnabled: scripts });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  await page.addInitScript(countShifts);
  const complaints: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && request.url() !== pathToFileURL(path).href)
      complaints.push(request.url());
  });
  await page.goto(pathToFileURL(path).href);
  return { page, complaints, close: () => context.close() };
}

/** Waits until an expression is true in a page. Its policy forbids what Playwright's own way of waiting does: to evaluate a text in it. */
export async function becomesTrue(page: EvaluatedPage, expression: string): Promise<void> {
  const end = Date.now() + patience;
  while (!(await page.evaluate(`Boolean(${expression})`))) {
    assert.ok(Date.now() < end, `${expression} never becomes true`);
    await page.waitForTimeout(50);
  }
}

/** Every chart of a page that is not folded away has been drawn. */
export async function figuresDrawn(page: EvaluatedPage): Promise<number> {
  // Those that are far from the view would wait until they are near.
  await beginsToRead(page);
  await page.evaluate('window.notebookFigures?.draw(), undefined');
  await becomesTrue(
    page,
    `[...document.querySelectorAll('figure[data-figure] [data-plot]')].every((plot) => plot.clientWidth === 0 || plot.querySelector('.main-svg'))`,
  );
  return page.evaluate<number>(`document.querySelectorAll('figure[data-figure] .main-svg:first-child').length`);
}

interface Violation {
  readonly id: string;
  readonly impact: string;
  /** Of the first element. */
  readonly html: string;
}

const axe = readFileSync(join(projectRoot, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8');

export async function unfold(page: EvaluatedPage): Promise<void> {
  await page.evaluate(`document.querySelectorAll('details').forEach((one) => (one.open = true)), undefined`);
}

/** Serious and critical findings of axe, with everything unfolded; none is what is wanted. */
export async function axeFindings(page: EvaluatedPage): Promise<string[]> {
  await unfold(page);
  await figuresDrawn(page);
  await page.evaluate(axe);
  // To describe all that is well takes axe longer than to find what is not.
  const violations = await page.evaluate<Violation[]>(
    `axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, impact, nodes }) => ({ id, impact, html: nodes[0].html })))`,
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, html }) => `${id}: ${html.slice(0, 200)}`);
}

/** A page never scrolls sideways as a whole: what is wider scrolls by itself, and can be focused for it. */
export async function assertFits(page: EvaluatedPage): Promise<void> {
  const [content, window] = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
  );
  assert.ok(content <= window, `the page is ${content} pixels wide in a window of ${window}`);
  const unreachable = await page.evaluate<string[]>(
    `[...document.querySelectorAll('main *')].filter((element) => element.scrollWidth > element.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(element).overflowX) && element.tabIndex < 0).map((element) => element.outerHTML.slice(0, 120))`,
  );
  assert.deepEqual(unreachable, [], 'scrolls, but cannot be reached by keyboard');
}

/** On paper the page is light, nothing is cut off at the side, and what only works on a screen is left out. */
export async function assertPrints(page: Page): Promise<void> {
  await page.setViewportSize({ width: 680, height: 960 });
  await page.evaluate(`window.dispatchEvent(new Event('beforeprint'))`);
  await page.emulateMedia({ media: 'print' });
  await figuresDrawn(page);
  assert.equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(255, 255, 255)');
  const width = await page.evaluate<number>('document.documentElement.scrollWidth');
  assert.ok(width <= 680, `${width} pixels on a paper of 680`);
  assert.equal(await page.locator('.controls, .contents, .skip-link, .copy').filter({ visible: true }).count(), 0);
  await page.evaluate(`window.dispatchEvent(new Event('afterprint'))`);
  assert.equal(await page.evaluate(`document.documentElement.hasAttribute('data-printing')`), false);
}

/** Pixels of a picture in a contact sheet. */
const [pictureWidth, pictureHeight] = [480, 3000];

/** Keeps the beginning of a page in all its views side by side below outputs/, for a look. @param pictures PNGs of one view each */
export async function keepContactSheet(pictures: readonly Buffer[], name: string): Promise<void> {
  const folder = join(outputsDirectory, 'screenshots');
  mkdirSync(folder, { recursive: true });
  const composite = await Promise.all(
    pictures.map(async (picture, index) => {
      const { data, info } = await sharp(picture).resize(pictureWidth).toBuffer({ resolveWithObject: true });
      const height = Math.min(info.height, pictureHeight);
      const input = await sharp(data).extract({ left: 0, top: 0, width: pictureWidth, height }).toBuffer();
      return { input, left: index * (pictureWidth + 20), top: 0 };
    }),
  );
  const width = pictures.length * (pictureWidth + 20) - 20;
  const sheet = sharp({ create: { width, height: pictureHeight, channels: 3, background: '#808080' } });
  await sheet
    .composite(composite)
    .png()
    .toFile(join(folder, `${name}.png`));
}
