/** Formulas of a notebook's texts as MathML, which browsers draw by themselves. */
import { renderToString } from 'temml';
import { escapeHtml } from '../../display/html';
import { cellSource, type Notebook } from '../notebook-file';

/** Code and headings, in which a dollar is a dollar, and formulas as Pandoc tells them from sums of money. */
const pattern =
  /(```[\s\S]*?```|~~~[\s\S]*?~~~|`+[^`]*`+|^#.*$)|(?<!\\)\$\$([\s\S]+?)\$\$|(?<![\\$\w])\$(?=\S)((?:\\.|[^$\\])*?\S)\$(?![\d$])/gm;

export interface WithFormulas {
  /** With a mark in the place of each formula, which Markdown passes through. */
  readonly notebook: Notebook;
  /** Puts the formulas in the places of their marks. */
  place(html: string): string;
}

/** Each formula once through the converter of Markdown, which would take its signs for its own. What is no LaTeX stays as it was. */
export function withFormulas(notebook: Notebook): WithFormulas {
  const formulas: string[] = [];
  const cells = notebook.cells.map((cell) => {
    if (cell.cell_type !== 'markdown') return cell;
    const source = cellSource(cell).replace(pattern, (whole, code?: string, display?: string, inline?: string) => {
      if (code !== undefined) return whole;
      const formula = mathMl(display ?? inline ?? '', display !== undefined);
      return formula === undefined ? whole : `\ue000${formulas.push(formula) - 1}\ue001`;
    });
    return { ...cell, source };
  });
  return {
    notebook: { ...notebook, cells },
    place: (html) => html.replace(/\ue000(\d+)\ue001/g, (_, at: string) => formulas[Number(at)]),
  };
}

/** With the LaTeX as its title, for those whose browser draws none. */
function mathMl(latex: string, displayMode: boolean): string | undefined {
  try {
    const drawn = renderToString(latex, { displayMode, throwOnError: true });
    return drawn.replace('<math', `<math title="${escapeHtml(latex.trim())}"`);
  } catch {
    return undefined;
  }
}
