import type { Data, Layout } from 'plotly.js-dist-min';
import { UserError } from '../errors';
import { baseAxis, color } from './theme';
import { createFigure, figureTitle, type Figure, type FigureDisplay, type PlotLayout } from './figure';

const clear = { bgcolor: 'rgba(0,0,0,0)' };

const geoAxis = { showgrid: true, gridcolor: color.grid };

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
    // Without outlines of the world, which Plotly would load from elsewhere.
    geo: { ...clear, visible: false, lonaxis: geoAxis, lataxis: geoAxis },
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
 * @throws UserError for a map whose outlines or tiles would have to be loaded
 */
export function figure({ data, layout = {}, narrowLayout, ...rest }: OwnFigure): FigureDisplay {
  for (const each of [layout, narrowLayout ?? {}]) checkMaps(data, each);
  return createFigure({
    ...rest,
    data: data.map((trace) => ({ ...trace, type: trace.type ?? 'scatter' })),
    layout: { template, ...(layout as PlotLayout) },
    narrowLayout: narrowLayout as PlotLayout | undefined,
  });
}

/** A page loads nothing, and a notebook is read where there is no network. */
function checkMaps(data: readonly Data[], layout: Partial<Layout>): void {
  const refused = data.find(({ type = '' }) => /^(choropleth|(choropleth|scatter|density)map(box)?)$/.test(type));
  const withNames = data.find((trace) => trace.type === 'scattergeo' && 'locations' in trace);
  const shown = Object.entries(layout).flatMap(([key, geo]) =>
    /^geo\d*$/.test(key)
      ? Object.entries(geo as object)
          .filter(([option, value]) => /^(visible|show(?!frame).+)$/.test(option) && value === true)
          .map(([option]) => `${key}.${option}`)
      : [],
  );
  const what =
    refused?.type ?? (withNames && 'scattergeo with locations') ?? (shown.length > 0 ? shown.join(', ') : undefined);
  if (what === undefined) return;
  throw new UserError(
    `The figure has ${what}, for which Plotly would load outlines or tiles from elsewhere: draw points and outlines of your own as scattergeo, by lon and lat (mode markers or lines), or areas as a scatter with fill 'toself'.`,
  );
}
