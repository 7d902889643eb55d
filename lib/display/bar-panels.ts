import {
  createFigure,
  figureTitle,
  type ChartOptions,
  type FigureDisplay,
  type PlotLayout,
  type PlotTrace,
} from './figure';
import { formatDecimal, missing } from './format';
import { escapeLabel, wrapText } from './html';
import { color, hatching, seriesStyle } from './theme';

/** Bars of one colour: one value a group; null where there is none. */
export interface PanelSeries {
  readonly name: string;
  readonly values: readonly (number | null)[];
  /** Half the length of each error bar; null or NaN for none, such as the deviation of a single value. */
  readonly errors?: readonly (number | null)[];
  /** How many values, such as seeds, each bar is the mean of; for the table and where the mouse rests. */
  readonly counts?: readonly number[];
}

/** One diagram of several; all have the groups and the series in common, such as one a dataset. */
export interface BarPanel {
  readonly title: string;
  readonly series: readonly PanelSeries[];
  /** A number to compare with, such as a published one: a line across. */
  readonly reference?: number | null;
}

export interface BarPanels {
  readonly title: string;
  readonly groups: readonly string[];
  readonly panels: readonly BarPanel[];
  /** What the bars measure, with its unit. */
  readonly valueTitle: string;
  /** What the error bars are, such as "standard deviation over 5 seeds"; shown in the caption. */
  readonly errorTitle?: string;
  readonly referenceTitle?: string;
  /** Of the values, for all panels; one that does not begin at 0 is told in the caption. By default from 0 to the highest. */
  readonly range?: readonly [number, number];
  /** Default 4. */
  readonly columns?: number;
  /** Decimals of the number above each bar. Default 3. */
  readonly digits?: number;
}

/** Letters in a line of a group's name. */
const groupNameWidth = 12;
/** Share of a group's room that its bars take. */
const groupWidth = 0.84;
const rowHeight = 190;
/** Room for the numbers above the bars. */
const headroom = 1.12;

/** Small bar diagrams in rows, with error bars and a mark to compare with: a grid of experiments at one look. */
export function barPanels(given: BarPanels, { label, caption }: ChartOptions): FigureDisplay {
  const { title, panels, groups, errorTitle, range, columns = 4 } = given;
  checkPanels(given);
  const notes = [
    caption,
    errorTitle === undefined ? undefined : `Error bars: ${errorTitle}.`,
    range === undefined || range[0] === 0 ? undefined : `Bars begin at ${range[0]}, not at 0.`,
    panels.some(hasGaps) ? `${missing}: not there yet.` : undefined,
  ].filter((note) => note !== undefined);
  const across = Math.min(columns, panels.length);
  const bars = groups.length * panels[0].series.length;
  const narrow = Math.min(bars > 4 ? 1 : 2, across);
  const longest = Math.max(...groups.flatMap((name) => wrapText(name, groupNameWidth)).map(({ length }) => length));
  return createFigure({
    data: [
      ...panels.flatMap((panel, at) => panel.series.map((_, index) => barTrace(given, at, index))),
      ...referenceTraces(given),
    ],
    layout: {
      ...axesLayout(given, across, 112),
      title: figureTitle(title),
      barmode: 'overlay',
      annotations: panels.flatMap((panel, at) => [panelTitle(panel, at), ...barNumbers(given, at)]),
    },
    narrowLayout: { ...axesLayout(given, narrow, 152), title: figureTitle(title, 34) },
    width: { least: Math.max(340, narrow * (40 + Math.max(24 * bars, groups.length * (10 + 6.5 * longest)))) },
    label,
    caption: notes.length === 0 ? undefined : notes.join(' '),
    table: tableRows(given),
  });
}

