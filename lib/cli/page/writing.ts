/** What a notebook's texts may hold beyond Markdown: references to figures and tables, notes, addresses of papers, alerts, and pictures. */
import { existsSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { capitalized } from './headline';
import { escapeHtml } from '../../display/html';
import { cellSource, type Notebook, type NotebookCell } from '../notebook-file';

/** Applies a change to what is no code, neither a block nor a span of it, and another to what is. */
export function outsideCode(
  source: string,
  change: (text: string) => string,
  code: (text: string) => string = (text) => text,
): string {
  const pieces = source.split(/(^(?:```|~~~)[\s\S]*?^(?:```|~~~)[ \t]*$|`+[^`\n]+`+)/m);
  return pieces.map((piece, at) => (at % 2 === 1 ? code(piece) : change(piece))).join('');
}

/** `@fig-history` and `@tbl-2` in words. What no figure or table is called stays, with a question mark before it. */
export function withReferences(
  text: string,
  labels: ReadonlyMap<string, string>,
  link: (words: string, id: string) => string,
): string {
  return text.replace(/(?<![\w@/.?])@((?:fig|tbl)-[\w-]*\w)/g, (whole, label: string) => {
    const id = labels.get(label);
    if (id === undefined) return `?${whole}`;
    return link(`${id.startsWith('fig') ? 'Figure' : 'Table'}\u00a0${id.slice(4)}`, id);
  });
}

/** `arXiv:2508.10104` and `doi:10.1000/182` as links, unless they are in one. */
export function withPaperLinks(text: string): string {
  return text
    .replace(/(?<![\w/[(])arXiv:(\d{4}\.\d{4,5}(?:v\d+)?)/g, '[arXiv:$1](https://arxiv.org/abs/$1)')
    .replace(/(?<![\w/[(.])doi:\s?(10\.\d{4,9}\/[^\s,;)\]]*[\w])/gi, '[doi:$1](https://doi.org/$1)');
}

const noteDefinition = /^\[\^([^\]\s]+)\]:[ \t]*(.+(?:\n(?: {2,}|\t).+)*)\n?/gm;

/** Notes (`[^a]`, and `[^a]: text` anywhere) as numbers that say their text where a pointer rests, and a list at the end. */
export function withNotes(notebook: Notebook): Notebook {
  const texts = new Map<string, string>();
  const ofTexts = (change: (text: string) => string): readonly NotebookCell[] =>
    notebook.cells.map((cell) =>
      cell.cell_type === 'markdown' ? { ...cell, source: outsideCode(cellSource(cell), change) } : cell,
    );
  ofTexts((text) => {
    for (const [, name, note] of text.matchAll(noteDefinition)) texts.set(name, note.replace(/\s*\n\s*/g, ' '));
    return text;
  });
  if (texts.size === 0) return notebook;
  const used: string[] = [];
  const cells = ofTexts((text) =>
    text.replace(noteDefinition, '').replace(/\[\^([^\]\s]+)\]/g, (whole, name: string) => {
      const note = texts.get(name);
      if (note === undefined) return whole;
      if (!used.includes(name)) used.push(name);
      const number = used.indexOf(name) + 1;
      const plain = note.replace(/[*_`]|\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('"', '”');
      return `[${number}](#note-${number} "${plain}")`;
    }),
  );
  if (used.length === 0) return { ...notebook, cells };
  const list = used.map(
    (name, at) => `${at + 1}. <span id="note-${at + 1}"></span>${texts.get(name)} [↩](#note-ref-${at + 1})`,
  );
  const notes: NotebookCell = { cell_type: 'markdown', metadata: {}, source: `## Notes\n\n${list.join('\n')}` };
  return { ...notebook, cells: [...cells, notes] };
}

/** A picture in a text: as Markdown, with a width in braces after it, or as an element of HTML. */
export interface TextPicture {
  readonly alt: string;
  readonly target: string;
  /** In CSS pixels. */
  readonly width?: number;
}

const picturePattern =
  /!\[([^\]]*)\]\(([^()\s]+)(?:\s+"[^"]*")?\)(?:\{[^}\n]*?width=["']?(\d+)(?:px)?["']?[^}\n]*\})?|<img\s[^>]*>/g;

