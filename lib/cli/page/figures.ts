/** The figures in a notebook's outputs: charts, which a script draws, and grids of images. */
import type { Notebook, NotebookCell } from '../notebook-file';
import { unescapeHtml } from '../../display/html';

export interface PageFigure {
  readonly kind: 'chart' | 'grid';
  /** From 1, in the order of the page. */
  readonly number: number;
  readonly html: string;
  /** What it shows, for those who do not see it. */
  readonly label: string;
  /** Below the picture; the label where the figure has none of its own. */
  readonly caption: string;
  /** Whether its cell has the tag `headline`. */
  readonly headline: boolean;
}

/** An output of a cell, as far as this project looks into it. */
export interface CellOutput {
  readonly output_type: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly text?: string | readonly string[];
  readonly traceback?: readonly string[];
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** A figure of lib/display. None holds another, and `</figure>` cannot stand in its texts, which are escaped. */
const figurePattern = /<figure class="nb-display nb-(figure|grid)[^"]*"[^>]*>[\s\S]*?<\/figure>/g;

/** Text of a notebook file, where it may be in lines. */
export function joined(text: unknown): string {
  return Array.isArray(text) ? text.join('') : typeof text === 'string' ? text : '';
}

/** Whether what a cell printed is part of the page. */
export function showsOutputs({ metadata: { tags = [] } }: NotebookCell): boolean {
  return !tags.includes('remove-cell') && !tags.includes('remove-output');
}

export function findFigures(notebook: Notebook): PageFigure[] {
  const figures: PageFigure[] = [];
  mapFigures(notebook, (figure) => {
    figures.push(figure);
    return figure.html;
  });
  return figures;
}

/** The notebook with every figure's HTML replaced; outputs that are not shown are left alone. */
export function mapFigures(notebook: Notebook, replace: (figure: PageFigure) => string): Notebook {
  let number = 0;
  const cells = notebook.cells.map((cell) => {
    if (cell.outputs === undefined || !showsOutputs(cell)) return cell;
    const headline = cell.metadata.tags?.includes('headline') ?? false;
    const outputs = (cell.outputs as readonly CellOutput[]).map((output) => {
      const html = joined(output.data?.['text/html']);
      if (!html.includes('<figure class="nb-display')) return output;
      const replaced = html.replace(figurePattern, (figure: string, type: string) => {
        number += 1;
        const label = unescapeHtml(/ aria-label="([^"]*)"/.exec(figure)?.[1] ?? '');
        const own = /<figcaption>([\s\S]*?)<\/figcaption>/.exec(figure)?.[1];
        const caption = own === undefined ? `${label.replace(/\.$/, '')}.` : unescapeHtml(own);
        return replace({ kind: type === 'grid' ? 'grid' : 'chart', number, html: figure, label, caption, headline });
      });
      return { ...output, data: { ...output.data, 'text/html': replaced } };
    });
    return { ...cell, outputs };
  });
  return { ...notebook, cells };
}

/** HTML in pieces: what is no figure, and every figure by itself. */
export function splitFigures(html: string): { readonly html: string; readonly isFigure: boolean }[] {
  const pieces = html.split(new RegExp(`(${figurePattern.source.replace('(figure|grid)', '(?:figure|grid)')})`));
  return pieces
    .map((piece, index) => ({ html: piece, isFigure: index % 2 === 1 }))
    .filter((piece) => piece.html !== '');
}

/** The figure that stands for the whole notebook: the first of a cell tagged `headline`, else the last chart, else the last grid. */
export function headlineFigure(figures: readonly PageFigure[]): PageFigure | undefined {
  return (
    figures.find(({ headline }) => headline) ?? figures.filter(({ kind }) => kind === 'chart').at(-1) ?? figures.at(-1)
  );
}
