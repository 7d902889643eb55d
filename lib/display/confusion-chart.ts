import { createFigure, figureTitle, type ChartOptions, type FigureDisplay, type PlotTrace } from './figure';
import { formatInteger, formatPercent } from './format';
import { escapeLabel, shortNames, wrapText } from './html';
import { color, heatInk, sequentialScale } from './theme';

export interface ConfusionMatrix {
  /** matrix[true class][predicted class]: counts. */
  readonly matrix: readonly (readonly number[])[];
  readonly classNames: readonly string[];
  readonly title?: string;
}

const colorbar = {
  title: { text: 'Share of the true class', side: 'right', font: { size: 12 } },
  tickformat: '.0%',
  thickness: 12,
  outlinewidth: 0,
  tickfont: { color: color.muted },
};

/** Counts and shares of each true class as a heat map: the colour is the share, so that a rare class looks like a common one. */
export function confusionMatrix(given: ConfusionMatrix, { label, caption }: ChartOptions): FigureDisplay {
  const { matrix, classNames, title = 'Confusion matrix' } = given;
  const size = classNames.length;
  if (matrix.length !== size || matrix.some((row) => row.length !== size)) {
    const shape = `${matrix.length}×${matrix[0]?.length ?? 0}`;
    throw new Error(`A confusion matrix of ${size} classes is ${size}×${size}; got ${shape}.`);
  }
  const shares = matrix.map((row) => rowShares(row));
  const digits = size > 9 ? 0 : 1;
  const texts = matrix.map((row, at) => row.map((count, to) => cellText(count, shares[at]?.[to], digits)));
  const cell = size <= 5 ? 84 : size <= 9 ? 62 : 52;
  const slanted = size > 5;
  return createFigure({
    data: [
      {
        type: 'heatmap',
        z: shares,
        coloraxis: 'coloraxis',
        xgap: 1,
        ygap: 1,
        text: texts,
        customdata: matrix.map((row, at) =>
          row.map((count, to) => hoverText(given, { at, to, count, share: shares[at]?.[to] })),
        ),
        hovertemplate: '%{customdata}<extra></extra>',
      },
      cellTexts(shares, texts, size > 9 ? 10 : 12),
    ],
    layout: {
      title: figureTitle(title),
      coloraxis: { colorscale: sequentialScale, cmin: 0, cmax: 1, colorbar },
      height: 130 + size * cell + (slanted ? 60 : 20),
      margin: { t: 56 },
      xaxis: {
        title: { text: 'Predicted class' },
        ...ticks(classNames, slanted ? [20, 20] : [12, 24]),
        range: [-0.5, size - 0.5],
        tickangle: slanted ? -40 : 0,
        showgrid: false,
        zeroline: false,
      },
      yaxis: {
        title: { text: 'True class' },
        ...ticks(classNames, [16, 32]),
        range: [size - 0.5, -0.5],
        showgrid: false,
        zeroline: false,
      },
    },
    narrowLayout: { coloraxis: { showscale: false } },
    width: { least: 170 + size * (slanted ? 62 : 84), most: 300 + size * (cell + 14) },
    label,
    caption,
    table: matrix.map((row, at) => ({
      'True class': classNames[at],
      ...Object.fromEntries(row.map((count, to) => [`predicted ${classNames[to]}`, count])),
    })),
  });
}

/** The texts as points of their own: Plotly's heat map has one colour for all of them, but each has to be read on its own cell's. */
function cellTexts(
  shares: readonly (readonly (number | null)[])[],
  texts: readonly string[][],
  size: number,
): PlotTrace {
  const cells = shares.flatMap((row, y) => row.map((share, x) => ({ x, y, share, text: texts[y][x] })));
  return {
    type: 'scatter',
    mode: 'text',
    x: cells.map(({ x }) => x),
    y: cells.map(({ y }) => y),
    text: cells.map(({ text }) => text),
    textfont: { size, color: cells.map(({ share }) => (share === null ? color.ink : heatInk(share))) },
    cliponaxis: false,
    hoverinfo: 'skip',
    showlegend: false,
  };
}

function rowShares(row: readonly number[]): (number | null)[] {
  const total = row.reduce((sum, count) => sum + count, 0);
  return row.map((count) => (total === 0 ? null : count / total));
}

function cellText(count: number, share: number | null | undefined, digits: number): string {
  if (count === 0 || typeof share !== 'number') return formatInteger(count);
  const percent = share < 0.005 && digits === 0 ? '&lt;1\u00a0%' : formatPercent(share, digits);
  return `${formatInteger(count)}<br>${percent}`;
}

interface HoveredCell {
  readonly at: number;
  readonly to: number;
  readonly count: number;
  readonly share: number | null | undefined;
}

/** Names in full: the axes may have shortened them. */
function hoverText({ classNames }: ConfusionMatrix, { at, to, count, share }: HoveredCell): string {
  const [actual = '', predicted = ''] = [classNames[at], classNames[to]];
  return `true: ${escapeLabel(actual)}<br>predicted: ${escapeLabel(predicted)}<br>${formatInteger(count)} images, ${formatPercent(share ?? NaN)}`;
}

function ticks(classNames: readonly string[], [lineLength, length]: readonly [number, number]): object {
  const names = shortNames(classNames, length).map((name) => wrapText(name, lineLength).map(escapeLabel).join('<br>'));
  return { tickmode: 'array', tickvals: names.map((_, index) => index), ticktext: names };
}
