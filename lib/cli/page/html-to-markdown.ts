/** Outputs in HTML as Markdown: tables as tables, everything else by its text. */
import TurndownService from 'turndown';

/** As much of the DOM as is looked into; the types of a browser's are not the project's. */
interface Node {
  readonly textContent: string | null;
  querySelectorAll(selector: string): ArrayLike<Node>;
  querySelector(selector: string): Node | null;
  getAttribute(name: string): string | null;
}

export function htmlToMarkdown(html: string): string {
  const service = new TurndownService({ headingStyle: 'atx', codeBlockStyle: 'fenced', bulletListMarker: '-' });
  service.remove(['script', 'style', 'button']);
  // A table within a line of text would be none.
  service.addRule('tables', {
    filter: 'table',
    // Its type is the browser's, which is not known here.
    replacement: (_, table: unknown) => `\n\n${tableMarkdown(table as Node)}\n\n`,
  });
  return service.turndown(html).trim();
}

/** A pipe table below its caption. Cells are single lines of text. */
function tableMarkdown(table: Node): string {
  const caption = table.querySelector('caption');
  const [head = [], ...body] = elements(table, 'tr').map((row) => elements(row, 'th, td'));
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    ...(caption === null ? [] : [`**${cellText(caption)}**`, '']),
    line(head.map(cellText)),
    line(head.map((cell) => (/\bnb-number\b/.test(cell.getAttribute('class') ?? '') ? '---:' : '---'))),
    ...body.map((cells) => line(cells.map(cellText))),
  ].join('\n');
}

function elements(node: Node, selector: string): Node[] {
  return Array.from(node.querySelectorAll(selector));
}

function cellText(cell: Node): string {
  return escapeMarkdown((cell.textContent ?? '').replace(/\s+/g, ' ').trim());
}

/** Text in which no character means anything to Markdown. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]<>|#~$]/g, '\\$&');
}