function checkPanels({ groups, panels }: BarPanels): void {
  if (panels.length === 0 || groups.length === 0) throw new Error('Bar panels need at least one panel and one group.');
  const names = panels[0].series.map(({ name }) => name);
  for (const { title, series } of panels) {
    if (series.map(({ name }) => name).join('\n') !== names.join('\n')) {
      throw new Error(`Panel "${title}" has other series than the first: ${names.join(', ')}.`);
    }
    for (const { name, values, errors = values, counts = values } of series) {
      if ([values, errors, counts].some(({ length }) => length !== groups.length)) {
        throw new Error(`"${name}" of panel "${title}" does not have one value for each of ${groups.length} groups.`);
      }
    }
  }
}

const isValue = (value: number | null | undefined): value is number =>
  typeof value === 'number' && Number.isFinite(value);

const finiteOr0 = (value: number | null | undefined): number => (isValue(value) ? value : 0);

function hasGaps({ series }: BarPanel): boolean {
  return series.some(({ values }) => !values.every(isValue));
}

function axisNumber(panel: number): string {
  return panel === 0 ? '' : String(panel + 1);
}

/** Where the bars of a series stand; groups are 0, 1, 2, … */
function positions(groups: number, series: number, index: number): number[] {
  return Array.from({ length: groups }, (_, group) => group + (index - (series - 1) / 2) * (groupWidth / series));
}

function barTrace({ groups, panels }: BarPanels, at: number, index: number): PlotTrace {
  const { title, series } = panels[at];
  const { name, values, errors, counts } = series[index];
  const style = seriesStyle(index);
  const place = groups.map((group, of) => `${title}, ${group}${counts === undefined ? '' : `, n = ${counts[of]}`}`);
  return {
    type: 'bar',
    name: escapeLabel(name),
    legendgroup: `series ${index}`,
    showlegend: at === 0 && series.length > 1,
    x: positions(groups.length, series.length, index),
    y: values.map((value) => (isValue(value) ? value : null)),
    xaxis: `x${axisNumber(at)}`,
    yaxis: `y${axisNumber(at)}`,
    width: (groupWidth / series.length) * 0.94,
    marker: { color: style.color, pattern: hatching(style.pattern) },
    hovertext: place.map(escapeLabel),
    hovertemplate: `${escapeLabel(name)}, %{hovertext}: %{y:.4f}<extra></extra>`,
    ...(errors === undefined ? {} : { error_y: errorBars(errors) }),
  };
}

function errorBars(errors: readonly (number | null)[]): object {
  return { type: 'data', array: errors.map(finiteOr0), color: color.ink, thickness: 1.3, width: 3 };
}

function referenceTraces({ groups, panels, referenceTitle = 'Reference' }: BarPanels): PlotTrace[] {
  const name = escapeLabel(referenceTitle);
  const [first] = panels.flatMap(({ reference }, at) => (isValue(reference) ? [at] : []));
  return panels.flatMap(({ title, reference }, at): PlotTrace[] => {
    if (!isValue(reference)) return [];
    return [
      {
        type: 'scatter',
        mode: 'lines',
        name,
        legendgroup: 'reference',
        showlegend: at === first,
        x: [-0.5, groups.length - 0.5],
        y: [reference, reference],
        xaxis: `x${axisNumber(at)}`,
        yaxis: `y${axisNumber(at)}`,
        line: { color: color.ink, width: 1.5, dash: 'dot' },
        hovertemplate: `${name}, ${escapeLabel(title)}: %{y:.4f}<extra></extra>`,
      },
    ];
  });
}

/** Bound to the panel's own axes, so that it stays with it in any arrangement. */
function panelTitle({ title }: BarPanel, at: number): object {
  const number = axisNumber(at);
  const place = { xref: `x${number} domain`, yref: `y${number} domain`, x: 0.5, y: 1, yanchor: 'bottom', yshift: 4 };
  return { text: `<b>${escapeLabel(title)}</b>`, ...place, showarrow: false, font: { size: 12, color: color.ink } };
}

