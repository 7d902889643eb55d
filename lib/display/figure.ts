import type { TraceType } from 'plotly.js-dist-min';
import { alternative } from './alternative';
import { displayable } from './forms';
import { escapeHtml, escapeLabel, scriptJson, wrapText } from './html';
import type { Displayable } from './mime';
import { bundleOf } from './plotly-bundles';
import { table } from './tables';
import { baseAxis, baseConfig, baseLayout } from './theme';

/** One trace of Plotly, as far as this project looks into it. */
export interface PlotTrace {
  readonly type: TraceType;
  readonly [option: string]: unknown;
}

export interface PlotLayout {
  readonly title?: { readonly text: string; readonly [option: string]: unknown };
  readonly height?: number;
  readonly [option: string]: unknown;
}

export interface Figure {
  readonly data: readonly PlotTrace[];
  /** On top of the project's base layout; every axis named here gets the base axis. */
  readonly layout: PlotLayout;
  /** Options that replace the layout's on a phone, such as panels below one another. */
  readonly narrowLayout?: PlotLayout;
  /** Below the least width, in CSS pixels, the figure scrolls sideways; it is never drawn wider than the most. */
  readonly width?: { readonly least?: number; readonly most?: number };
  /** What a reader who does not see the figure is told: what it shows, not what it is called. */
  readonly label: string;
  readonly caption?: string;
  /** The figure's numbers, for readers who prefer them. */
  readonly table?: readonly object[];
}

/** What every chart asks for besides its data. */
export interface ChartOptions {
  readonly label: string;
  readonly caption?: string;
}

export interface FigureDisplay extends Displayable {
  readonly figure: Figure;
}

/** Completes a figure with the project's layout and renders it. Everything that is drawn with Plotly passes here. */
export function createFigure(given: Figure): FigureDisplay {
  if (given.label.trim() === '') throw new Error('A figure needs a label: one sentence that says what it shows.');
  const figure: Figure = { ...given, layout: completeLayout(given.layout) };
  return displayable({ html: figureHtml(figure), text: figureText(figure), figure });
}

function completeLayout(layout: PlotLayout): PlotLayout {
  const axes = Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key));
  return merge({ ...baseLayout, ...Object.fromEntries(axes.map((axis) => [axis, baseAxis])) }, layout);
}

/** A title at the left, broken into lines where it would not fit. Markup in it is shown, not obeyed. */
export function figureTitle(
  text: string,
  lineLength = 68,
): { readonly text: string; readonly [option: string]: unknown } {
  const lines = wrapText(text, lineLength).map(escapeLabel);
  return {
    text: lines.join('<br>'),
    x: 0,
    xref: 'container',
    xanchor: 'left',
    y: 1,
    yanchor: 'top',
    // Plotly sets the first of several lines above the place of a single one.
    pad: { t: lines.length > 1 ? 20 : 8 },
    font: { size: 16, weight: 600 },
  };
}

/** What a title and a legend above a chart take on a phone, in CSS pixels, where each name may need a line of its own. */
export function narrowHeader(title: string, names: readonly string[]): number {
  const widest = Math.max(0, ...names.map((name) => 40 + 6.5 * name.length));
  const legendLines = Math.ceil(names.length / Math.max(1, Math.floor(280 / widest)));
  return 32 + 20 * wrapText(title, narrowTitle).length + 22 * legendLines;
}

/** Characters in a line of a title on a phone. */
export const narrowTitle = 34;

/** What the axes of a panel among several are called by: Plotly has `x`, `x2`, `x3` … */
export function axisNumber(panel: number): string {
  return panel === 0 ? '' : String(panel + 1);
}

type PlainObject = Readonly<Record<string, unknown>>;

function merge(base: PlainObject, over: PlainObject): PlainObject {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = base[key];
    result[key] = isPlainObject(below) && isPlainObject(value) ? merge(below, value) : value;
  }
  return result;
}

function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The figure hands itself to the queue that figure-runtime.js works off. The order of outputs does not matter: the queue is an array
 * until the runtime is there. The text in the plot's place is what is left where scripts do not run.
 */
function figureHtml({ data, layout, narrowLayout, width = {}, label, caption, table: rows }: Figure): string {
  const name = escapeHtml(label);
  const payload = scriptJson({ data, layout, narrowLayout, leastWidth: width.least, config: baseConfig });
  const widest = width.most === undefined ? '' : ` style="max-width:${width.most}px"`;
  // What scrolls must be reachable by keyboard.
  const focus = width.least === undefined ? '' : ' tabindex="0"';
  const shown = escapeHtml(alternative({ data, layout }) ?? label);
  const numbers = rows === undefined ? '' : dataTable(rows, label);
  // The last of a figure's parts in HTML; on the screen it stands above the data.
  const below = caption === undefined ? '' : `<figcaption>${escapeHtml(caption)}</figcaption>`;
  return (
    `<figure class="nb-display nb-figure" aria-label="${name}" data-figure="${bundleOf(data.map(({ type }) => type))}"${widest}>` +
    `<div class="nb-plot" data-plot="${shown}"${focus} style="min-height:${layout.height ?? baseLayout.height}px">` +
    `<p class="nb-placeholder">${name}. The chart is drawn when the set-up cell has run in a trusted notebook.</p></div>` +
    `${numbers}<script type="application/json">${payload}</script>` +
    '<script>(window.notebookFigures=window.notebookFigures||[]).push(document.currentScript.parentNode)</script>' +
    `${below}</figure>`
  );
}

function dataTable(rows: readonly object[], label: string): string {
  const { html } = table(rows, { caption: `Data: ${label}`, digits: 4 });
  return `<details class="nb-details"><summary>Data as table</summary>${html}</details>`;
}

function figureText({ label, caption, table: rows }: Figure): string {
  const parts = [
    `[figure] ${label}`,
    caption,
    rows === undefined ? undefined : table(rows, { caption: 'Data', digits: 4 }).text,
  ];
  return parts.filter((part) => part !== undefined).join('\n');
}
