import {
  axisNumber,
  createFigure,
  figureTitle,
  narrowHeader,
  narrowTitle,
  type ChartOptions,
  type FigureDisplay,
  type PlotLayout,
  type PlotTrace,
} from './figure';
import { escapeLabel, shortNames, wrapText } from './html';
import { color, seriesStyle } from './theme';

/** What one setting, or one score, was in each training. */
export interface SettingValues {
  readonly title: string;
  readonly values: readonly (number | string | undefined)[];
}

export interface SettingDots {
  readonly title: string;
  /** One diagram each. */
  readonly settings: readonly SettingValues[];
  /** Fractions; in each diagram a dot for each training. */
  readonly scores: readonly SettingValues[];
  /** What each training is, for readers who point at it. */
  readonly names: readonly string[];
  /** The training that is starred, by its index. */
  readonly best?: number;
  readonly bestTitle?: string;
}

const columnsOfGrid = 3;
const rowHeight = 250;
const gapBetweenRows = 92;

/**
 * Scores over each setting that varied, a diagram a setting and a dot a training: which values went with which score. Its numbers are in the
 * comparison's own table.
 */
export function settingDots(given: SettingDots, { label, caption }: ChartOptions): FigureDisplay {
  const { title, settings, scores, names } = given;
  const wrong = [...settings, ...scores].find(({ values }) => values.length !== names.length);
  if (wrong)
    throw new Error(`${wrong.title} has ${wrong.values.length} values, but there are ${names.length} trainings.`);
  const data = settings.flatMap((setting, panel) => [
    ...scores.map((score, index) => dots(given, { setting, panel, score, index })),
    ...star(given, setting, panel),
  ]);
  const legend = data.filter(({ showlegend }) => showlegend).map((trace) => String(trace.name));
  const columns = Math.min(columnsOfGrid, settings.length);
  return createFigure({
    data,
    layout: { ...gridLayout(given, columns, 84), title: figureTitle(title) },
    narrowLayout: {
      ...gridLayout(given, 1, 10 + narrowHeader(title, legend)),
      title: figureTitle(title, narrowTitle),
    },
    width: { most: 300 + 220 * columns },
    label,
    caption,
  });
}

interface Place {
  readonly setting: SettingValues;
  readonly panel: number;
  readonly score: SettingValues;
  readonly index: number;
}

function dots({ names }: SettingDots, { setting, panel, score, index }: Place): PlotTrace {
  const style = seriesStyle(index);
  const axis = axisOf(setting);
  const shown = names.flatMap((_, at) =>
    setting.values[at] === undefined || score.values[at] === undefined ? [] : [at],
  );
  return {
    type: 'scatter',
    mode: 'markers',
    name: escapeLabel(score.title),
    legendgroup: score.title,
    showlegend: panel === 0,
    x: shown.map((at) => axis.place(setting.values[at])),
    y: shown.map((at) => score.values[at]),
    xaxis: `x${axisNumber(panel)}`,
    yaxis: `y${axisNumber(panel)}`,
    marker: { color: style.color, symbol: style.symbol, size: 8, opacity: 0.75 },
    // Named once in each diagram: names are long.
    ...(index > 0 ? {} : { text: shown.map((at) => wrapText(names[at], 60).map(escapeLabel).join('<br>')) }),
    hovertemplate: `${escapeLabel(score.title)}: %{y:.4f}<extra>${index > 0 ? '' : '%{text}'}</extra>`,
  };
}

function star({ best, bestTitle = 'Best', scores }: SettingDots, setting: SettingValues, panel: number): PlotTrace[] {
  if (best === undefined || setting.values[best] === undefined) return [];
  return [
    {
      type: 'scatter',
      mode: 'markers',
      name: escapeLabel(bestTitle),
      legendgroup: 'best',
      showlegend: panel === 0,
      x: [axisOf(setting).place(setting.values[best])],
      y: [scores[0].values[best]],
      xaxis: `x${axisNumber(panel)}`,
      yaxis: `y${axisNumber(panel)}`,
      marker: { color: color.best, symbol: 'star', size: 16, line: { color: color.paper, width: 1 } },
      hoverinfo: 'skip',
    },
  ];
}

interface SettingAxis {
  place(value: number | string | undefined): number;
  readonly layout: PlotLayout;
}

/** Numbers stand at their places, by their logarithm where they span a factor of ten; texts at equal distances. */
function axisOf({ values }: SettingValues): SettingAxis {
  const present = [...new Set(values.filter((value) => value !== undefined))];
  const numbers = present.filter((value): value is number => typeof value === 'number').sort((a, b) => a - b);
  const [low, high] = [numbers[0], numbers[numbers.length - 1]];
  if (numbers.length < present.length || numbers.length < 2) {
    const texts = present.map(String).sort();
    const ticktext = shortNames(texts, Math.max(7, Math.floor(36 / texts.length))).map(escapeLabel);
    return {
      place: (value) => texts.indexOf(String(value)),
      layout: { range: [-0.5, texts.length - 0.5], tickvals: texts.map((_, at) => at), ticktext },
    };
  }
  const isLogarithmic = low > 0 && high / low >= 10;
  const from = (value: number): number => (isLogarithmic ? Math.log10(value) : value);
  const room = 0.08 * (from(high) - from(low));
  return {
    place: Number,
    layout: {
      range: [from(low) - room, from(high) + room],
      ...(isLogarithmic ? { type: 'log', dtick: 1 } : { nticks: 5 }),
      ...(numbers.length <= 4
        ? { tickvals: numbers, ticktext: numbers.map((one) => String(Number(one.toPrecision(3)))) }
        : {}),
    },
  };
}

/** Axes of diagrams in rows of so many, under so many pixels for title and legend. The scores' axis is the same in all. */
function gridLayout({ settings, scores }: SettingDots, columns: number, above: number): PlotLayout {
  const rows = Math.ceil(settings.length / columns);
  const below = 56;
  const inside = rows * rowHeight + (rows - 1) * gapBetweenRows;
  const gapX = columns === 1 ? 0 : 0.06;
  const width = (1 - gapX * (columns - 1)) / columns;
  const all = scores.flatMap(({ values }) => values.filter((value): value is number => typeof value === 'number'));
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const room = 0.08 * Math.max(high - low, 0.02);
  const axes = settings.flatMap((setting, panel): [string, object][] => {
    const [row, column] = [Math.floor(panel / columns), panel % columns];
    const left = column * (width + gapX);
    const top = 1 - (row * (rowHeight + gapBetweenRows)) / inside;
    const number = axisNumber(panel);
    const x = { domain: [left, left + width], anchor: `y${number}`, title: { text: escapeLabel(setting.title) } };
    const y = {
      domain: [Math.max(0, top - rowHeight / inside), top],
      anchor: `x${number}`,
      title: { text: column === 0 ? 'Score' : '' },
      range: [low - room, high + room],
      nticks: 6,
    };
    return [
      [`xaxis${number}`, { ...x, ...axisOf(setting).layout, zeroline: false }],
      [`yaxis${number}`, { ...y, zeroline: false }],
    ];
  });
  return {
    ...Object.fromEntries(axes),
    height: above + inside + below,
    margin: { t: above, b: below },
    legend: { y: 1 + 10 / inside },
    hovermode: 'closest',
  };
}
