import { createFigure, figureTitle, type ChartOptions, type FigureDisplay } from './figure';
import { formatDecimal } from './format';
import { escapeLabel } from './html';
import { color, palette } from './theme';

export interface RankChart {
  readonly title: string;
  /** In any order; 1 is the best rank. */
  readonly methods: readonly { readonly name: string; readonly meanRank: number }[];
  readonly datasets: number;
  /** Methods whose mean ranks differ by less are not told apart. */
  readonly criticalDifference: number;
  /** Of the test that all methods are alike, for the caption. */
  readonly pValue?: number;
}

/**
 * Mean ranks, the best at the top, each with a bar of one critical difference: methods whose bars do not overlap are told apart by
 * Nemenyi's test. A band continues the best one's bar, so that who reaches it is seen at once. No rank is better than 1, where bars end.
 */
export function rankChart(given: RankChart, { label, caption }: ChartOptions): FigureDisplay {
  const { title, datasets, criticalDifference, pValue } = given;
  if (given.methods.length < 2) throw new Error('A rank chart needs at least two methods.');
  const methods = [...given.methods].sort((a, b) => a.meanRank - b.meanRank);
  const half = criticalDifference / 2;
  const edge = methods[0].meanRank + half;
  // Bars of equal length overlap up to a distance of one length.
  const likeBest = methods.filter(({ meanRank }) => meanRank - methods[0].meanRank <= criticalDifference);
  const reached = (name: string): boolean => likeBest.some((method) => method.name === name);
  const notes = [
    caption,
    `Bars are one critical difference long (${formatDecimal(criticalDifference, 2)}, Nemenyi, 95 %): methods whose bars overlap are not told apart. The band continues the best one’s: what reaches it may be as good. Bars end at rank 1, than which there is no better.`,
    pValue === undefined
      ? undefined
      : `All methods alike: p = ${formatDecimal(pValue, 3)} (Friedman, Iman and Davenport).`,
  ].filter((note) => note !== undefined);
  return createFigure({
    data: [
      {
        type: 'scatter',
        mode: 'markers',
        x: methods.map(({ meanRank }) => meanRank),
        y: methods.map((_, row) => row),
        text: methods.map(({ name }) => escapeLabel(name)),
        hovertemplate: '%{text}: mean rank %{x:.2f}<extra></extra>',
        showlegend: false,
        error_x: {
          type: 'data',
          symmetric: false,
          array: methods.map(() => half),
          arrayminus: methods.map(({ meanRank }) => Math.min(half, meanRank - 1)),
          ...{ color: color.muted, thickness: 2.5, width: 5 },
        },
        marker: {
          size: 12,
          color: methods.map(({ name }) => (reached(name) ? palette[0] : palette[1])),
          symbol: methods.map(({ name }) => (reached(name) ? 'circle' : 'diamond')),
          line: { color: color.paper, width: 1 },
        },
      },
    ],
    layout: {
      title: figureTitle(title),
      height: 130 + 34 * methods.length,
      margin: { t: 56 },
      xaxis: {
        title: { text: `Mean rank over ${datasets} datasets (1 is best)` },
        range: [0.8, Math.max(methods.length, methods[methods.length - 1].meanRank + half) + 0.2],
        zeroline: false,
        tickmode: 'array',
        tickvals: methods.map((_, index) => index + 1),
      },
      yaxis: {
        tickmode: 'array',
        tickvals: methods.map((_, row) => row),
        ticktext: methods.map(({ name }) => escapeLabel(name)),
        range: [methods.length - 0.5, -0.5],
        showgrid: false,
        zeroline: false,
      },
      shapes: [
        {
          type: 'rect',
          xref: 'x',
          yref: 'y domain',
          x0: Math.max(1, methods[0].meanRank - half),
          x1: edge,
          y0: 0,
          y1: 1,
          layer: 'below',
          fillcolor: color.grid,
          opacity: 0.45,
          line: { width: 0 },
        },
      ],
      annotations: methods.map(({ meanRank }, row) => ({
        text: formatDecimal(meanRank, 2),
        x: meanRank,
        y: row,
        yshift: 13,
        showarrow: false,
        font: { size: 11 },
      })),
    },
    narrowLayout: { title: figureTitle(title, 34), margin: { t: 76 } },
    width: { least: 460, most: 820 },
    label,
    caption: notes.join(' '),
    table: methods.map(({ name, meanRank }) => ({
      Method: name,
      'Mean rank': meanRank,
      'Not told apart from the best': reached(name),
    })),
  });
}
