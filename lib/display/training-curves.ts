import { createFigure, figureTitle, type ChartOptions, type FigureDisplay } from './figure';
import { epochAxis } from './epoch-axis';
import { escapeLabel } from './html';
import { seriesStyle } from './theme';

export interface TrainingCurves {
  readonly title: string;
  readonly yTitle: string;
  /** In the order of the legend. */
  readonly curves: readonly {
    readonly name: string;
    readonly points: readonly { readonly epoch: number; readonly value: number }[];
  }[];
}

/** One value per epoch of several trainings, a curve each. */
export function trainingCurves(
  { title, yTitle, curves }: TrainingCurves,
  { label, caption }: ChartOptions,
): FigureDisplay {
  const epochs = [...new Set(curves.flatMap(({ points }) => points.map(({ epoch }) => epoch)))].sort((a, b) => a - b);
  const legendRows = Math.ceil(curves.length / 2);
  const height = (rows: number): object => ({ height: 340 + 24 * rows, margin: { t: 60 + 24 * rows } });
  return createFigure({
    data: curves.map(({ name, points }, index) => {
      const style = seriesStyle(index);
      return {
        type: 'scatter',
        mode: 'lines+markers',
        name: escapeLabel(name),
        x: points.map(({ epoch }) => epoch),
        y: points.map(({ value }) => value),
        line: { color: style.color, dash: style.dash, width: 2 },
        marker: { color: style.color, symbol: style.symbol, size: points.length > 40 ? 4 : 6 },
        hovertemplate: `epoch %{x}: %{y:.4f}<extra>${escapeLabel(name)}</extra>`,
      };
    }),
    layout: {
      title: figureTitle(title),
      ...height(legendRows),
      xaxis: epochAxis(epochs),
      yaxis: { title: { text: yTitle } },
    },
    narrowLayout: { title: figureTitle(title, 34), ...height(curves.length) },
    width: { most: 860 },
    label,
    caption,
    table: epochs.map((epoch) => ({
      Epoch: epoch,
      ...Object.fromEntries(
        curves.map(({ name, points }) => [name, points.find((point) => point.epoch === epoch)?.value]),
      ),
    })),
  });
}
