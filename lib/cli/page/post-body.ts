/** A notebook's cells as Markdown for a static site generator, and the files that the text shows. */
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { unescapeHtml } from '../../display/html';
import { libraryMarker } from '../../display/library';
import type { BundleName } from '../../display/plotly-bundles';
import { cellSource, type Notebook, type NotebookCell } from '../notebook-file';
import { chartFile } from './chart-file';
import type { Dialect } from './dialects';
import { mapDiagrams, type DrawDiagram } from './drawn';
import { joined, showsOutputs, splitFigures, type CellOutput, type PageFigure } from './figures';
import { csvOf, escapeMarkdown, htmlToMarkdown, tableRows } from './html-to-markdown';
import { capitalized } from './headline';
import type { Still } from './stills';
import {
  attachmentOf,
  isBeside,
  mapAlerts,
  mapPictures,
  missingPicture,
  outsideCode,
  picturePath,
  withPaperLinks,
  withReferences,
  type TextPicture,
} from './writing';

export interface PostInput {
  readonly notebook: Notebook;
  readonly dialect: Dialect;
  /** Of the notebook, for addresses. */
  readonly name: string;
  /** Where pictures of the notebook's texts are looked for. */
  readonly folder: string;
  readonly figures: readonly PageFigure[];
  readonly stills: ReadonlyMap<number, Still>;
  /** Ids of figures and tables by what texts call them. */
  readonly labels: ReadonlyMap<string, string>;
  readonly drawDiagram: DrawDiagram;
  /** That the interactive charts share. */
  readonly bundle: BundleName;
}

export interface PostBody {
  readonly text: string;
  /** What goes into the folder of pictures, by name. */
  readonly files: ReadonlyMap<string, string | Buffer>;
}

interface Work extends PostInput {
  readonly files: Map<string, string | Buffer>;
  readonly language: string;
  /** Figures that have been met so far. */
  met: number;
}

export function postBody(input: PostInput): PostBody {
  const { language_info: language } = input.notebook.metadata as {
    readonly language_info?: { readonly name?: string };
  };
  const work: Work = { ...input, files: new Map(), language: language?.name ?? '', met: 0 };
  const first = input.notebook.cells.find((cell) => cell.cell_type === 'markdown');
  const parts = input.notebook.cells.map((cell, index) => cellMarkdown(cell, index, cell === first, work));
  return { text: parts.filter((part) => part.trim() !== '').join('\n\n'), files: work.files };
}

/** The file of a figure's still picture. */
export function pictureName({ number }: Pick<PageFigure, 'number'>): string {
  return `figure-${number}.png`;
}

