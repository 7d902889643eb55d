/** Outputs in HTML as Markdown: tables as tables, everything else by its text. */
import TurndownService from 'turndown';

/** As much of the DOM as is looked into; the types of a browser's are not the project's. */
interface Node {
  readonly textContent: string | null;
  querySelectorAll(selector: string): ArrayLike<Node>;
  querySelector(selector: string): Node | null;
  getAttribute(name: string): string | null;
}

/** Where to put each table, as Markdown; as it is unless given. */
type Placing = (table: string) => string;

export function htmlToMarkdown(html: string, place: Placing = (table) => table): string {
  const service = new TurndownService({ headingStyle: 'atx', codeBlockStyle: 'fenced', bulletListMarker: '-' });
  service.remove(['script', 'style', 'button']);
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
  return `${caption === null ? '' : `**${cellText(caption)}**\n\n`}${place(lines.join('\n'))}`;
}

/** The rows of the first table in HTML, head first; texts as they are. */
export function tableRows(html: string): string[][] {
  const rows: string[][] = [];
  const service = new TurndownService();
  service.addRule('rows', {
    filter: 'table',
    replacement: (_, table: unknown) => {
      if (rows.length === 0)
        rows.push(...elements(table as Node, 'tr').map((row) => elements(row, 'th, td').map(plainText)));
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

function cellText(cell: Node): string {
  return escapeMarkdown(plainText(cell));
}

function plainText(cell: Node): string {
  return (cell.textContent ?? '').replace(/\s+/g, ' ').trim();
}

/** Text in which no character means anything to Markdown. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]<>|#~$]/g, '\\$&');
}
