import {
  axisNumber,
  createFigure,
  figureTitle,
  type ChartOptions,
  type FigureDisplay,
  type PlotLayout,
  type PlotTrace,
} from './figure';
import { formatDecimal, missing } from './format';
import { escapeLabel, wrapText } from './html';
import { mean, sampleDeviation } from '../metrics/intervals';
import { color, seriesStyle } from './theme';

/** Scores of one colour: those of each group, one a run, such as a seed; none where there is no run yet. */
export interface PanelSeries {
  readonly name: string;
  readonly scores: readonly (readonly number[])[];
}

/** One diagram of several; all have the groups and the series in common, such as one a dataset. */
export interface ScorePanel {
  readonly title: string;
  readonly series: readonly PanelSeries[];
  /** A number to compare with, such as a published one: a line across. */
  readonly reference?: number | null;
}

export interface ScorePanels {
  readonly title: string;
  readonly groups: readonly string[];
  readonly panels: readonly ScorePanel[];
  /** What the scores are, with their unit. */
  readonly valueTitle: string;
  readonly referenceTitle?: string;
  /** What a score is of, such as `seed`. */
  readonly unit: string;
  /** Default 4. */
  readonly columns?: number;
  /** Decimals of the number above each place. Default 3. */
  readonly digits?: number;
}

/** Letters in a line of a group's name. */
const groupNameWidth = 12;
/** Share of a group's room that its places take. */
const groupWidth = 0.84;
const rowHeight = 190;
/** Fewer values have no deviation that says anything. */
const fewestForDeviation = 3;

/** Small diagrams in rows: a dot a run, a bar at their mean, and a mark to compare with: a grid of experiments at one look. */
export function scorePanels(given: ScorePanels, { label, caption }: ChartOptions): FigureDisplay {
  const { title, panels, groups, unit, columns = 4 } = given;
  checkPanels(given);
  const all = panels.flatMap(({ series }) => series.flatMap(({ scores }) => scores));
  const notes = [
    caption,
    `A dot a ${unit}, a bar at their mean, which is written above.`,
    all.some(({ length }) => length >= fewestForDeviation)
      ? `Whiskers: standard deviation over ${unit}s, of three and more.`
      : undefined,
    all.some(({ length }) => length === 0) ? `${missing}: not there yet.` : undefined,
  ].filter((note) => note !== undefined);
  const across = Math.min(columns, panels.length);
  const places = groups.length * panels[0].series.length;
  const narrow = Math.min(places > 4 ? 1 : 2, across);
  const longest = Math.max(...groups.flatMap((name) => wrapText(name, groupNameWidth)).map(({ length }) => length));
  return createFigure({
    data: [
      ...panels.flatMap((panel, at) => panel.series.flatMap((_, index) => placeTraces(given, at, index))),
      ...referenceTraces(given),
    ],
    layout: {
      ...axesLayout(given, across, 112),
      title: figureTitle(title),
      annotations: panels.flatMap((panel, at) => [panelTitle(panel, at), ...meanNumbers(given, at)]),
    },
    narrowLayout: { ...axesLayout(given, narrow, 152), title: figureTitle(title, 34) },
    width: { least: Math.max(340, narrow * (40 + Math.max(24 * places, groups.length * (10 + 6.5 * longest)))) },
    label,
    caption: notes.join(' '),
    table: tableRows(given),
  });
}

function checkPanels({ groups, panels }: ScorePanels): void {
  if (panels.length === 0 || groups.length === 0)
    throw new Error('Score panels need at least one panel and one group.');
  const names = panels[0].series.map(({ name }) => name);
  for (const { title, series } of panels) {
    if (series.map(({ name }) => name).join('\n') !== names.join('\n')) {
      throw new Error(`Panel "${title}" has other series than the first: ${names.join(', ')}.`);
    }
    for (const { name, scores } of series) {
      if (scores.length !== groups.length) {
        throw new Error(`"${name}" of panel "${title}" does not have scores for each of ${groups.length} groups.`);
      }
    }
  }
}

const isValue = (value: number | null | undefined): value is number =>
  typeof value === 'number' && Number.isFinite(value);

/** Where a series stands; groups are 0, 1, 2, … */
function positions(groups: number, series: number, index: number): number[] {
  return Array.from({ length: groups }, (_, group) => group + (index - (series - 1) / 2) * (groupWidth / series));
}

