/** Formulas and diagrams of a notebook's texts, drawn beforehand: formulas as MathML, Mermaid's diagrams as SVG. */
import { renderToString } from 'temml';
import { escapeHtml } from '../../display/html';
import { cellSource, type Notebook } from '../notebook-file';

/** Code and headings, in which a dollar is a dollar, and formulas as Pandoc tells them from sums of money. */
const pattern =
  /(```[\s\S]*?```|~~~[\s\S]*?~~~|`+[^`]*`+|^#.*$)|(?<!\\)\$\$([\s\S]+?)\$\$|(?<![\\$\w])\$(?=\S)((?:\\.|[^$\\])*?\S)\$(?![\d$])/gm;

export interface WithDrawings {
  /** With a mark in the place of each drawing, which Markdown passes through. */
  readonly notebook: Notebook;
  /** Puts the drawings in the places of their marks. */
  place(html: string): string;
}

/** Each text once through the converter of Markdown, which would take a formula's signs for its own. What is no LaTeX stays as it was. */
export async function withDrawings(notebook: Notebook): Promise<WithDrawings> {
  const drawings: string[] = [];
  const diagram = await diagramDrawer(notebook);
  const cells = notebook.cells.map((cell) => {
    if (cell.cell_type !== 'markdown') return cell;
    const source = mapDiagrams(cellSource(cell), (text) => {
      const svg = diagram(text, { bg: 'var(--page-paper)', fg: 'var(--page-ink)', accent: 'var(--page-accent)' });
      if (svg === undefined) return undefined;
      const label = escapeHtml(`Diagram: ${text.replace(/\s+/g, ' ').trim()}`);
      return mark(`<div class="diagram" role="img" aria-label="${label}">${inPage(svg, drawings.length)}</div>`);
    }).replace(pattern, (whole, code?: string, display?: string, inline?: string) => {
      if (code !== undefined) return whole;
      const formula = mathMl(display ?? inline ?? '', display !== undefined);
      return formula === undefined ? whole : mark(formula);
    });
    return { ...cell, source };
  });
  return {
    notebook: { ...notebook, cells },
    place: (html) =>
      html
        .replace(/<p>(\ue000\d+\ue001)<\/p>/g, (whole, own: string) =>
          drawings[Number(own.slice(1, -1))].startsWith('<div') ? own : whole,
        )
        .replace(/\ue000(\d+)\ue001/g, (_, at: string) => drawings[Number(at)]),
  };

  function mark(drawing: string): string {
    return `\ue000${drawings.push(drawing) - 1}\ue001`;
  }
}

/** Blocks in Mermaid's language, replaced; one for which there is no other form stays as code, with a word. */
export function mapDiagrams(source: string, change: (text: string) => string | undefined): string {
  return source.replace(/^```mermaid[ \t]*\n([\s\S]*?)^```[ \t]*$/gm, (_, text: string) => {
    return change(text) ?? `*A diagram in Mermaid’s language:*\n\n\`\`\`text\n${text}\`\`\``;
  });
}

interface DiagramColors {
  readonly bg: string;
  readonly fg: string;
  readonly accent?: string;
}

/** Undefined where the kind of diagram is not known, or its text is none. */
export type DrawDiagram = (text: string, colors: DiagramColors) => string | undefined;

/** What draws the diagrams of a notebook as SVG that loads nothing. Its library is only loaded where there is one. */
export async function diagramDrawer({ cells }: Notebook): Promise<DrawDiagram> {
  if (!cells.some((cell) => cell.cell_type === 'markdown' && cellSource(cell).includes('```mermaid')))
    return () => undefined;
  const { renderMermaidSVG } = await import('beautiful-mermaid');
  return (text, colors) => {
    try {
      const svg = renderMermaidSVG(text, { ...colors, transparent: true });
      return svg.replace(/@import url\([^)]*\);/, '').trim();
    } catch {
      return undefined;
    }
  };
}

/** Within a page: styles that hold for this diagram alone, and ids of its own. */
function inPage(svg: string, number: number): string {
  return svg
    .replace(/^( *)(text|svg) \{/gm, '$1.diagram $2 {')
    .replace(/id="(arrow[\w-]*)"/g, `id="$1-${number}"`)
    .replace(/url\(#(arrow[\w-]*)\)/g, `url(#$1-${number})`);
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
