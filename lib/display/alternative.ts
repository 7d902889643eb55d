/** What a chart shows in words, from its numbers: for readers who do not see it, beside the sentence that says what it is. */
import type { Figure, PlotLayout, PlotTrace } from './figure';
import { formatNumber } from './format';
import { unescapeHtml } from './html';

/** So many series are told; the table below a chart has all. */
const mostSeries = 8;

/** Undefined where a chart has no series with a name and numbers, and no heat map. */
export function alternative({ data, layout }: Pick<Figure, 'data' | 'layout'>): string | undefined {
  const named = new Map<string, PlotTrace[]>();
  for (const trace of data) {
    const own = nameOf(trace);
    const name = [axisTitle(trace, layout), own].filter((part) => part !== '').join(', ');
    if (own !== undefined) named.set(name, [...(named.get(name) ?? []), trace]);
  }
  const all = [...named].flatMap(([name, traces]) => sentence(name, traces) ?? []);
  if (all.length === 0) return undefined;
  const more = all.length > mostSeries ? [`${all.length - mostSeries} more series`] : [];
  return [...all.slice(0, mostSeries), ...more].map((part) => `${part}.`).join(' ');
}

/** Panels with axes of different titles have series of the same name. */
function axisTitle({ type, orientation, xaxis, yaxis }: PlotTrace, layout: PlotLayout): string {
  if (type === 'heatmap') return '';
  const axis = (orientation === 'h' ? (xaxis ?? 'x') : (yaxis ?? 'y')) as string;
  const { title } = (layout[axis.replace(/^([xy])/, '$1axis')] ?? {}) as {
    readonly title?: { readonly text?: string };
  };
  return plain(title?.text ?? '');
}

/** Bands and whiskers, which the legend leaves out, have a series of their own that tells more. */
function nameOf({ type, name, hoverinfo }: PlotTrace): string | undefined {
  if (type === 'heatmap') return typeof name === 'string' ? name : 'Heat map';
  if (typeof name !== 'string' || name.trim() === '' || hoverinfo === 'skip') return undefined;
  return plain(name);
}

/** Without the tags that Plotly obeys. */
function plain(text: string): string {
  return unescapeHtml(text.replace(/<[^>]*>/g, ' '))
    .replace(/\s+/g, ' ')
    .trim();
}

function sentence(name: string, traces: readonly PlotTrace[]): string | undefined {
  const [first] = traces;
  if (first.type === 'heatmap') {
    const values = numbers((first.z as unknown[] | undefined)?.flat());
    return values.length === 0 ? undefined : `${name}: ${values.length} values${range(values)}`;
  }
  const values = traces.flatMap(({ x, y, orientation }) => numbers(orientation === 'h' ? x : y));
  if (values.length === 0) return undefined;
  if (values.length === 1) return `${name}: ${formatNumber(values[0])}`;
  const isLine =
    traces.length === 1 && first.type === 'scatter' && /lines/.test((first.mode as string | undefined) ?? 'lines');
  const course = isLine
    ? ` ${formatNumber(values[0])} at first, ${formatNumber(values[values.length - 1])} at last;`
    : '';
  return `${name}:${course}${range(values)}`;
}

function range(values: readonly number[]): string {
  return ` from ${formatNumber(Math.min(...values))} to ${formatNumber(Math.max(...values))}`;
}

function numbers(values: unknown): number[] {
  return Array.isArray(values) ? values.filter((value): value is number => Number.isFinite(value)) : [];
}
