/**
 * Colours, fonts and the Plotly defaults. Colours that depend on the theme are CSS variables, resolved where a figure is drawn, so one
 * saved figure follows JupyterLab's theme and the page's. display.css defines them.
 */

/**
 * Series colours, all at least 3:1 against white and against JupyterLab's and the page's dark background. The first four are Okabe and
 * Ito's that pass; violet and crimson were searched for the largest distance under simulated colour blindness (Machado et al. 2009).
 */
export const palette = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#8430F0', '#E40048'] as const;

export const color = {
  ink: 'var(--nb-ink)',
  muted: 'var(--nb-muted)',
  grid: 'var(--nb-grid)',
  surface: 'var(--nb-surface)',
  paper: 'var(--nb-paper)',
  best: '#009E73',
} as const;

/** Few to many, on either theme: the low end is close to the background. */
export const sequentialScale: readonly (readonly [number, string])[] = [
  [0, 'var(--nb-heat-0)'],
  [0.5, 'var(--nb-heat-1)'],
  [1, 'var(--nb-heat-2)'],
];

/** What the variables of `sequentialScale` are in the two themes. */
export const heatColors = {
  light: ['#f2f6fa', '#6aaed6', '#08447e'],
  dark: ['#1a222c', '#22659e', '#9fd0f5'],
} as const;

/** The colour of a share from 0 to 1 on the scale of a theme, as Plotly mixes it. */
export function heatColor(theme: keyof typeof heatColors, share: number): string {
  const [low, middle, high] = heatColors[theme];
  return share <= 0.5 ? mixed(low, middle, share * 2) : mixed(middle, high, share * 2 - 1);
}

function mixed(from: string, to: string, part: number): string {
  const channels = [1, 3, 5].map((start) => {
    const [a, b] = [from, to].map((hex) => parseInt(hex.slice(start, start + 2), 16)) as [number, number];
    return Math.round(a + (b - a) * part)
      .toString(16)
      .padStart(2, '0');
  });
  return `#${channels.join('')}`;
}

/** Black or white, whichever is read better on a colour: at least 4.5:1 on any (WCAG 2.2). */
export function inkOn(background: string): string {
  return contrast('#000000', background) >= contrast('#ffffff', background) ? '#000000' : '#ffffff';
}

/** The colour of a text on the scale's colour of a share; a variable where the two themes differ in it. */
export function heatInk(share: number): string {
  const [light, dark] = [inkOn(heatColor('light', share)), inkOn(heatColor('dark', share))];
  if (light === dark) return light;
  return light === '#000000' ? 'var(--nb-heat-ink)' : 'var(--nb-heat-paper)';
}

export const fontFamily = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

const dashes = ['solid', 'dash', 'dot', 'dashdot', 'longdash', 'longdashdot'] as const;
const symbols = ['circle', 'square', 'diamond', 'triangle-up', 'x', 'cross'] as const;
const patterns = ['', '/', '.', 'x', '-', '+'] as const;

export interface SeriesStyle {
  readonly color: string;
  readonly dash: string;
  readonly symbol: string;
  /** Hatching of bars; empty for a plain fill. */
  readonly pattern: string;
}

/** Colour is never the only difference between two series. */
export function seriesStyle(index: number): SeriesStyle {
  return {
    color: palette[index % palette.length] ?? palette[0],
    dash: dashes[index % dashes.length] ?? 'solid',
    symbol: symbols[index % symbols.length] ?? 'circle',
    pattern: patterns[index % patterns.length] ?? '',
  };
}

/** The filling of bars; lines in the colour of the paper, so that it works on any. */
export function hatching(shape: string): object {
  return { shape, fillmode: 'overlay', fgcolor: color.paper, size: 8, solidity: 0.2 };
}

export const baseAxis = {
  gridcolor: color.grid,
  linecolor: color.grid,
  zerolinecolor: color.grid,
  tickcolor: color.grid,
  tickfont: { color: color.muted, size: 12 },
  title: { font: { size: 13 }, standoff: 10 },
  automargin: true,
} as const;

export const baseLayout = {
  paper_bgcolor: 'rgba(0,0,0,0)',
  plot_bgcolor: 'rgba(0,0,0,0)',
  font: { family: fontFamily, size: 13, color: color.ink },
  colorway: palette,
  margin: { l: 64, r: 16, t: 80, b: 48 },
  hoverlabel: { bgcolor: color.surface, bordercolor: color.muted, font: { color: color.ink, family: fontFamily } },
  legend: { orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom', font: { color: color.ink }, tracegroupgap: 0 },
  modebar: { bgcolor: 'rgba(0,0,0,0)', color: color.muted, activecolor: color.ink },
  height: 400,
  autosize: true,
} as const;

/** Version 4 of Plotly offers to upload a chart by default; these are medical images. */
export const baseConfig = {
  showSendToCloud: false,
  displaylogo: false,
  responsive: true,
  modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'],
} as const;

/** Relative luminance of a colour `#RRGGBB` (WCAG 2.2). */
export function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5].map((start) => {
    const value = parseInt(hex.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast of two colours, 1 to 21 (WCAG 2.2). */
export function contrast(first: string, second: string): number {
  const [dark, light] = [luminance(first), luminance(second)].sort((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}