/** The dots, moved apart a little so that none hides another, and the means. */
function placeTraces({ groups, panels, unit }: ScorePanels, at: number, index: number): PlotTrace[] {
  const { title, series } = panels[at];
  const { name, scores } = series[index];
  const style = seriesStyle(index);
  const x = positions(groups.length, series.length, index);
  const room = (groupWidth / series.length) * 0.5;
  const dots = scores.flatMap((values, group) =>
    values.map((y, one) => ({
      x: x[group] + room * (values.length < 2 ? 0 : one / (values.length - 1) - 0.5),
      y,
      group,
    })),
  );
  const means = scores.flatMap((values, group) => (values.length < 2 ? [] : [{ x: x[group], values, group }]));
  const axes = { xaxis: `x${axisNumber(at)}`, yaxis: `y${axisNumber(at)}`, legendgroup: `series ${index}` };
  const place = (group: number): string => escapeLabel(`${title}, ${groups[group]}`);
  return [
    {
      ...{
        type: 'scatter',
        mode: 'markers',
        name: escapeLabel(name),
        ...axes,
        showlegend: at === 0 && series.length > 1,
      },
      ...{ x: dots.map((dot) => dot.x), y: dots.map((dot) => dot.y) },
      marker: { color: style.color, symbol: style.symbol, size: 8, line: { color: color.paper, width: 1 } },
      hovertext: dots.map(({ group }) => place(group)),
      hovertemplate: `${escapeLabel(name)}, %{hovertext}: %{y:.4f}<extra></extra>`,
    },
    {
      ...{ type: 'scatter', mode: 'markers', name: escapeLabel(name), ...axes, showlegend: false },
      ...{ x: means.map((one) => one.x), y: means.map(({ values }) => mean(values)) },
      marker: { color: color.ink, symbol: 'line-ew-open', size: 18, line: { color: color.ink, width: 2 } },
      hovertext: means.map(({ group, values }) => `${place(group)}, mean of ${values.length} ${unit}s`),
      hovertemplate: `${escapeLabel(name)}, %{hovertext}: %{y:.4f}<extra></extra>`,
      error_y: {
        type: 'data',
        array: means.map(({ values }) => (values.length < fewestForDeviation ? 0 : sampleDeviation(values))),
        ...{ color: color.ink, thickness: 1.3, width: 3 },
      },
    },
  ];
}

function referenceTraces({ groups, panels, referenceTitle = 'Reference' }: ScorePanels): PlotTrace[] {
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
function panelTitle({ title }: ScorePanel, at: number): object {
  const number = axisNumber(at);
  const place = { xref: `x${number} domain`, yref: `y${number} domain`, x: 0.5, y: 1, yanchor: 'bottom', yshift: 4 };
  return { text: `<b>${escapeLabel(title)}</b>`, ...place, showarrow: false, font: { size: 12, color: color.ink } };
}

/** The highest that a place reaches: its dots, and the end of its whisker. */
function topOf(scores: readonly number[]): number {
  const whisker = scores.length < fewestForDeviation ? 0 : mean(scores) + sampleDeviation(scores);
  return Math.max(...scores, whisker);
}

function bottomOf(scores: readonly number[]): number {
  const whisker = scores.length < fewestForDeviation ? Infinity : mean(scores) - sampleDeviation(scores);
  return Math.min(...scores, whisker);
}

function meanNumbers(given: ScorePanels, at: number): object[] {
  const { groups, panels, digits = 3 } = given;
  const { series } = panels[at];
  const [floor] = rangeOf(given);
  const look = { xref: `x${axisNumber(at)}`, yref: `y${axisNumber(at)}`, showarrow: false, yanchor: 'bottom' };
  return series.flatMap(({ scores }, index) =>
    positions(groups.length, series.length, index).map((x, group) => {
      const values = scores[group];
      if (values.length === 0) return { text: missing, x, y: floor, ...look, font: { size: 13, color: color.muted } };
      const number = { text: formatDecimal(mean(values), digits), x, y: topOf(values), ...look };
      return { ...number, yshift: 6, bgcolor: color.paper, borderpad: 0, font: { size: 9 } };
    }),
  );
}

/** Of all panels: everything that is drawn, and room for the numbers. Dots do not need a 0 below them, as bars would. */
function rangeOf({ panels }: ScorePanels): [number, number] {
  const scores = panels.flatMap(({ series }) => series.flatMap((one) => one.scores)).filter(({ length }) => length > 0);
  const references = panels.flatMap(({ reference }) => (isValue(reference) ? [reference] : []));
  const low = Math.min(...scores.map(bottomOf), ...references);
  const high = Math.max(...scores.map(topOf), ...references);
  if (low > high) return [0, 1];
  const span = Math.max(high - low, 0.02);
  return [low - 0.08 * span, high + 0.2 * span];
}

/** Axes of panels in rows of so many, under so many pixels for title and legend. */
function axesLayout(given: ScorePanels, columns: number, above: number): PlotLayout {
  const { groups, panels, valueTitle } = given;
  const range = rangeOf(given);
  const rows = Math.ceil(panels.length / columns);
  const names = groups.map((name) => wrapText(name, groupNameWidth));
  const below = 16 + 14 * Math.max(...names.map(({ length }) => length));
  const height = above + below + rows * rowHeight;
  const inside = height - above - below;
  const [gapX, gapY] = [columns === 1 ? 0 : 0.05, rows === 1 ? 0 : (below + 32) / inside];
  const [width, tall] = [(1 - gapX * (columns - 1)) / columns, (1 - gapY * (rows - 1)) / rows];
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
      range,
      zeroline: false,
    };
  });
  // The numbers would stay behind when their dots were switched off.
  const legend = { itemclick: false, itemdoubleclick: false, y: 1 + 26 / inside };
  return { ...layout, height, margin: { t: above, b: below }, legend };
}

function tableRows({ groups, panels, referenceTitle = 'Reference' }: ScorePanels): object[] {
  return panels.flatMap(({ title, series, reference }) =>
    groups.map((group, at) => {
      const cells = series.flatMap(({ name, scores }): [string, unknown][] => {
        const values = scores[at];
        const summary = {
          mean: values.length === 0 ? null : mean(values),
          SD: values.length < 2 ? null : sampleDeviation(values),
        };
        return [
          [name, summary.mean],
          [`${name} SD`, summary.SD],
          [`${name} n`, values.length],
        ];
      });
      const compared = panels.some((panel) => isValue(panel.reference)) ? { [referenceTitle]: reference ?? null } : {};
      return { Panel: title, Group: group, ...(Object.fromEntries(cells) as Record<string, unknown>), ...compared };
    }),
  );
}
