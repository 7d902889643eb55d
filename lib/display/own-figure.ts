import type { Data, Layout } from 'plotly.js-dist-min';
import { baseAxis, color } from './theme';
import { createFigure, figureTitle, type Figure, type FigureDisplay, type PlotLayout } from './figure';

const clear = { bgcolor: 'rgba(0,0,0,0)' };

/** The project's titles and axes wherever a figure has some. */
const template = {
  // Plotly takes the clear paper for black.
  data: { sankey: [{ link: { color: 'rgba(128, 128, 128, 0.35)' } }] },
  layout: {
    title: figureTitle(''),
    xaxis: baseAxis,
    yaxis: baseAxis,
    scene: { xaxis: baseAxis, yaxis: baseAxis, zaxis: baseAxis },
    polar: { ...clear, radialaxis: baseAxis, angularaxis: baseAxis },
    ternary: clear,
    geo: { ...clear, lakecolor: color.paper, landcolor: color.grid },
  },
};

/** Any figure of Plotly's: traces, layout, and what it shows in a sentence. */
export interface OwnFigure extends Omit<Figure, 'data' | 'layout' | 'narrowLayout'> {
  readonly data: readonly Data[];
  readonly layout?: Partial<Layout>;
  readonly narrowLayout?: Partial<Layout>;
}

/**
 * A figure of your own, in the style of the others: lines, bars, heat maps, 3-D, sankey, parallel coordinates, everything that Plotly
 * draws without a server. The page that shows it has as much of Plotly in it as its figures need.
 */
export function figure({ data, layout = {}, narrowLayout, ...rest }: OwnFigure): FigureDisplay {
  return createFigure({
    ...rest,
    data: data.map((trace) => ({ ...trace, type: trace.type ?? 'scatter' })),
    layout: { template, ...(layout as PlotLayout) },
    narrowLayout: narrowLayout as PlotLayout | undefined,
  });
}
