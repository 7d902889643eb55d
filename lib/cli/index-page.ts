/** The gallery: what each notebook found, how sure it is, how long it took and how to repeat it. Its charts share Plotly in a file beside it. */
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { formatDuration } from '../display/format';
import { escapeHtml } from '../display/html';
import { bundleOfHtml } from '../display/plotly-bundles';
import { claimsSection } from './claims-section';
import { address } from './page/page';
import { writeSharedPlotly } from './page/shared-plotly';
import { pageShell } from './page/shell';
import type { FinishedRun } from './page/finished-runs';

export interface IndexPage {
  readonly runs: readonly FinishedRun[];
  /** Where the page will be: links are relative to it, and Plotly is put there. */
  readonly folder: string;
  /** HTML of further sections, below the gallery: each an element `section` with a heading of its own. */
  readonly sections?: readonly string[];
}

export const galleryTitle = 'Transfer learning in medical imaging';
const description =
  'Four published studies as TypeScript notebooks, as their code ran and corrected, with the uncertainty; and what else it takes to judge them.';
/** Pixels of a picture: twice what it is shown with. */
const pictureWidth = 680;

export async function indexPage({ runs, folder, sections = [] }: IndexPage): Promise<string> {
  const cards = await Promise.all(runs.map((run) => card(run, folder)));
  const claimed = runs.flatMap(({ name, directory, results }) => {
    const link = address(folder, join(directory, 'index.html'));
    return results?.claims === undefined ? [] : [{ name, link, claims: results.claims }];
  });
  const body = `${claimsSection(claimed).join('\n')}
<ol class="gallery">
${cards.join('\n')}
</ol>
${sections.join('\n')}`;
  const plotly = body.includes('data-figure') ? writeSharedPlotly(folder, bundleOfHtml(body)) : undefined;
  return pageShell({ title: galleryTitle, description, body, feed: 'feed.xml', plotly: plotly && basename(plotly) });
}

async function card(run: FinishedRun, folder: string): Promise<string> {
  const { name, description: about, directory, results, headline, seconds, command } = run;
  const link = (file: string): string => address(folder, join(directory, file));
  const facts = [
    `Notebook ${name.slice(0, 2)}`,
    ...(results === undefined ? [] : [`${results.profile} profile`, `on ${results.data.name}`]),
    ...(seconds === undefined ? [] : [`ran in ${formatDuration(seconds)}`]),
  ];
  const found =
    headline === undefined
      ? ''
      : `<dl><dt>Found</dt><dd>${escapeHtml(headline.result)}</dd><dt>How sure</dt><dd>${escapeHtml(headline.certainty)}</dd></dl>`;
  const repeat =
    command === undefined ? '' : `<p class="repeat"><span>Repeat it</span> <code>${escapeHtml(command)}</code></p>`;
  return `<li>
${await previewPicture(run, link('index.html'))}<div>
<h2><a href="${link('index.html')}">${escapeHtml(run.title)}</a></h2>
<p>${escapeHtml(about)}</p>
${found}
${repeat}
<p class="facts">${facts.map((fact) => `<span>${escapeHtml(fact)}</span>`).join('')}<a href="${link('notebook.ipynb')}">Notebook<span class="hidden"> of ${escapeHtml(run.title)}</span></a>${results === undefined ? '' : `<a href="${link('results.json')}">Results<span class="hidden"> of ${escapeHtml(run.title)}</span></a>`}</p>
</div></li>`;
}

/** The headline figure, as a link that only a pointer needs: the title is the same link. */
async function previewPicture({ chart, preview }: FinishedRun, link: string): Promise<string> {
  if (preview === undefined) return chart === undefined ? '' : `<div class="preview">${chart}</div>`;
  const kind = preview.kind === 'grid' ? 'nb-still nb-photographs' : 'nb-still';
  return `<a class="preview" href="${link}" tabindex="-1" aria-hidden="true"><img class="${kind}" src="${await thumbnail(preview.png)}" alt=""></a>`;
}

async function thumbnail(png: Buffer): Promise<string> {
  const small = await sharp(png)
    .resize({ width: pictureWidth, withoutEnlargement: true })
    .webp({ quality: 72 })
    .toBuffer();
  return `data:image/webp;base64,${small.toString('base64')}`;
}