function barNumbers({ groups, panels, range, digits = 3 }: BarPanels, at: number): object[] {
  const { series } = panels[at];
  const floor = range?.[0] ?? 0;
  const look = { xref: `x${axisNumber(at)}`, yref: `y${axisNumber(at)}`, showarrow: false, yanchor: 'bottom' };
  return series.flatMap(({ values, errors }, index) =>
    positions(groups.length, series.length, index).map((x, group) => {
      const value = values[group];
      if (!isValue(value)) return { text: missing, x, y: floor, ...look, font: { size: 13, color: color.muted } };
      const top = Math.max(floor, value + finiteOr0(errors?.[group]));
      return {
        text: formatDecimal(value, digits),
        x,
        y: top,
        ...look,
        yshift: 2,
        bgcolor: color.paper,
        borderpad: 0,
        font: { size: 9 },
      };
    }),
  );
}

/** Axes of panels in rows of so many, under so many pixels for title and legend. */
function axesLayout({ groups, panels, valueTitle, range }: BarPanels, columns: number, above: number): PlotLayout {
  const rows = Math.ceil(panels.length / columns);
  const names = groups.map((name) => wrapText(name, groupNameWidth));
  const below = 16 + 14 * Math.max(...names.map(({ length }) => length));
  const height = above + below + rows * rowHeight;
  const inside = height - above - below;
  const [gapX, gapY] = [columns === 1 ? 0 : 0.05, rows === 1 ? 0 : (below + 32) / inside];
  const [width, tall] = [(1 - gapX * (columns - 1)) / columns, (1 - gapY * (rows - 1)) / rows];
  const [floor, highest] = range ?? [0, highestValue(panels)];
  const layout: Record<string, object> = {};
  panels.forEach((_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const [left, top] = [column * (width + gapX), 1 - row * (tall + gapY)];
    const number = axisNumber(at);
    layout[`xaxis${number}`] = {
      domain: [left, left + width],
      anchor: `y${number}`,
      tickmode: 'array',
      tickvals: groups.map((__, group) => group),
      ticktext: names.map((lines) => lines.map(escapeLabel).join('<br>')),
      tickfont: { size: 11 },
      // Slanted names would reach into the panel below.
      tickangle: 0,
      range: [-0.5, groups.length - 0.5],
      showgrid: false,
      zeroline: false,
    };
    layout[`yaxis${number}`] = {
      domain: [Math.max(0, top - tall), top],
      anchor: `x${number}`,
      title: { text: column === 0 ? valueTitle : '' },
      tickfont: { size: 10 },
      nticks: 5,
      range: [floor, floor + (highest - floor) * headroom],
    };
  });
  // The numbers would stay behind when their bars were switched off.
  const legend = { itemclick: false, itemdoubleclick: false, y: 1 + 26 / inside };
  return { ...layout, height, margin: { t: above, b: below }, legend };
}

function highestValue(panels: readonly BarPanel[]): number {
  const tops = panels.flatMap(({ series, reference }) => [
    ...series.flatMap(({ values, errors }) => values.map((value, at) => finiteOr0(value) + finiteOr0(errors?.[at]))),
    finiteOr0(reference),
  ]);
  return Math.max(...tops) || 1;
}

function tableRows({ groups, panels, referenceTitle = 'Reference' }: BarPanels): object[] {
  return panels.flatMap(({ title, series, reference }) =>
    groups.map((group, at) => {
      const cells = series.flatMap(({ name, values, errors, counts }): [string, unknown][] => [
        [name, values[at]],
        ...(errors === undefined ? [] : [[`${name} error`, errors[at]] as [string, unknown]]),
        ...(counts === undefined ? [] : [[`${name} n`, counts[at]] as [string, unknown]]),
      ]);
      const compared = panels.some((panel) => isValue(panel.reference)) ? { [referenceTitle]: reference ?? null } : {};
      return { Panel: title, Group: group, ...(Object.fromEntries(cells) as Record<string, unknown>), ...compared };
    }),
  );
}
