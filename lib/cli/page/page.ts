/** A notebook with its outputs as a page: one HTML file, complete in itself unless Plotly is shared between pages. */
import { basename, dirname, relative, sep } from 'node:path';
import { escapeHtml } from '../../display/html';
import { packedPlotly, plotlyLoader } from '../../display/library';
import { writeFileAtomic } from '../../files';
import { readResults } from '../../runs/results';
import { convertNotebook } from '../jupyter';
import { readNotebook, type Notebook } from '../notebook-file';
import { findFigures, headlineFigure, mapFigures, type PageFigure } from './figures';
import { pageData } from './page-data';
import { withoutPrivatePaths } from './private-paths';
import { writeSharedPlotly } from './shared-plotly';
import { drawStills, type Still } from './stills';

export interface PageOptions {
  /** A folder for Plotly, which pages then share; without it, every page with charts has its own copy inside. */
  readonly assets?: string;
  /** Where the page will be published. */
  readonly url?: string;
  /** Full address of a picture for previews. */
  readonly image?: string;
  /** The folder of a small model that answers in the page to images that a reader drops. */
  readonly live?: string;
}

export interface WrittenPage {
  readonly bytes: number;
  /** The figure that stands for the page, if one could be drawn. */
  readonly headline?: Still;
  /** Why charts have no still pictures; undefined where they have, or where there are no charts. */
  readonly stillsMissing?: string;
}

/** A page may not be larger than this, in bytes; still pictures on dark paper are what is left out first. */
export const pageLimit = 3_000_000;

/** @throws UserError where the notebook, its metadata or its results.json are damaged */
export async function writePage(source: string, target: string, options: PageOptions = {}): Promise<WrittenPage> {
  // Only a model brings TensorFlow with it, which takes seconds to load.
  const live = options.live === undefined ? undefined : (await import('./live-panel')).livePanel(options.live);
  const notebook = withoutPrivatePaths(readNotebook(source));
  const folder = dirname(source);
  const data = pageData(notebook, {
    ...options,
    fallbackTitle: basename(source, '.ipynb'),
    results: readResults(folder),
  });
  const figures = findFigures(notebook);
  const charts = figures.filter(({ kind }) => kind === 'chart');
  const headline = headlineFigure(figures);
  const drawn = headline?.kind === 'grid' ? [...charts, headline] : charts;
  const stills = await drawStills(drawn, { dark: true });
  const plotly = charts.length === 0 ? undefined : plotlyOf(target, options.assets);
  const convert = (dark: boolean): Promise<Buffer> => {
    const prepared = mapFigures(notebook, (figure) => pageFigure(figure, stills.byNumber.get(figure.number), dark));
    return convertNotebook(withPageData(prepared, { ...data, plotly, live }), folder);
  };
  let page = await convert(true);
  if (page.length - (live?.length ?? 0) > pageLimit && stills.byNumber.size > 0) page = await convert(false);
  writeFileAtomic(target, page);
  const preview = headline && stills.byNumber.get(headline.number);
  return { bytes: page.length, headline: preview, stillsMissing: stills.missing };
}

/** JupyterLab's own metadata stay; `page` is for the template only. */
function withPageData(notebook: Notebook, page: object): Notebook {
  return { ...notebook, metadata: { ...notebook.metadata, page } };
}

interface PlotlySource {
  /** Packed, and the script that unpacks it. */
  readonly packed?: string;
  readonly loader?: string;
  /** Address of the shared file, seen from the page. */
  readonly address?: string;
}

function plotlyOf(target: string, assets: string | undefined): PlotlySource {
  if (assets === undefined) return { packed: packedPlotly(), loader: plotlyLoader };
  return { address: address(dirname(target), writeSharedPlotly(assets)) };
}

/** A file's address in a page of another folder. */
export function address(from: string, path: string): string {
  return relative(from, path).split(sep).map(encodeURIComponent).join('/');
}

/** The figure as the page has it: with a caption, and with a picture in the place that the script draws in. */
function pageFigure({ html, label, caption, kind }: PageFigure, still: Still | undefined, dark: boolean): string {
  if (kind === 'grid') return html;
  const place =
    still === undefined
      ? `<p class="nb-placeholder">${escapeHtml(label)}. The chart is drawn by a script; without it, its numbers are in the table below.</p>`
      : stillPicture(still, label, dark);
  const ownCaption = html.includes('<figcaption>') ? '' : `<figcaption>${escapeHtml(caption)}</figcaption>`;
  return html.replace(/<p class="nb-placeholder">[^<]*<\/p><\/div>/, () => `${place}</div>${ownCaption}`);
}

function stillPicture({ light, dark: night, width, height }: Still, label: string, dark: boolean): string {
  const uri = (png: Buffer): string => `data:image/png;base64,${png.toString('base64')}`;
  const source =
    night === undefined || !dark ? '' : `<source media="(prefers-color-scheme: dark)" srcset="${uri(night)}">`;
  return `<picture class="nb-still">${source}<img src="${uri(light)}" alt="${escapeHtml(label)}" width="${width}" height="${height}"></picture>`;
}

/** One line about what a page lacks, for commands; undefined where it lacks nothing. */
export function stillsRemark(missing: string | undefined): string | undefined {
  return missing === undefined ? undefined : `Charts have no still pictures for readers without scripts: ${missing}.`;
}
