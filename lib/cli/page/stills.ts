/** Still pictures of figures, for readers without scripts, feeds and previews: drawn in a Chromium, all in one start of it. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { bundleOfHtml, bundlePath } from '../../display/plotly-bundles';
import { projectRoot } from '../../paths';
import { chromiumMissing, findChromium, launchChromium } from '../chromium';
import type { PageFigure } from './figures';

/** A figure as a PNG on light paper. */
export interface Still {
  readonly png: Buffer;
  /** In CSS pixels; the picture has more. */
  readonly width: number;
  readonly height: number;
}

export interface Stills {
  /** By the figures' numbers; empty where nothing could be drawn. */
  readonly byNumber: ReadonlyMap<number, Still>;
  /** Why there are none. */
  readonly missing?: string;
}

/** Width of the column that figures stand in, in CSS pixels. */
const columnWidth = 800;
const patience = 30_000;

/**
 * Never fails for want of a browser: a page without stills is still a page.
 * @param options.pixelRatio pixels of a picture for each in CSS
 */
export async function drawStills(
  figures: readonly PageFigure[],
  { pixelRatio }: { readonly pixelRatio: number },
): Promise<Stills> {
  if (figures.length === 0) return { byNumber: new Map() };
  let browser: Browser | undefined;
  try {
    const path = findChromium();
    if (path === undefined) return { byNumber: new Map(), missing: chromiumMissing };
    browser = await launchChromium(path);
    const page = await browser.newPage({
      viewport: { width: columnWidth, height: 600 },
      deviceScaleFactor: pixelRatio,
      offline: true,
    });
    await page.setContent(sheet(figures), { timeout: patience });
    const drawings = await drawAll(page, figures);
    const stills = await Promise.all(
      figures.map(async ({ number }, index): Promise<[number, Still]> => {
        const { png, ...size } = drawings[index];
        return [number, { png: await png, ...size }];
      }),
    );
    return { byNumber: new Map(stills) };
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    return { byNumber: new Map(), missing: `Chromium did not draw them (${reason})` };
  } finally {
    await browser?.close();
  }
}

interface Drawing {
  readonly width: number;
  readonly height: number;
  /** Made small while the next one is drawn. */
  readonly png: Promise<Buffer>;
}

async function drawAll(page: Page, figures: readonly PageFigure[]): Promise<Drawing[]> {
  await page.waitForFunction(
    `[...document.images].every((image) => image.complete) && [...document.querySelectorAll('figure.nb-figure')].every((figure) => figure.querySelector('.main-svg'))`,
    undefined,
    { timeout: patience },
  );
  const drawings: Drawing[] = [];
  for (const { number } of figures) {
    const place = page.locator(`#still-${number}`);
    const box = await place.boundingBox();
    const png = compress(await place.screenshot({ animations: 'disabled', timeout: patience }));
    png.catch(() => {}); // awaited later, and then it counts
    drawings.push({ width: Math.round(box?.width ?? columnWidth), height: Math.round(box?.height ?? 0), png });
  }
  return drawings;
}

/** Charts have few colours; photographs in a grid look the same in 256. */
function compress(picture: Buffer): Promise<Buffer> {
  return sharp(picture).png({ palette: true, quality: 90, compressionLevel: 9, effort: 7 }).toBuffer();
}

/** A page with the figures alone. A notebook may come from anywhere: only the project's own scripts run, and nothing is loaded. */
function sheet(figures: readonly PageFigure[]): string {
  const nonce = randomBytes(16).toString('hex');
  const policy = `default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'nonce-${nonce}'`;
  const script = (text: string): string =>
    `<script nonce="${nonce}">${text.replace(/<\/script/gi, '<\\/script')}</script>`;
  const charts = figures.some(({ kind }) => kind === 'chart');
  const body = figures.map(({ number, html }) => `<div class="place" id="still-${number}">${html}</div>`);
  return `<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<style>${own('lib/blog/blog.css')}${own('lib/display/display.css')}${sheetStyle}</style>
${charts ? script(readFileSync(bundlePath(bundleOfHtml(body.join(''))), 'utf8')) : ''}</head><body>${body.join('')}
${charts ? script(`${own('lib/display/figure-runtime.js')}\nwindow.notebookFigures.draw();`) : ''}</body></html>`;
}

const sheetStyle = `
body { margin: 0; padding: 0; }
.place { width: max-content; min-width: min(${columnWidth}px, 100%); padding: 12px; background: var(--page-paper); }
.place figure.nb-figure { width: ${columnWidth}px; margin: 0; }
.place figure.nb-grid { max-width: ${columnWidth}px; margin: 0; }
.place .nb-plot { overflow: visible; }
figcaption, .nb-details, .modebar-container, .modebar { display: none !important; }
`;

function own(path: string): string {
  return readFileSync(join(projectRoot, path), 'utf8');
}
