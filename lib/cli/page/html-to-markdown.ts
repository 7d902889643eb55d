/** Outputs in HTML as Markdown: tables as tables, everything else by its text. */
import TurndownService from 'turndown';

/** As much of the DOM as is looked into; the types of a browser's are not the project's. */
interface Node {
  readonly textContent: string | null;
  querySelectorAll(selector: string): ArrayLike<Node>;
  /** Turndown's parser has no null here. */
  querySelector(selector: string): Node | null | undefined;
  getAttribute(name: string): string | null;
}

/** Where to put each table, as Markdown; as it is unless given. */
type Placing = (table: string) => string;

export function htmlToMarkdown(html: string, place: Placing = (table) => table): string {
  const service = new TurndownService({ headingStyle: 'atx', codeBlockStyle: 'fenced', bulletListMarker: '-' });
  service.remove(['script', 'style', 'button']);
  // Turndown lets through what is HTML once the text is Markdown.
  const { escape } = service;
  service.escape = (text) => escape(text).replace(/[<>]/g, '\\$&');
  // A table within a line of text would be none.
  service.addRule('tables', {
    filter: 'table',
    // Its type is the browser's, which is not known here.
    replacement: (_, table: unknown) => `\n\n${tableMarkdown(table as Node, place)}\n\n`,
  });
  return service.turndown(html).trim();
}

/** A pipe table below its caption. Cells are single lines of text. */
function tableMarkdown(table: Node, place: Placing): string {
  const caption = table.querySelector('caption');
  const [head = [], ...body] = elements(table, 'tr').map((row) => elements(row, 'th, td'));
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const lines = [
    line(head.map(cellText)),
    line(head.map((cell) => (/\bnb-number\b/.test(cell.getAttribute('class') ?? '') ? '---:' : '---'))),
    ...body.map((cells) => line(cells.map(cellText))),
  ];
  return `${!caption ? '' : `**${cellText(caption)}**\n\n`}${place(lines.join('\n'))}`;
}

/** The rows of the first table in HTML, head first; numbers with all their digits. */
export function tableRows(html: string): string[][] {
  const rows: string[][] = [];
  const service = new TurndownService();
  service.addRule('rows', {
    filter: 'table',
    replacement: (_, table: unknown) => {
      if (rows.length === 0)
        rows.push(...elements(table as Node, 'tr').map((row) => elements(row, 'th, td').map(plainValue)));
      return '';
    },
  });
  service.turndown(html);
  return rows;
}

/** By RFC 4180. */
export function csvOf(rows: readonly (readonly string[])[]): string {
  const cell = (text: string): string => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return `${rows.map((cells) => cells.map(cell).join(',')).join('\r\n')}\r\n`;
}

function elements(node: Node, selector: string): Node[] {
  return Array.from(node.querySelectorAll(selector));
}

/** The best of a column is bold. */
function cellText(cell: Node): string {
  const text = escapeMarkdown(plainText(cell));
  return cell.querySelector('.nb-best') ? `**${text}**` : text;
}

function plainValue(cell: Node): string {
  return cell.getAttribute('data-value') ?? plainText(cell);
}

/** Without what is only said to those who do not see the signs; a space that does not break stays one. */
function plainText(cell: Node): string {
  const hidden = elements(cell, '.nb-hidden').map(({ textContent }) => textContent ?? '');
  const text = hidden.reduce((rest, each) => rest.replace(each, ''), cell.textContent ?? '');
  return text.replace(/[^\S\u00a0]+/g, ' ').trim();
}

/** Text in which no character means anything to Markdown. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]<>|#~$]/g, '\\$&');
}
