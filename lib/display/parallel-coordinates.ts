import { createFigure, figureTitle, type ChartOptions, type FigureDisplay, type PlotTrace } from './figure';
import { escapeLabel, wrapText } from './html';
import { color } from './theme';

/** One upright axis. Numbers above 0 that span a factor of ten are drawn by their logarithm, texts at equal distances. */
export interface ParallelAxis {
  readonly title: string;
  /** One for each line, in the same order; undefined where a line has none. */
  readonly values: readonly (number | string | undefined)[];
}

export interface ParallelCoordinates {
  readonly title: string;
  /** From left to right; what was measured stands at the right. */
  readonly axes: readonly ParallelAxis[];
  /** What each line is, for readers who point at it. */
  readonly names: readonly string[];
  /** The line that is marked, by its index. */
  readonly best?: number;
  /** Why it is marked, for the legend. */
  readonly bestTitle?: string;
}

interface Scale {
  /** From 0 below to 1 above; undefined where there is no value. */
  readonly place: (value: number | string | undefined) => number | undefined;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
}

const leastAxisWidth = 96;
const height = 440;

/** A line for each run through its value on every axis: which settings went with which result. */
export function parallelCoordinates(given: ParallelCoordinates, { label, caption }: ChartOptions): FigureDisplay {
  const { title, axes, names, best, bestTitle = 'Best' } = given;
  const wrong = axes.find(({ values }) => values.length !== names.length);
  if (wrong) throw new Error(`${wrong.title} has ${wrong.values.length} values, but there are ${names.length} lines.`);
  const scales = axes.map(({ values }) => axisScale(values));
  const order = names.map((_, line) => line).sort((a, b) => Number(a === best) - Number(b === best)); // the best above all
  const firstOther = order.find((line) => line !== best);
  return createFigure({
    data: order.map((line) => ({
      ...lineTrace(given, scales, line),
      name: line === best ? escapeLabel(bestTitle) : 'Others',
      legendgroup: line === best ? 'best' : 'others',
      showlegend: best !== undefined && (line === best || line === firstOther),
    })),
    layout: {
      title: figureTitle(title),
      height,
      margin: { l: 24, r: 72, t: 84, b: 64 },
      hovermode: 'closest',
      xaxis: {
        tickvals: axes.map((_, index) => index),
        ticktext: axes.map((axis) => wrapText(axis.title, 14).map(escapeLabel).join('<br>')),
        range: [-0.15, axes.length - 1 + 0.3],
        showgrid: false,
        zeroline: false,
        fixedrange: true,
      },
      yaxis: { visible: false, range: [-0.06, 1.06], fixedrange: true },
      shapes: axes.map((_, x) => ({
        type: 'line',
        x0: x,
        x1: x,
        y0: 0,
        y1: 1,
        layer: 'below',
        line: { color: color.grid, width: 2 },
      })),
      annotations: scales.flatMap(({ ticks }, x) => ticks.map(({ at, text }) => tickLabel(x, at, text))),
    },
    narrowLayout: { title: figureTitle(title, 34) },
    width: { least: leastAxisWidth * axes.length + 96, most: Math.max(480, 190 * axes.length) },
    label,
    caption,
    table: names.map((name, line) => ({
      run: name,
      ...Object.fromEntries(axes.map(({ title: axis, values }) => [axis, values[line]])),
      marked: line === best,
    })),
  });
}

function lineTrace({ axes, names, best }: ParallelCoordinates, scales: readonly Scale[], line: number): PlotTrace {
  const marked = line === best;
  return {
    type: 'scatter',
    mode: 'lines+markers',
    x: axes.map((_, index) => index),
    y: axes.map(({ values }, index) => scales[index].place(values[line]) ?? null),
    text: axes.map(({ title, values }) => escapeLabel(`${title}: ${valueText(values[line])}`)),
    hovertemplate: `%{text}<extra>${escapeLabel(names[line])}</extra>`,
    opacity: marked ? 1 : 0.6,
    line: { color: marked ? color.best : color.muted, width: marked ? 3.5 : 1.3 },
    marker: {
      color: marked ? color.best : color.muted,
      symbol: marked ? 'star' : 'circle',
      size: marked ? 11 : 5,
    },
  };
}

function axisScale(values: ParallelAxis['values']): Scale {
  const present = [...new Set(values.filter((value) => value !== undefined && !Number.isNaN(value)))];
  const numbers = present.filter((value): value is number => typeof value === 'number');
  if (numbers.length < present.length) return categoryScale(present.map(String).sort());
  const ascending = numbers.sort((a, b) => a - b);
  const [low, high] = [ascending[0], ascending[ascending.length - 1]];
  const logarithmic = low > 0 && high / low >= 10;
  const from = (value: number): number => (logarithmic ? Math.log(value) : value);
  const span = from(high) - from(low);
  const place: Scale['place'] = (value) => {
    if (typeof value !== 'number' || Number.isNaN(value)) return undefined;
    return span > 0 ? (from(value) - from(low)) / span : 0.5;
  };
  return { place, ticks: readableTicks(ascending.map((value) => ({ at: place(value) ?? 0, text: valueText(value) }))) };
}

function categoryScale(names: readonly string[]): Scale {
  const at = (name: string): number => (names.length === 1 ? 0.5 : names.indexOf(name) / (names.length - 1));
  return {
    place: (value) => (value === undefined ? undefined : at(String(value))),
    ticks: names.map((name) => ({ at: at(name), text: name })),
  };
}

/** The ends, and of the values between them those whose labels have room. */
function readableTicks(ticks: Scale['ticks']): Scale['ticks'] {
  const last = ticks[ticks.length - 1];
  const kept: Scale['ticks'][number][] = [];
  for (const tick of ticks) {
    const room = kept.length === 0 || tick.at - kept[kept.length - 1].at > 0.07;
    if (tick === last || (room && last.at - tick.at > 0.07)) kept.push(tick);
  }
  return kept;
}

function tickLabel(x: number, y: number, text: string): object {
  const place = { xref: 'x', yref: 'y', x, y, xanchor: 'left', yanchor: 'middle', xshift: 8 };
  return {
    ...place,
    text: escapeLabel(text),
    showarrow: false,
    bgcolor: color.paper,
    opacity: 0.85,
    font: { size: 11.5 },
  };
}

function valueText(value: number | string | undefined): string {
  if (value === undefined || Number.isNaN(value)) return 'none';
  return String(typeof value === 'number' ? Number(value.toPrecision(4)) : value);
}