export function mapPictures(text: string, change: (picture: TextPicture, whole: string) => string): string {
  return text.replace(picturePattern, (whole: string, alt?: string, target?: string, width?: string) => {
    const of = (name: string): string | undefined => new RegExp(`\\s${name}=["']([^"']*)["']`).exec(whole)?.[1];
    const wide = Number(width ?? of('width')?.replace(/px$/, ''));
    return change(
      { alt: alt ?? of('alt') ?? '', target: target ?? of('src') ?? '', width: wide > 0 ? wide : undefined },
      whole,
    );
  });
}

/** Whether a picture is to be found beside the notebook, rather than in it or on the web. */
export function isBeside(target: string): boolean {
  return target !== '' && !/^(https?|data|attachment):/.test(target);
}

/** The path of a picture below a notebook's folder; undefined where there is none. */
export function picturePath(target: string, folder: string): string | undefined {
  const path = resolve(folder, decodeURIComponent(target));
  const below = relative(folder, path);
  const isPicture = /\.(png|jpe?g|gif|svg|webp|avif)$/i.test(path);
  return isPicture && !below.startsWith('..') && !isAbsolute(below) && existsSync(path) ? path : undefined;
}

/** What a cell has attached under a picture's name. */
export function attachmentOf(cell: NotebookCell, target: string): string | undefined {
  const all = (cell as { attachments?: Record<string, Record<string, string>> }).attachments ?? {};
  return Object.values(all[target.replace(/^attachment:/, '')] ?? {})[0];
}

/** In the place of a picture that is not there: its name. */
export function missingPicture({ target, alt }: TextPicture): string {
  return `*[The picture \`${target.replace(/^attachment:/, '').replaceAll('`', '')}\` is missing${alt === '' ? '' : `: ${alt}`}]*`;
}

/** The notebook with texts that nbconvert makes a page of. @param labels of figures and tables: see numbering.ts */
export function withWriting(
  notebook: Notebook,
  { labels, folder }: { readonly labels: ReadonlyMap<string, string>; readonly folder: string },
): Notebook {
  const cells = notebook.cells.map((cell) => {
    if (cell.cell_type !== 'markdown') return cell;
    const source = outsideCode(cellSource(cell), (text) => {
      const linked = withReferences(withPaperLinks(text), labels, (words, id) => `[${words}](#${id})`);
      return mapPictures(linked, (picture, whole) => {
        const { target, alt, width } = picture;
        const isThere = isBeside(target)
          ? picturePath(target, folder) !== undefined
          : !target.startsWith('attachment:') || attachmentOf(cell, target) !== undefined;
        if (!isThere) return missingPicture(picture);
        if (width === undefined || whole.startsWith('<') || target.startsWith('attachment:'))
          return whole.replace(/\)\{[^}\n]*\}$/, ')');
        return `<img src="${escapeHtml(target)}" alt="${escapeHtml(alt)}" width="${width}">`;
      });
    });
    return { ...cell, source };
  });
  return withNotes({ ...notebook, cells });
}

const alertKinds = 'NOTE|TIP|IMPORTANT|WARNING|CAUTION';

/** What nbconvert takes for quotations and links, in a page: GitHub's alerts, and the numbers of notes. */
export function withAlertsAndNotes(html: string): string {
  const met = new Set<string>();
  return html
    .replace(
      new RegExp(`<blockquote>\\s*<p>\\[!(${alertKinds})\\]\\s*(</p>\\s*)?`, 'g'),
      (_, kind: string, alone?: string) =>
        `<blockquote class="alert alert-${kind.toLowerCase()}"><p class="alert-title">${capitalized(kind.toLowerCase())}</p>${alone === undefined ? '<p>' : ''}`,
    )
    .replace(/<a href="#note-(\d+)" title="[^"]*">\1<\/a>/g, (link, number: string) => {
      const own = met.has(number) ? '' : ` id="note-ref-${number}"`;
      met.add(number);
      return `<sup class="note"${own}>${link}</sup>`;
    });
}

/** GitHub's alerts in a text, each as a generator has them. */
export function mapAlerts(text: string, change: (kind: string, body: string) => string): string {
  return text.replace(
    new RegExp(`^> ?\\[!(${alertKinds})\\][ \\t]*\\n((?:>.*(?:\\n|$))*)`, 'gm'),
    (_, kind: string, body: string) => `${change(kind.toLowerCase(), body.replace(/^> ?/gm, '').trimEnd())}\n`,
  );
}