function cellMarkdown(cell: NotebookCell, index: number, opening: boolean, work: Work): string {
  const { tags = [] } = cell.metadata;
  if (tags.includes('remove-cell') || cell.cell_type === 'raw') return '';
  const source = cellSource(cell);
  if (cell.cell_type === 'markdown') {
    // The title is in the front matter.
    return proseMarkdown(opening ? source.replace(/^\s*# +.+\n?/, '') : source, cell, index, work);
  }
  const code = tags.includes('remove-input') || source.trim() === '' ? '' : fence(source, work);
  const outputs = showsOutputs(cell) ? (cell.outputs ?? []) : [];
  const shown = outputs.map((output, at) => outputMarkdown(output as CellOutput, `${index + 1}-${at + 1}`, work));
  const hidden = tags.includes('hide-input') || tags.includes('hide-cell');
  const { fold } = work.dialect;
  return [hidden && code !== '' && fold !== undefined ? fold('Code', code) : code, ...shown]
    .filter((part) => part.trim() !== '')
    .join('\n\n');
}

/** Pictures beside the notebook or attached to the cell go along; what else a text may hold is as the generator has it. */
function proseMarkdown(source: string, cell: NotebookCell, index: number, work: Work): string {
  const { dialect, labels, folder } = work;
  const kept: string[] = []; // what is the generator's own already
  const keep = (markdown: string): string => `\0${kept.push(markdown) - 1}\0`;
  const drawn = dialect.mermaid === true ? source : mapDiagrams(source, diagramPicture);
  const marked = outsideCode(
    drawn,
    (piece) => {
      const linked = withReferences(withPaperLinks(piece), labels, (words) => words);
      return dialect.literal(mapPictures(linked, (picture, whole) => pictureMarkdown(picture, whole)));
    },
    dialect.literal,
  );
  const text = marked.replace(/\0(\d+)\0/g, (_, at: string) => kept[Number(at)]);
  const alerts = mapAlerts(text, (kind, body) => (dialect.alert ?? boldAlert)(kind, body));
  return alerts.replace(
    /^<details>\s*<summary>(.*?)<\/summary>\n([\s\S]*?)\n<\/details>/gm,
    (_, summary: string, body: string) => (dialect.fold ?? boldFold)(summary, body.trim()),
  );

  function pictureMarkdown(picture: TextPicture, whole: string): string {
    const { target, alt, width } = picture;
    if (!isBeside(target) && !target.startsWith('attachment:')) return whole;
    const content = target.startsWith('attachment:') ? attached(cell, target) : read(picturePath(target, folder));
    if (content === undefined) return missingPicture(picture);
    const address = addFile(`picture-${index + 1}-${kept.length + 1}${extname(target)}`, content, work);
    const words = dialect.literal(alt);
    const isSized = width !== undefined && dialect.sized !== undefined;
    return keep(isSized ? dialect.sized(address, words, width) : `![${words}](${address})`);
  }

  function diagramPicture(mermaid: string): string | undefined {
    const svg = work.drawDiagram(mermaid, { bg: '#ffffff', fg: '#1d2127' });
    if (svg === undefined) return undefined;
    // What reads a page's pictures out is given its words.
    const alt = mermaid.replace(/[^\p{L}\p{N}]+/gu, ' ').trim();
    return keep(`![Diagram: ${alt}](${addFile(`diagram-${index + 1}-${kept.length + 1}.svg`, svg, work)})`);
  }
}

function attached(cell: NotebookCell, target: string): Buffer | undefined {
  const text = attachmentOf(cell, target);
  return text === undefined ? undefined : Buffer.from(text, 'base64');
}

function read(path: string | undefined): Buffer | undefined {
  return path === undefined ? undefined : readFileSync(path);
}

/** Where a generator has no alerts by default: a quotation that begins with what it is. */
function boldAlert(kind: string, body: string): string {
  return [`**${capitalized(kind)}**`, '', ...body.split('\n')].map((line) => `> ${line}`.trimEnd()).join('\n');
}

/** Where a generator leaves `<details>` out: what is folded elsewhere, under its summary. */
function boldFold(summary: string, body: string): string {
  return `**${summary}**\n\n${body}`;
}

function addFile(file: string, content: string | Buffer, { files, dialect, name }: Work): string {
  files.set(file, content);
  return dialect.address(name, file);
}

/** A block of code, which no run of backticks in it can end. */
function fence(text: string, { dialect, language }: Pick<Work, 'dialect' | 'language'>): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const ticks = '`'.repeat(Math.max(3, longest + 1));
  return `${ticks}${language}\n${dialect.literal(text.trimEnd())}\n${ticks}`;
}

const pictureTypes: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/svg+xml': 'svg',
};

function outputMarkdown(output: CellOutput, name: string, work: Work): string {
  const { output_type: type, data = {}, text, traceback, metadata = {} } = output;
  const plain = (content: string): string =>
    content.trim() === '' ? '' : fence(withoutColors(content), { dialect: work.dialect, language: 'text' });
  if (type === 'stream') return plain(joined(text));
  if (type === 'error') return plain((traceback ?? []).join('\n'));
  const html = joined(data['text/html']);
  if (html.includes(libraryMarker)) return '';
  if (html !== '') return htmlOutput(html, work);
  for (const [mime, extension] of Object.entries(pictureTypes)) {
    const picture = joined(data[mime]);
    if (picture === '') continue;
    const content = extension === 'svg' ? picture : Buffer.from(picture, 'base64');
    const address = addFile(`output-${name}.${extension}`, content, work);
    const { width } = { ...metadata, ...(metadata[mime] as object | undefined) } as { readonly width?: number };
    return width === undefined || work.dialect.sized === undefined
      ? `![Output of the cell above](${address})`
      : work.dialect.sized(address, 'Output of the cell above', width);
  }
  const markdown = joined(data['text/markdown']);
  return markdown === '' ? plain(joined(data['text/plain'])) : work.dialect.literal(markdown);
}

