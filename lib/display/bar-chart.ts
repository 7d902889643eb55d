import {
  createFigure,
  figureTitle,
  narrowHeader,
  narrowTitle,
  type ChartOptions,
  type FigureDisplay,
  type PlotTrace,
} from './figure';
import { formatNumber } from './format';
import { escapeLabel, wrapText } from './html';
import { color, hatching, seriesStyle } from './theme';

export interface BarSeries {
  readonly name: string;
  /** One value a group; null where there is none. */
  readonly values: readonly (number | null)[];
  /** Half the length of each error bar, or how far it reaches down and up. */
  readonly errors?: readonly (number | readonly [down: number, up: number] | null)[];
}

export interface BarComparison {
  readonly groups: readonly string[];
  readonly series: readonly BarSeries[];
  /** What the bars measure, with its unit. */
  readonly valueTitle: string;
  /** What the error bars are, such as "standard deviation of 5 seeds". Required by good practice, shown in the caption. */
  readonly errorTitle?: string;
  readonly title?: string;
  readonly range?: readonly [number, number];
  /** Numbers to compare with, such as a study's: one mark a group. */
  readonly reference?: { readonly name: string; readonly values: readonly (number | null)[] };
  /** Decimals of the number above each bar. Default 3. */
  readonly digits?: number;
}

/** Share of a group's room that its bars take. */
const groupWidth = 0.8;

/** Bars side by side, each with its number and its error bar. */
export function barComparison(given: BarComparison, { label, caption }: ChartOptions): FigureDisplay {
  const { groups, series, valueTitle, errorTitle, range, reference, title = valueTitle } = given;
  for (const { name, values } of [...series, ...(reference === undefined ? [] : [reference])]) {
    if (values.length !== groups.length)
      throw new Error(`"${name}" has ${values.length} values for ${groups.length} groups.`);
  }
  const notes = [caption, errorTitle === undefined ? undefined : `Error bars: ${errorTitle}.`].filter(
    (note) => note !== undefined,
  );
  const bars = groups.length * series.length;
  const named = bars > groups.length || reference !== undefined;
  const above = named
    ? narrowHeader(
        title,
        [...series, ...(reference === undefined ? [] : [reference])].map(({ name }) => name),
      )
    : 80;
  return createFigure({
    data: [...series.map((one, index) => barTrace(given, one, index)), ...referenceTraces(given)],
    layout: {
      title: figureTitle(title),
      showlegend: named,
      margin: named ? {} : { t: 56 },
      barmode: 'overlay',
      // The numbers would stay behind when their bars were switched off.
      legend: { itemclick: false, itemdoubleclick: false },
      annotations: series.flatMap((one, index) => barNumbers(given, one, index)),
      xaxis: { ...groupTicks(groups), range: [-0.5, groups.length - 0.5], showgrid: false, zeroline: false },
      yaxis: { title: { text: valueTitle }, ...(range === undefined ? { rangemode: 'tozero' } : { range }) },
    },
    narrowLayout: { title: figureTitle(title, narrowTitle), margin: { t: above }, height: 310 + above },
    width: { least: Math.min(960, 90 + bars * 34), most: Math.max(480, Math.min(960, 200 + bars * 80)) },
    label,
    caption: notes.length === 0 ? undefined : notes.join(' '),
    table: comparisonRows(given),
  });
}

/** Where the bars of one series stand; groups are 0, 1, 2, … */
function positions({ groups, series }: BarComparison, index: number): number[] {
  return groups.map((_, group) => group + (index - (series.length - 1) / 2) * (groupWidth / series.length));
}

function barTrace(given: BarComparison, { name, values, errors }: BarSeries, index: number): PlotTrace {
  const style = seriesStyle(index);
  return {
    type: 'bar',
    name: escapeLabel(name),
    x: positions(given, index),
    y: values,
    width: (groupWidth / given.series.length) * 0.92,
    marker: { color: style.color, pattern: hatching(style.pattern) },
    hovertext: given.groups.map((group) => escapeLabel(group)),
    hovertemplate: `${escapeLabel(name)}, %{hovertext}: %{y:.4f}<extra></extra>`,
    ...(errors === undefined ? {} : { error_y: errorBars(errors.map(errorEnds)) }),
  };
}

/** The numbers stand above the error bars, on a ground of their own, so that nothing strikes them through. */
function barNumbers(given: BarComparison, { values, errors }: BarSeries, index: number): object[] {
  const x = positions(given, index);
  return values.flatMap((value, group) => {
    if (value === null || Number.isNaN(value)) return [];
    const top = Math.max(0, value + errorEnds(errors?.[group] ?? null)[1]);
    const look = {
      showarrow: false,
      yanchor: 'bottom',
      yshift: 3,
      borderpad: 0,
      bgcolor: color.paper,
      font: { size: 11 },
    };
    return [{ text: formatNumber(value, given.digits ?? 3), x: x[group], y: top, ...look }];
  });
}

type ErrorEnds = readonly [down: number, up: number];

function errorEnds(error: number | ErrorEnds | null): ErrorEnds {
  return typeof error === 'number' ? [error, error] : (error ?? [0, 0]);
}

function errorBars(ends: readonly ErrorEnds[]): object {
  const [down, up] = [ends.map(([low]) => low), ends.map(([, high]) => high)];
  return { type: 'data', symmetric: false, array: up, arrayminus: down, color: color.ink, thickness: 1.5, width: 5 };
}

/** One line across each group that has a number to compare with. */
function referenceTraces({ groups, reference }: BarComparison): PlotTrace[] {
  if (reference === undefined) return [];
  const name = escapeLabel(reference.name);
  const reach = groupWidth / 2 + 0.04;
  return [
    {
      type: 'scatter',
      mode: 'lines',
      name,
      x: groups.flatMap((_, group) => [group - reach, group + reach, null]),
      y: groups.flatMap((_, group) => [reference.values[group] ?? null, reference.values[group] ?? null, null]),
      line: { color: color.ink, width: 2, dash: 'dot' },
      hovertemplate: `${name}: %{y:.4f}<extra></extra>`,
    },
  ];
}

function groupTicks(groups: readonly string[]): object {
  const names = groups.map((name) => wrapText(name, 14).map(escapeLabel).join('<br>'));
  return { tickmode: 'array', tickvals: names.map((_, index) => index), ticktext: names };
}

function comparisonRows({ groups, series, reference }: BarComparison): object[] {
  return groups.map((group, at) => {
    const cells = series.flatMap(({ name, values, errors }): [string, unknown][] => {
      const error = errors?.[at];
      const ends =
        typeof error === 'number'
          ? `± ${formatNumber(error, 4)}`
          : error
            ? `−${formatNumber(error[0], 4)} +${formatNumber(error[1], 4)}`
            : null;
      const cell: [string, unknown] = [name, values[at]];
      return errors === undefined ? [cell] : [cell, [`${name} error`, ends]];
    });
    return {
      Group: group,
      ...(Object.fromEntries(cells) as Record<string, unknown>),
      ...(reference === undefined ? {} : { [reference.name]: reference.values[at] }),
    };
  });
}
