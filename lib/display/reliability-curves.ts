import type { CalibrationBin } from './calibration-chart';
import {
  axisNumber,
  createFigure,
  figureTitle,
  type ChartOptions,
  type FigureDisplay,
  type PlotLayout,
  type PlotTrace,
} from './figure';
import { escapeLabel } from './html';
import { color, seriesStyle } from './theme';

export interface ReliabilityCurve {
  readonly name: string;
  /** Empty ones are left out. */
  readonly bins: readonly CalibrationBin[];
}

export interface ReliabilityCurves {
  readonly title: string;
  /** One diagram each; curves of the same name have the same colour in all. */
  readonly panels: readonly { readonly title: string; readonly curves: readonly ReliabilityCurve[] }[];
  /** What is predicted, such as P(lesion), and what it is compared with. */
  readonly confidenceTitle: string;
  readonly accuracyTitle: string;
}

const side = 330;

/**
 * Reliability diagrams of several models, three in a row, with several curves each: a point a bin at its mean confidence, the larger the more
 * predictions it rests on. What is calibrated follows the diagonal; what is too sure is flatter.
 */
export function reliabilityCurves(given: ReliabilityCurves, { label, caption }: ChartOptions): FigureDisplay {
  const { title, panels } = given;
  const names = [...new Set(panels.flatMap(({ curves }) => curves.map(({ name }) => name)))];
  const legendLines = Math.ceil(names.length / 3);
  return createFigure({
    data: panels.flatMap(({ curves }, panel) =>
      curves.map((curve) => curveTrace(curve, panel, names.indexOf(curve.name))),
    ),
    layout: { ...panelLayout(given, Math.min(3, panels.length), 84 + 22 * legendLines), title: figureTitle(title) },
    narrowLayout: { ...panelLayout(given, 1, 100 + 22 * names.length), title: figureTitle(title, 34) },
    width: { most: panels.length === 1 ? 480 : 860 },
    label,
    caption,
    table: panels.flatMap(({ title: panel, curves }) =>
      curves.flatMap(({ name, bins }) => bins.map((bin) => ({ panel, curve: name, ...bin }))),
    ),
  });
}

function curveTrace({ name, bins }: ReliabilityCurve, panel: number, series: number): PlotTrace {
  const shown = bins.filter(({ count }) => count > 0);
  const most = Math.max(...shown.map(({ count }) => count), 1);
  const style = seriesStyle(series);
  return {
    type: 'scatter',
    mode: 'lines+markers',
    name: escapeLabel(name),
    legendgroup: name,
    showlegend: panel === 0,
    x: shown.map(({ confidence }) => confidence),
    y: shown.map(({ accuracy }) => accuracy),
    xaxis: `x${axisNumber(panel)}`,
    yaxis: `y${axisNumber(panel)}`,
    line: { color: style.color, dash: style.dash, width: 2 },
    marker: {
      color: style.color,
      symbol: style.symbol,
      size: shown.map(({ count }) => 4 + (8 * Math.log1p(count)) / Math.log1p(most)),
    },
    text: shown.map(({ lower, upper, count }) => `${lower.toFixed(2)} to ${upper.toFixed(2)}, ${count} predictions`),
    hovertemplate: `${escapeLabel(name)}, %{text}: mean %{x:.3f}, share %{y:.3f}<extra></extra>`,
  };
}

function panelLayout(
  { panels, confidenceTitle, accuracyTitle }: ReliabilityCurves,
  columns: number,
  above: number,
): PlotLayout {
  const rows = Math.ceil(panels.length / columns);
  const below = 56;
  const gapY = rows === 1 ? 0 : 84;
  const inside = rows * side + (rows - 1) * gapY;
  const gapX = columns === 1 ? 0 : 0.1;
  const width = (1 - gapX * (columns - 1)) / columns;
  const layout: Record<string, object> = {};
  panels.forEach((_, panel) => {
    const [row, column] = [Math.floor(panel / columns), panel % columns];
    const left = column * (width + gapX);
    const top = 1 - (row * (side + gapY)) / inside;
    const number = axisNumber(panel);
    layout[`xaxis${number}`] = {
      domain: [left, left + width],
      anchor: `y${number}`,
      title: { text: confidenceTitle },
      range: [-0.03, 1.03],
      zeroline: false,
    };
    layout[`yaxis${number}`] = {
      domain: [Math.max(0, top - side / inside), top],
      anchor: `x${number}`,
      title: { text: column === 0 ? accuracyTitle : '' },
      range: [-0.03, 1.03],
      zeroline: false,
    };
  });
  const legend = { y: 1 + 26 / inside };
  return {
    ...layout,
    height: above + inside + below,
    margin: { t: above, b: below },
    legend,
    shapes: panels.map((_, panel) => diagonal(panel)),
    annotations: panels.map(({ title }, panel) => panelTitle(title, panel)),
  };
}

function diagonal(panel: number): object {
  const place = { xref: `x${axisNumber(panel)}`, yref: `y${axisNumber(panel)}`, x0: 0, y0: 0, x1: 1, y1: 1 };
  return { type: 'line', ...place, layer: 'below', line: { color: color.muted, dash: 'dash', width: 1.5 } };
}

/** Bound to the panel's own axes, so that it stays with it in any arrangement. */
function panelTitle(title: string, panel: number): object {
  const number = axisNumber(panel);
  const place = { xref: `x${number} domain`, yref: `y${number} domain`, x: 0.5, y: 1, yanchor: 'bottom', yshift: 4 };
  return { text: `<b>${escapeLabel(title)}</b>`, ...place, showarrow: false, font: { size: 12, color: color.ink } };
}

/** The same bins of several runs as if their pixels were together. */
export function mergeBins(all: readonly (readonly CalibrationBin[])[]): CalibrationBin[] {
  return all[0].map(({ lower, upper }, index) => {
    const bins = all.map((run) => run[index]).filter(({ count }) => count > 0);
    const count = bins.reduce((sum, bin) => sum + bin.count, 0);
    const weighted = (key: 'confidence' | 'accuracy'): number =>
      bins.reduce((sum, bin) => sum + bin[key] * bin.count, 0) / count;
    return { lower, upper, count, confidence: weighted('confidence'), accuracy: weighted('accuracy') };
  });
}
