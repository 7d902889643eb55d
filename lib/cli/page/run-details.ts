/** What a page tells of how it was made, and not of what was found: set-up, parameters and progress, folded at its end. */
import type { Notebook, NotebookCell } from '../notebook-file';
import { joined, type CellOutput } from './figures';

/** The tag of a cell that is set-up or parameters. */
const tag = 'run-details';

const begin = '<!-- run details: begin -->';
const end = '<!-- run details: end -->';
const place = '<!-- run details -->';

/** The notebook with its tagged cells and the lines that finished work left behind after all others, where `placeRunDetails` finds them. */
export function withRunDetails(notebook: Notebook): Notebook {
  const details: NotebookCell[] = [];
  const progress: unknown[] = [];
  const told = notebook.cells.flatMap((cell, at) => {
    if (isDetail(notebook.cells, at)) {
      details.push(cell.cell_type === 'markdown' ? withQuietHeading(cell) : cell);
      return [];
    }
    const { outputs = [] } = cell;
    const rest = outputs.filter((output) => !isFinished(output as CellOutput));
    if (rest.length === outputs.length) return [cell];
    progress.push(...outputs.filter((output) => !rest.includes(output)));
    return [{ ...cell, outputs: rest }];
  });
  if (progress.length > 0) {
    details.push({ cell_type: 'markdown', metadata: {}, source: heading('Progress') });
    details.push({ cell_type: 'code', metadata: {}, source: '', outputs: progress, execution_count: null });
  }
  if (details.length === 0) return notebook;
  return { ...notebook, cells: [...told, marker(begin), ...details, marker(end)] };
}

/** Moves them, once they are HTML, to the place that the template has for them. */
export function placeRunDetails(html: string): string {
  const [before, rest = ''] = html.split(begin);
  const [details, after = ''] = rest.split(end);
  return after === '' ? html : `${before}${after.replace(place, () => details)}`;
}

/** A cell with figures stays: they are numbered in the order of the notebook. What a command sets is where the parameters are. */
function isDetail(cells: Notebook['cells'], at: number): boolean {
  const { metadata, outputs = [] } = cells[at];
  const tags = metadata.tags ?? [];
  if (tags.includes('injected-parameters')) return at > 0 && isDetail(cells, at - 1);
  return tags.includes(tag) && !outputs.some((output) => htmlOf(output as CellOutput).includes('<figure class="nb-'));
}

/** What stopped, or what warned, is told where it happened. */
function isFinished(output: CellOutput): boolean {
  const html = htmlOf(output);
  return html.startsWith('<div class="nb-display nb-progress" role="status">✓') && !html.includes('nb-warning');
}

function htmlOf({ data }: CellOutput): string {
  return joined(data?.['text/html']);
}

/** The contents have the section as a whole. */
function withQuietHeading(cell: NotebookCell): NotebookCell {
  return { ...cell, source: joined(cell.source).replace(/^#+ (.+)$/m, (_, title: string) => heading(title)) };
}

function heading(title: string): string {
  return `<h3 class="unlisted">${title}</h3>\n`;
}

function marker(source: string): NotebookCell {
  return { cell_type: 'raw', metadata: { raw_mimetype: 'text/html' }, source };
}
