import { createFigure, figureTitle, type ChartOptions, type FigureDisplay, type PlotTrace } from './figure';
import { formatDecimal, missing } from './format';
import { escapeLabel, wrapText } from './html';
import { color, seriesStyle } from './theme';

/** A difference and the ends of its interval. */
export interface Difference {
  readonly value: number;
  readonly interval?: readonly [low: number, high: number];
}

export interface DifferenceSeries {
  readonly name: string;
  /** One a row; null where there is none. */
  readonly differences: readonly (Difference | null)[];
}

export interface DifferenceChart {
  readonly title: string;
  /** Such as datasets, from the top. */
  readonly rows: readonly string[];
  readonly series: readonly DifferenceSeries[];
  /** What is subtracted from what, with its unit. */
  readonly xTitle: string;
  /**
   * What a difference below and above 0 means, in a word or two. Without them the values are scores, and 0 is no mark.
   */
  readonly sides?: readonly [below: string, above: string];
  /** What the bars are; shown in the caption. */
  readonly intervalTitle?: string;
  /** Whether the rows have an order of their own. Otherwise differences stand with the largest at the top. */
  readonly ordered?: boolean;
  /** A number of others for each row, such as the published one: a hollow mark. */
  readonly published?: readonly (number | null)[];
  /** What follows from each difference, for each series and row: words at the right. */
  readonly verdicts?: readonly (readonly string[])[];
}

const rowHeight = (series: number): number => 16 + 15 * series;
/** Room for verdicts, in CSS pixels. */
const verdictRoom = 128;

/**
 * Differences to 0 with their intervals, or scores, a row each, below one another: which of them are told apart from
 * nothing. Those are filled whose interval excludes 0.
 */
export function differenceChart(unordered: DifferenceChart, { label, caption }: ChartOptions): FigureDisplay {
  checkRows(unordered);
  const given = sorted(unordered);
  const { title, rows, series, xTitle, sides, intervalTitle, published, verdicts } = given;
  const absent = series.some(({ differences }) => differences.some((one) => one === null));
  const notes = [
    caption,
    intervalTitle === undefined ? undefined : `Bars: ${intervalTitle}.`,
    sides === undefined || series.every(({ differences }) => differences.every((one) => one?.interval === undefined))
      ? undefined
      : 'Filled: the bar excludes 0.',
    absent && sides !== undefined ? `${missing}: not there yet.` : undefined,
  ].filter((note) => note !== undefined);
  const named = series.length > 1 || published !== undefined;
  const above = 56 + (named ? 26 : 0) + 18;
  const longest = rows.length === 0 ? 0 : Math.max(...rows.map((name) => wrapText(name, rowNameWidth).length));
  const height = above + 56 + rows.length * Math.max(rowHeight(series.length), 6 + 15 * longest);
  const margin = { t: above, ...(verdicts === undefined ? {} : { r: verdictRoom }) };
  return createFigure({
    data: [...series.map((_, index) => trace(given, index)), ...publishedTrace(given)],
    layout: {
      title: figureTitle(title),
      height,
      margin,
      showlegend: named,
      legend: { y: 1 + 22 / (height - above - 56) },
      xaxis: {
        title: { text: xTitle },
        range: sides === undefined ? undefined : rangeOf(given),
        nticks: 7,
        zeroline: false,
      },
      yaxis: {
        tickmode: 'array',
        tickvals: rows.map((_, row) => row),
        ticktext: rows.map((name) => wrapText(name, rowNameWidth).map(escapeLabel).join('<br>')),
        range: [rows.length - 0.5, -0.5],
        showgrid: false,
        zeroline: false,
      },
      shapes: [...(sides === undefined ? [] : [zeroLine]), ...rows.slice(1).map((_, row) => separator(row + 0.5))],
      annotations: [
        ...(sides ?? []).map(sideName),
        ...(sides === undefined ? [] : absentMarks(given)),
        ...verdictTexts(given),
      ],
    },
    narrowLayout: { title: figureTitle(title, 34), margin: { ...margin, t: above + 60 }, height: height + 60 },
    width: { least: verdicts === undefined ? 400 : 560, most: 820 },
    label,
    caption: notes.length === 0 ? undefined : notes.join(' '),
    table: rows.flatMap((row, at) =>
      series.map(({ name, differences }, index) => ({
        Row: row,
        Series: name,
        [sides === undefined ? 'Score' : 'Difference']: differences[at]?.value ?? null,
        From: differences[at]?.interval?.[0] ?? null,
        To: differences[at]?.interval?.[1] ?? null,
        ...(published === undefined ? {} : { Published: published[at] }),
        ...(verdicts === undefined ? {} : { Verdict: verdicts[index][at] }),
      })),
    ),
  });
}

/** Letters in a line of a row's name. */
const rowNameWidth = 20;

/** By the mean of a row's differences, the largest first; rows without any at the end. */
function sorted(given: DifferenceChart): DifferenceChart {
  if (given.ordered === true || given.sides === undefined) return given;
  const means = given.rows.map((_, row) => {
    const values = given.series.flatMap(({ differences }) => differences[row]?.value ?? []);
    return values.length === 0 ? -Infinity : values.reduce((sum, value) => sum + value, 0) / values.length;
  });
  const order = means.map((_, row) => row).sort((a, b) => (means[a] === means[b] ? a - b : means[b] - means[a]));
  const inOrder = <T>(all: readonly T[]): T[] => order.map((row) => all[row]);
  return {
    ...given,
    rows: inOrder(given.rows),
    series: given.series.map((one) => ({ ...one, differences: inOrder(one.differences) })),
    ...(given.published === undefined ? {} : { published: inOrder(given.published) }),
    ...(given.verdicts === undefined ? {} : { verdicts: given.verdicts.map(inOrder) }),
  };
}

