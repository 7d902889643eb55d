import { createFigure, figureTitle, type ChartOptions, type FigureDisplay } from './figure';
import { formatNumber } from './format';
import { color, seriesStyle } from './theme';

/** The predictions whose confidence lies in (lower, upper]. */
export interface CalibrationBin {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
  /** Mean confidence of its predictions. */
  readonly confidence: number;
  /** Share of them that is correct. */
  readonly accuracy: number;
}

export interface Reliability {
  readonly bins: readonly CalibrationBin[];
  readonly expectedCalibrationError?: number;
  readonly title?: string;
}

/**
 * Accuracy over confidence (Guo et al. 2017), and below how many predictions each bin rests on. A calibrated model
 * follows the diagonal.
 */
export function reliabilityDiagram(given: Reliability, { label, caption }: ChartOptions): FigureDisplay {
  const bins = given.bins.filter((bin) => bin.count > 0);
  const centers = bins.map((bin) => (bin.lower + bin.upper) / 2);
  const widths = bins.map((bin) => (bin.upper - bin.lower) * 0.94);
  const [accuracy, confidence] = [seriesStyle(0), seriesStyle(1)];
  const error = given.expectedCalibrationError;
  return createFigure({
    data: [
      {
        type: 'bar',
        name: 'Accuracy',
        x: centers,
        y: bins.map((bin) => bin.accuracy),
        width: widths,
        marker: { color: accuracy.color },
        customdata: bins.map((bin) => bin.count),
        hovertemplate: 'accuracy %{y:.3f} of %{customdata} predictions<extra></extra>',
      },
      {
        type: 'scatter',
        mode: 'markers',
        name: 'Mean confidence',
        x: centers,
        y: bins.map((bin) => bin.confidence),
        marker: { color: confidence.color, symbol: confidence.symbol, size: 8, line: { color: color.paper, width: 1 } },
        hovertemplate: 'mean confidence %{y:.3f}<extra></extra>',
      },
      {
        type: 'bar',
        name: 'Predictions',
        x: centers,
        y: bins.map((bin) => bin.count),
        width: widths,
        xaxis: 'x2',
        yaxis: 'y2',
        marker: { color: color.muted },
        showlegend: false,
        hovertemplate: '%{y} predictions<extra></extra>',
      },
    ],
    layout: {
      title: figureTitle(given.title ?? 'Reliability diagram'),
      height: 520,
      xaxis: { range: [0, 1], anchor: 'y', showticklabels: false },
      yaxis: { title: { text: 'Accuracy' }, range: [0, 1.02], domain: [0.32, 1] },
      xaxis2: { title: { text: 'Confidence' }, range: [0, 1], anchor: 'y2' },
      yaxis2: { title: { text: 'Predictions' }, domain: [0, 0.24], anchor: 'x2', nticks: 4 },
      shapes: [
        {
          type: 'line',
          xref: 'x',
          yref: 'y',
          x0: 0,
          y0: 0,
          x1: 1,
          y1: 1,
          line: { color: color.ink, dash: 'dash', width: 1.5 },
        },
      ],
      annotations: error === undefined ? [] : [errorBox(error)],
    },
    width: { most: 600 },
    label,
    caption,
    table: given.bins,
  });
}

function errorBox(error: number): object {
  const place = { xref: 'x domain', yref: 'y domain', x: 0.03, y: 0.96, xanchor: 'left', yanchor: 'top' };
  const look = { showarrow: false, bgcolor: color.surface, bordercolor: color.grid, borderwidth: 1, borderpad: 6 };
  return { text: `Expected calibration error ${formatNumber(error)}`, ...place, ...look };
}