function withoutColors(text: string): string {
  return text.replace(/\u001b\[[0-9;]*m/g, '');
}

function htmlOutput(html: string, work: Work): string {
  return splitFigures(html)
    .map((piece) => {
      if (!piece.isFigure) return tablesMarkdown(piece.html, work);
      const figure = work.figures[work.met];
      work.met += 1;
      return figureMarkdown(figure, work);
    })
    .filter((part) => part !== '')
    .join('\n\n');
}

/** The still picture with its caption; the chart itself where the generator lets it through; the numbers, folded. */
function figureMarkdown(figure: PageFigure, work: Work): string {
  const { dialect, stills } = work;
  const { number, label, caption, html } = figure;
  const text = (words: string): string => dialect.literal(escapeMarkdown(words));
  const still = stills.get(number);
  const below = `Figure ${number}. ${text(caption)}`;
  const parts: string[] = [];
  const captioned = still !== undefined && dialect.figure !== undefined;
  if (still !== undefined) {
    const address = addFile(pictureName(figure), still.png, work);
    parts.push(captioned ? dialect.figure(address, dialect.literal(label), below) : `![${text(label)}](${address})`);
  }
  if (still === undefined && figure.kind === 'grid') parts.push(gridPictures(figure, work));
  if (figure.kind === 'chart' && dialect.embed !== undefined) {
    const { file, height } = chartFile(figure, work.bundle);
    const chart = dialect.embed(addFile(`figure-${number}.html`, file, work), label, height);
    parts.push(still === undefined || dialect.fold === undefined ? chart : dialect.fold('Interactive chart', chart));
  }
  if (!captioned) parts.push(`*${below}*`);
  const [, data] = /<details class="nb-details">[\s\S]*?<\/summary>([\s\S]*?)<\/details>/.exec(html) ?? [];
  if (data !== undefined) parts.push(dataMarkdown(data, number, work));
  return parts.join('\n\n');
}

/** What the generator takes for its own in a text is made harmless before a table is put into an element that scrolls, which is meant. */
function tablesMarkdown(html: string, { dialect }: Pick<Work, 'dialect'>): string {
  const tables: string[] = [];
  const text = htmlToMarkdown(html, (table) => `\0${tables.push(table) - 1}\0`);
  const { scroll = (table: string) => table } = dialect;
  return dialect
    .literal(text)
    .replace(/\0(\d+)\0/g, (_, index: string) => scroll(dialect.literal(tables[Number(index)])));
}

/** So many rows may stand below a figure where they cannot be folded away. */
const mostRows = 12;

function dataMarkdown(html: string, number: number, work: Work): string {
  const { fold } = work.dialect;
  const table = tablesMarkdown(html, work);
  if (fold !== undefined) return fold('Data as table', table);
  const rows = tableRows(html);
  return rows.length <= mostRows + 1
    ? table
    : `[Data of figure ${number} as a table](${addFile(`figure-${number}.csv`, csvOf(rows), work)})`;
}

/** A grid's images one after another, where no browser could make one picture of them. */
function gridPictures({ html, number }: PageFigure, work: Work): string {
  const images = [...html.matchAll(/<img src="data:image\/(png|webp|avif);base64,([^"]*)" alt="([^"]*)"/g)];
  return images
    .map(([, extension, data, alt], index) => {
      const address = addFile(`figure-${number}-${index + 1}.${extension}`, Buffer.from(data, 'base64'), work);
      return `![${work.dialect.literal(escapeMarkdown(unescapeHtml(alt)))}](${address})`;
    })
    .join(' ');
}
