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
import { emptyNote, epochAxis } from './epoch-axis';
import { escapeLabel } from './html';
import { color, seriesStyle, type SeriesStyle } from './theme';

/** Training and validation loss of one training. */
export interface LossCurve {
  readonly name: string;
  readonly history: readonly { readonly epoch: number; readonly trainLoss: number; readonly valLoss: number }[];
  /** The epoch that was kept: a dashed line. */
  readonly bestEpoch?: number;
}

export interface LossCurves {
  readonly title: string;
  /** What the losses are, for the axis. */
  readonly lossTitle: string;
  /** One diagram each; curves of the same name have the same colour in all. */
  readonly panels: readonly { readonly title?: string; readonly curves: readonly LossCurve[] }[];
  /** Diagrams in a row, which have one scale; 3 by default. */
  readonly columns?: number;
}

const rowHeight = 260;

/** Loss per epoch in one or several diagrams: validation solid with marks, training dotted, the kept epoch a dashed vertical line. */
export function lossCurves(
  { title, lossTitle, panels: given, columns = 3 }: LossCurves,
  { label, caption }: ChartOptions,
): FigureDisplay {
  const panels = given.length === 0 ? [{ curves: [] }] : given;
  const names = [...new Set(panels.flatMap(({ curves }) => curves.map(({ name }) => name)))];
  const styleOf = ({ name }: LossCurve): SeriesStyle => seriesStyle(names.indexOf(name));
  const legendNames = names.flatMap((name) => [`${name}, training`, `${name}, validation`]);
  // The legend ends above the diagrams' own titles.
  const above = narrowHeader(title, legendNames) + 34;
  const wide = gridLayout(panels, lossTitle, Math.min(columns, panels.length));
  return createFigure({
    data: panels.flatMap(({ curves }, panel) =>
      curves.flatMap((curve) => {
        const first = panels.findIndex((one) => one.curves.some(({ name }) => name === curve.name));
        return curveTraces(curve, panel, { ...styleOf(curve), legend: first === panel });
      }),
    ),
    layout: {
      ...wide,
      title: figureTitle(title),
      shapes: panels.flatMap(({ curves }, panel) => curves.flatMap((curve) => bestLine(curve, panel, styleOf(curve)))),
    },
    narrowLayout: { ...gridLayout(panels, lossTitle, 1, above), title: figureTitle(title, narrowTitle) },
    width: names.length === 1 ? { most: 720 } : {},
    label,
    caption,
    table: panels.flatMap(({ title: panel, curves }) =>
      curves.flatMap(({ name, history, bestEpoch }) =>
        history.map(({ epoch, trainLoss, valLoss }) => {
          const place = panel === undefined ? {} : { panel };
          return { ...place, curve: name, epoch, trainLoss, valLoss, kept: epoch === bestEpoch };
        }),
      ),
    ),
  });
}

function curveTraces(
  { name, history }: LossCurve,
  panel: number,
  { legend, ...style }: SeriesStyle & { readonly legend: boolean },
): PlotTrace[] {
  return (['trainLoss', 'valLoss'] as const).map((key) => {
    const split = key === 'trainLoss' ? 'training' : 'validation';
    return {
      type: 'scatter',
      mode: split === 'validation' || history.length === 1 ? 'lines+markers' : 'lines',
      name: escapeLabel(`${name}, ${split}`),
      legendgroup: `${name} ${split}`,
      showlegend: legend,
      x: history.map(({ epoch }) => epoch),
      y: history.map((row) => row[key]),
      xaxis: `x${axisNumber(panel)}`,
      yaxis: `y${axisNumber(panel)}`,
      line: { color: style.color, dash: split === 'training' ? 'dot' : 'solid', width: 2 },
      marker: { color: style.color, symbol: style.symbol, size: 6, maxdisplayed: 12 },
      hovertemplate: `${escapeLabel(name)}, ${split}, epoch %{x}: %{y:.4f}<extra></extra>`,
    };
  });
}

/** Dashes of another length for each series, so that two on the same epoch are both seen. */
function bestLine({ bestEpoch }: LossCurve, panel: number, style: SeriesStyle): object[] {
  if (bestEpoch === undefined) return [];
  const number = axisNumber(panel);
  const place = { xref: `x${number}`, yref: `y${number} domain`, x0: bestEpoch, x1: bestEpoch, y0: 0, y1: 1 };
  return [
    {
      type: 'line',
      ...place,
      layer: 'below',
      line: { color: style.color, dash: style.dash === 'solid' ? '9px,7px' : '4px,4px', width: 1.5 },
    },
  ];
}

/** Above the diagrams, in CSS pixels, where names stand side by side. */
const wideLegendRoom = 112;

/** Axes and titles of diagrams in rows of so many. */
function gridLayout(
  panels: LossCurves['panels'],
  lossTitle: string,
  columns: number,
  legendRoom = wideLegendRoom,
): PlotLayout {
  const rows = Math.ceil(panels.length / columns);
  const height = (rows === 1 ? 380 : 90 + rows * rowHeight) + legendRoom - wideLegendRoom;
  const [gapX, gapY] = [0.09, Math.min(0.5 / rows, 90 / height)];
  const [width, tall] = [(1 - gapX * (columns - 1)) / columns, (1 - gapY * (rows - 1)) / rows];
  const layout: Record<string, object> = {};
  const annotations: object[] = [];
  panels.forEach(({ title, curves }, panel) => {
    const own = curves.flatMap(({ history }) => history.map(({ epoch }) => epoch));
    const [row, column] = [Math.floor(panel / columns), panel % columns];
    const left = column * (width + gapX);
    const top = 1 - row * (tall + gapY);
    const number = axisNumber(panel);
    const bottomRow = panel + columns >= panels.length;
    layout[`xaxis${number}`] = {
      ...epochAxis(own),
      domain: [left, left + width],
      anchor: `y${number}`,
      title: { text: bottomRow ? 'Epoch' : '' },
    };
    layout[`yaxis${number}`] = {
      domain: [top - tall, top],
      anchor: `x${number}`,
      title: { text: column === 0 ? lossTitle : '' },
      rangemode: 'tozero',
      nticks: 6,
      ...(column === 0 ? {} : { matches: `y${axisNumber(panel - column)}` }),
    };
    if (own.length === 0) annotations.push(emptyNote(number));
    if (title === undefined) return;
    const place = { xref: 'paper', yref: 'paper', x: left + width / 2, y: top, xanchor: 'center', yanchor: 'bottom' };
    annotations.push({ text: escapeLabel(title), ...place, showarrow: false, font: { size: 13, color: color.ink } });
  });
  const legend = { y: 1 + 26 / (height - legendRoom - 48) };
  return { ...layout, height, annotations, margin: { t: legendRoom }, legend };
}
