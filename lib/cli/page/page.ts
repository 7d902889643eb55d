/** A notebook with its outputs as a page: one HTML file, complete in itself unless Plotly is shared between pages. */
import { basename, dirname, join, relative, sep } from 'node:path';
import sharp from 'sharp';
import { escapeHtml } from '../../display/html';
import { bundleOfHtml, pagePlotly } from '../../display/plotly-bundles';
import { checkWritable, writeFileAtomic } from '../../files';
import { readResults } from '../../runs/results';
import { convertNotebook } from '../jupyter';
import { readNotebook, savedForm, type Notebook } from '../notebook-file';
import { withContentPolicy } from './content-policy';
import { withContents } from './contents';
import { withDrawings } from './drawn';
import { findFigures, headlineFigure, mapFigures, type PageFigure } from './figures';
import { withNumbers } from './numbering';
import { pageData } from './page-data';
import { withoutPrivatePaths } from './private-paths';
import { writeSharedPlotly } from './shared-plotly';
import { placeRunDetails, withRunDetails } from './run-details';
import { pageMetadata } from './metadata';
import { headline as headlineOf } from './headline';
import { socialCard } from './social-card';
import { drawStills, type Still } from './stills';
import { withAlertsAndNotes, withWriting } from './writing';

export interface PageOptions {
  /** A folder for Plotly, which pages then share; without it, every page with charts has its own copy inside. */
  readonly assets?: string;
  /** The folder that the page will be in, from which it finds Plotly; the target's by default. */
  readonly place?: string;
  /** Where the page will be published. */
  readonly url?: string;
  /** Full address of a picture for previews. */
  readonly image?: string;
  /** Whether the notebook is written again, with the pictures of its charts for where scripts do not run, as in JupyterLab until it is trusted. */
  readonly illustrate?: boolean;
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

/** @throws UserError where the notebook, its metadata or its results.json are damaged */
export async function writePage(source: string, target: string, options: PageOptions = {}): Promise<WrittenPage> {
  checkWritable(target);
  // Only a model brings TensorFlow with it, which takes seconds to load.
  const live = options.live === undefined ? undefined : (await import('./live-panel')).livePanel(options.live);
  const notebook = withoutPrivatePaths(readNotebook(source));
  const folder = dirname(source);
  const figures = findFigures(notebook);
  const charts = figures.filter(({ kind }) => kind === 'chart');
  const headline = headlineFigure(figures);
  const drawn = headline?.kind === 'grid' ? [...charts, headline] : charts;
  const stills = await drawStills(drawn, { pixelRatio: 1 }); // a script draws over them
  const preview = headline && stills.byNumber.get(headline.number);
  const pictures = new Map(
    await Promise.all([...stills.byNumber].map(async ([number, still]) => [number, await forPage(still)] as const)),
  );
  const card =
    options.url === undefined ? undefined : await writeCard(notebook, { target, url: options.url, folder, preview });
  const data = pageData(notebook, {
    ...options,
    image: options.image ?? card,
    fallbackTitle: basename(source, '.ipynb'),
    results: readResults(folder),
    figure: headline && figureId(headline),
    picture: headline && preview && stillPicture(await forPage(preview, answerWidth), '', headline.kind),
  });
  if (options.illustrate === true) {
    const illustrated = mapFigures(notebook, (figure) => notebookFigure(figure, pictures.get(figure.number)));
    writeFileAtomic(source, savedForm(illustrated));
  }
  const bundle = bundleOfHtml(charts.map(({ html }) => html).join(''));
  const place = options.place ?? dirname(target);
  const shared = (assets: string): string => address(place, writeSharedPlotly(assets, bundle));
  const plotly = charts.length > 0 ? pagePlotly(bundle, options.assets && shared(options.assets)) : undefined;
  const { notebook: numbered, labels } = withNumbers(withRunDetails(notebook));
  const prepared = mapFigures(numbered, (figure) => pageFigure(figure, pictures.get(figure.number)));
  const { notebook: marked, place: placeDrawings } = await withDrawings(withWriting(prepared, { labels, folder }));
  const download = downloadOf(notebook, readResults(folder)?.notebook ?? basename(source, '.ipynb'));
  const described = withPageData(marked, { ...data, plotly, live, download });
  const page = placeRunDetails(placeDrawings((await convertNotebook(described, folder)).toString()));
  const restricted = withContentPolicy(withContents(withAlertsAndNotes(page)), {
    shared: options.assets !== undefined,
  });
  writeFileAtomic(target, restricted);
  return { bytes: Buffer.byteLength(restricted), headline: preview, stillsMissing: stills.missing };
}

/** JupyterLab's own metadata stay; `page` is for the template only. */
function withPageData(notebook: Notebook, page: object): Notebook {
  return { ...notebook, metadata: { ...notebook.metadata, page } };
}

/** The notebook without its outputs, for readers who want to run it. */
function downloadOf({ cells, ...rest }: Notebook, name: string): { readonly file: string; readonly uri: string } {
  const bare = cells.map((cell) =>
    cell.cell_type === 'code' ? { ...cell, outputs: [], execution_count: null } : cell,
  );
  const text = Buffer.from(savedForm({ ...rest, cells: bare })).toString('base64');
  return { file: `${name}.ipynb`, uri: `data:application/x-ipynb+json;base64,${text}` };
}

/** A file's address in a page of another folder. */
export function address(from: string, path: string): string {
  return relative(from, path).split(sep).map(encodeURIComponent).join('/');
}

/** A still as a page has it: WebP without a loss takes two thirds of the bytes of PNG. */
interface PagePicture {
  readonly uri: string;
  readonly width: number;
  readonly height: number;
}

/** In pixels: on a phone, the box under the title is as wide as the screen. */
const answerWidth = 600;

/** @param most the width of a smaller copy, which may lose what is not seen */
async function forPage({ png, width, height }: Still, most?: number): Promise<PagePicture> {
  const image = most === undefined ? sharp(png) : sharp(png).resize({ width: most, withoutEnlargement: true });
  const webp = await image.webp(most === undefined ? { lossless: true } : { quality: 70 }).toBuffer();
  return { uri: `data:image/webp;base64,${webp.toString('base64')}`, width, height };
}

/** Where a figure can be linked to. */
export function figureId({ number }: Pick<PageFigure, 'number'>): string {
  return `fig-${number}`;
}

/** The figure as the page has it: with a number and a caption, and with a picture in the place that the script draws in. */
function pageFigure({ html, label, caption, kind, number }: PageFigure, still: PagePicture | undefined): string {
  const linked = html
    .replace('<figure ', `<figure id="${figureId({ number })}" `)
    .replace('<figcaption>', `<figcaption>${figureNumber(number)}`);
  if (kind === 'grid') return linked;
  const text = `<p class="nb-placeholder">${escapeHtml(label)}. The chart is drawn by a script; without it, its numbers are in the table below.</p>`;
  const ownCaption = html.includes('<figcaption>')
    ? ''
    : `<figcaption>${figureNumber(number)}${escapeHtml(caption)}</figcaption>`;
  return (
    linked
      .replace(placePattern, (own) => {
        // A notebook that brings pictures keeps them where none can be drawn.
        const kept = own.startsWith('<img') ? own : `${text}</div>`;
        return still === undefined ? kept : `${stillPicture(still, label, kind)}</div>`;
      })
      // Those of older notebooks have the caption before the data.
      .replace(/(<figcaption>[\s\S]*?<\/figcaption>)([\s\S]*)<\/figure>$/, '$2$1</figure>')
      .replace(/<\/figure>$/, (end) => `${ownCaption}${end}`)
  );
}

function figureNumber(number: number): string {
  return `<span class="number">Figure ${number}.</span> `;
}

/** What stands where a script draws the chart. */
const placePattern = /<(?:p class="nb-placeholder">[^<]*<\/p|img class="nb-still"[^>]*)><\/div>/;

function notebookFigure({ html, label }: PageFigure, still: PagePicture | undefined): string {
  if (still === undefined) return html;
  return html.replace(placePattern, () => `${stillPicture(still, label, 'chart')}</div>`);
}

function stillPicture({ uri, width, height }: PagePicture, label: string, kind: PageFigure['kind']): string {
  const name = kind === 'grid' ? 'nb-still nb-photographs' : 'nb-still';
  return `<img class="${name}" src="${uri}" alt="${escapeHtml(label)}" width="${width}" height="${height}">`;
}

/** The card that previews show, beside the page; its full address. */
async function writeCard(
  notebook: Notebook,
  { target, url, folder, preview }: { target: string; url: string; folder: string; preview: Still | undefined },
): Promise<string> {
  const { title } = pageMetadata(notebook, basename(target, '.html'));
  const results = readResults(folder);
  const file = `${basename(target, '.html')}-card.png`;
  writeFileAtomic(join(dirname(target), file), await socialCard({ title, found: results && headlineOf(results)?.result, picture: preview?.png })); // prettier-ignore
  return new URL(encodeURIComponent(file), url).href;
}

/** One line about what a page lacks, for commands; undefined where it lacks nothing. */
export function stillsRemark(missing: string | undefined): string | undefined {
  return missing === undefined ? undefined : `Charts have no still pictures for readers without scripts: ${missing}.`;
}
