/** Numbers of figures and tables in the order of the page, and what texts call them. */
import type { Notebook } from '../notebook-file';
import { joined, showsOutputs, splitFigures, type CellOutput } from './figures';

export interface Numbered {
  /** With an id and a number for each table that is not a figure's data. */
  readonly notebook: Notebook;
  /**
   * Ids by labels. `@fig-3` is the third figure, `fig-3`; the tag `fig-history` of a cell is another name for its first one. Tables likewise,
   * with `tbl-`.
   */
  readonly labels: ReadonlyMap<string, string>;
}

const tableStart = /<div class="nb-display nb-table" data-table><p class="nb-caption"><strong>/g;

export function withNumbers(notebook: Notebook): Numbered {
  const labels = new Map<string, string>();
  const counts = { fig: 0, tbl: 0 };
  const next = (kind: 'fig' | 'tbl', names: Set<string>): number => {
    counts[kind] += 1;
    const id = `${kind}-${counts[kind]}`;
    labels.set(id, id);
    for (const name of [...names].filter((tag) => tag.startsWith(`${kind}-`))) {
      labels.set(name, id);
      names.delete(name);
    }
    return counts[kind];
  };
  const cells = notebook.cells.map((cell) => {
    if (cell.outputs === undefined || !showsOutputs(cell)) return cell;
    const names = new Set(cell.metadata.tags ?? []);
    const outputs = (cell.outputs as readonly CellOutput[]).map((output) => {
      const html = joined(output.data?.['text/html']);
      if (!html.includes('nb-display')) return output;
      const numbered = splitFigures(html).map((piece) => {
        if (piece.isFigure) next('fig', names);
        return piece.isFigure ? piece.html : piece.html.replace(tableStart, () => tableHead(next('tbl', names)));
      });
      return { ...output, data: { ...output.data, 'text/html': numbered.join('') } };
    });
    return { ...cell, outputs };
  });
  return { notebook: { ...notebook, cells }, labels };
}

function tableHead(number: number): string {
  return `<div class="nb-display nb-table" data-table id="tbl-${number}"><p class="nb-caption"><strong><span class="number">Table ${number}.</span> `;
}