function checkRows({ rows, series }: DifferenceChart): void {
  if (rows.length === 0 || series.length === 0)
    throw new Error('A difference chart needs at least one row and series.');
  const wrong = series.find(({ differences }) => differences.length !== rows.length);
  if (wrong === undefined) return;
  throw new Error(`"${wrong.name}" has ${wrong.differences.length} differences, but there are ${rows.length} rows.`);
}

/** Around 0, with room on either side of it for what that side means. */
function rangeOf({ series, published = [] }: DifferenceChart): [number, number] {
  const all = [...series.flatMap(({ differences }) => differences.flatMap(ends)), ...published.map((one) => one ?? 0)];
  const reach = Math.max(0, ...all.map(Math.abs)) || 0.01;
  return [Math.min(-0.3 * reach, 1.1 * Math.min(0, ...all)), Math.max(0.3 * reach, 1.1 * Math.max(0, ...all))];
}

const ends = (one: Difference | null): number[] => (one === null ? [] : [one.value, ...(one.interval ?? [])]);

/** Rows are 0, 1, 2, …; series stand below one another within theirs. */
function place(row: number, index: number, series: number): number {
  return row + ((index - (series - 1) / 2) * 0.62) / series;
}

function trace({ rows, series, sides }: DifferenceChart, index: number): PlotTrace {
  const { name, differences } = series[index];
  const style = seriesStyle(index);
  const shown = differences.flatMap((one, row) => (one === null ? [] : [{ ...one, row }]));
  const intervals = shown.map(({ value, interval }) => interval ?? [value, value]);
  const text = shown.map(({ row, interval }) => {
    const range = interval?.map((end) => formatDecimal(end, 4)).join(' to ');
    return escapeLabel(`${rows[row]}${range === undefined ? '' : ` (${range})`}`);
  });
  return {
    type: 'scatter',
    mode: 'markers',
    name: escapeLabel(name),
    x: shown.map(({ value }) => value),
    y: shown.map(({ row }) => place(row, index, series.length)),
    text,
    hovertemplate: `${escapeLabel(name)}, %{text}: %{x:.4f}<extra></extra>`,
    marker: {
      color: style.color,
      symbol: shown.map(({ interval }) =>
        sides === undefined || excludesZero(interval) ? style.symbol : `${style.symbol}-open`,
      ),
      size: 9,
    },
    error_x: {
      type: 'data',
      symmetric: false,
      array: intervals.map(([, high], at) => high - shown[at].value),
      arrayminus: intervals.map(([low], at) => shown[at].value - low),
      color: style.color,
      thickness: 1.6,
      width: 4,
    },
  };
}

function excludesZero(interval: Difference['interval']): boolean {
  return interval !== undefined && (interval[0] > 0 || interval[1] < 0);
}

function publishedTrace({ rows, published }: DifferenceChart): PlotTrace[] {
  if (published === undefined) return [];
  const shown = published.flatMap((value, row) => (value === null ? [] : [{ value, row }]));
  return [
    {
      type: 'scatter',
      mode: 'markers',
      name: 'published',
      x: shown.map(({ value }) => value),
      y: shown.map(({ row }) => row),
      text: shown.map(({ row }) => escapeLabel(rows[row])),
      hovertemplate: 'published, %{text}: %{x:.4f}<extra></extra>',
      marker: { color: color.ink, symbol: 'diamond-wide-open', size: 12, line: { width: 1.4 } },
    },
  ];
}

function verdictTexts({ series, rows, verdicts = [] }: DifferenceChart): object[] {
  return verdicts.flatMap((words, index) =>
    rows.flatMap((_, row) => {
      if (words[row] === '') return [];
      const text = wrapText(words[row], 22).map(escapeLabel).join('<br>');
      const at = { xref: 'paper', yref: 'y', x: 1, y: place(row, index, series.length) };
      const look = { xanchor: 'left', xshift: 8, align: 'left', showarrow: false };
      return [{ text, ...at, ...look, font: { size: 11, color: seriesStyle(index).color } }];
    }),
  );
}

const zeroLine = {
  type: 'line',
  xref: 'x',
  yref: 'paper',
  x0: 0,
  x1: 0,
  y0: 0,
  y1: 1,
  line: { color: color.ink, width: 1.2 },
};

function separator(at: number): object {
  const line = { color: color.grid, width: 1 };
  return { type: 'line', xref: 'paper', yref: 'y', x0: 0, x1: 1, y0: at, y1: at, layer: 'below', line };
}

function sideName(text: string, side: number): object {
  const left = side === 0;
  return {
    text: escapeLabel(left ? `← ${text}` : `${text} →`),
    xref: 'x',
    yref: 'paper',
    x: 0,
    y: 1,
    xanchor: left ? 'right' : 'left',
    xshift: left ? -8 : 8,
    yanchor: 'bottom',
    showarrow: false,
    font: { size: 11, color: color.muted },
  };
}

function absentMarks({ series }: DifferenceChart): object[] {
  return series.flatMap(({ differences }, index) =>
    differences.flatMap((one, row) => {
      if (one !== null) return [];
      const y = place(row, index, series.length);
      return [{ text: missing, x: 0, y, xshift: 10, showarrow: false, font: { size: 12, color: color.muted } }];
    }),
  );
}
