import { createFigure, figureTitle, type ChartOptions, type FigureDisplay, type PlotTrace } from './figure';
import { escapeLabel } from './html';
import { color, seriesStyle } from './theme';

export interface LinePoint {
  readonly x: number;
  readonly y: number;
  /** The ends of its interval, drawn as an error bar. */
  readonly interval?: readonly [low: number, high: number];
}

export interface LineSeries {
  readonly name: string;
  /** In ascending order of x. */
  readonly points: readonly LinePoint[];
  /** Somebody else's numbers: thin, dotted and without error bars. */
  readonly reference?: boolean;
}

export interface LineComparison {
  readonly series: readonly LineSeries[];
  readonly xTitle: string;
  readonly yTitle: string;
  readonly title?: string;
  /** What the error bars are. Shown in the caption. */
  readonly intervalTitle?: string;
  readonly range?: readonly [number, number];
}

/** Lines over a few values of x whose ratios count, such as image sizes: x is logarithmic, with a tick at each value that occurs. */
export function lineComparison(given: LineComparison, { label, caption }: ChartOptions): FigureDisplay {
  const { series, xTitle, yTitle, title = yTitle, intervalTitle, range } = given;
  const values = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const wrong = values.find((x) => !(x > 0));
  if (wrong !== undefined) throw new Error(`x is ${wrong}, but must be above 0 on a logarithmic axis.`);
  const ends = values.length === 0 ? [1, 2] : [values[0] / 1.15, values[values.length - 1] * 1.15];
  const ticks = { tickmode: 'array', tickvals: values, ticktext: values.map(String) };
  const notes = [caption, intervalTitle === undefined ? undefined : `Error bars: ${intervalTitle}.`].filter(
    (note) => note !== undefined,
  );
  const legendLines = Math.ceil(series.length / 2);
  return createFigure({
    data: series.map((one, index) => lineTrace(one, index, values.length, series.length)),
    layout: {
      title: figureTitle(title),
      height: 420 + 20 * legendLines,
      margin: { t: 60 + 20 * legendLines },
      xaxis: { title: { text: xTitle }, type: 'log', range: ends.map(Math.log10), ...ticks },
      yaxis: { title: { text: yTitle }, ...(range === undefined ? {} : { range }) },
    },
    narrowLayout: { title: figureTitle(title, 34), margin: { t: 90 + 22 * series.length } },
    width: { most: 760 },
    label,
    caption: notes.length === 0 ? undefined : notes.join(' '),
    table: series.map(({ name, points }) => ({
      series: name,
      ...Object.fromEntries(values.map((x) => [String(x), points.find((point) => point.x === x)?.y ?? NaN])),
    })),
  });
}

/** Points of different series at the same x are moved apart a little, so that no error bar hides another. */
function lineTrace(
  { name, points, reference = false }: LineSeries,
  index: number,
  places: number,
  all: number,
): PlotTrace {
  const style = seriesStyle(index);
  const shift = places > 1 || all > 1 ? 1 + 0.012 * (index - (all - 1) / 2) : 1;
  const intervals = points.map(({ y, interval }) => interval ?? [y, y]);
  const errors = {
    type: 'data',
    symmetric: false,
    array: intervals.map(([, high], at) => high - points[at].y),
    arrayminus: intervals.map(([low], at) => points[at].y - low),
    thickness: 1.2,
    width: 4,
  };
  return {
    type: 'scatter',
    mode: 'lines+markers',
    name: escapeLabel(name),
    x: points.map(({ x }) => x * shift),
    y: points.map(({ y }) => y),
    text: points.map(({ x }) => String(x)),
    hovertemplate: `${escapeLabel(name)}, %{text}: %{y:.4f}<extra></extra>`,
    line: reference
      ? { color: color.muted, width: 1.5, dash: 'dot' }
      : { color: style.color, width: 2, dash: style.dash },
    marker: {
      symbol: style.symbol,
      size: reference ? 6 : 8,
      ...(reference ? { color: color.muted } : { color: style.color }),
    },
    ...(reference || points.every(({ interval }) => interval === undefined) ? {} : { error_y: errors }),
  };
}
