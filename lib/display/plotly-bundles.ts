/** Plotly comes in bundles, of which each draws what the one before it does and more. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { projectRoot } from '../paths';

/** From the smallest; the last one draws everything, and makes no code from texts as plotly.js-dist-min does: a page's policy forbids it. */
const bundles = {
  basic: ['bar', 'pie', 'scatter'],
  cartesian: [
    'box',
    'contour',
    'heatmap',
    'histogram',
    'histogram2d',
    'histogram2dcontour',
    'image',
    'scatterternary',
    'violin',
  ],
  strict: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type BundleName = keyof typeof bundles;

export const bundleNames = Object.keys(bundles) as readonly BundleName[];

/** The smallest bundle that draws traces of these types. */
export function bundleOf(types: readonly string[]): BundleName {
  const needed = types.map(
    (type): BundleName => bundleNames.find((name) => (bundles[name] as readonly string[]).includes(type)) ?? 'strict',
  );
  return largest(needed);
}

/** The smallest bundle that draws all figures in HTML: each says its own. Those of older notebooks do not. */
export function bundleOfHtml(html: string): BundleName {
  const needed = [...html.matchAll(/ data-figure(?:="(\w+)")?/g)].map(
    ([, name]) => bundleNames.find((known) => known === name) ?? 'cartesian',
  );
  return largest(needed);
}

function largest(names: readonly BundleName[]): BundleName {
  return bundleNames[Math.max(0, ...names.map((name) => bundleNames.indexOf(name)))];
}

/** Where a bundle's own file is. */
export function bundlePath(name: BundleName): string {
  return join(projectRoot, 'node_modules', `plotly.js-${name}-dist-min`, `plotly-${name}.min.js`);
}

/** A file name that says the version, so that pages of another one keep theirs. */
export function bundleFile(name: BundleName): string {
  const { version } = JSON.parse(readFileSync(join(dirname(bundlePath(name)), 'package.json'), 'utf8')) as {
    version: string;
  };
  return `plotly-${name}-${version}.min.js`;
}

/**
 * A bundle in gzip and base64 in an element of its own, and a script of one expression: the function that unpacks it and draws, unless this
 * window has it or a larger one.
 */
export function packedBundle(name: BundleName): { readonly element: string; readonly unpack: string } {
  const packed = gzipSync(readFileSync(bundlePath(name)), { level: 9 }).toString('base64');
  return {
    element: `<script type="text/plain" id="plotly-${name}">${packed}</script>`,
    unpack: `async () => {
  const bundles = ${JSON.stringify(bundleNames)};
  if (!window.Plotly || bundles.indexOf(window.Plotly.bundle) < ${bundleNames.indexOf(name)}) {
    const packed = atob(document.getElementById('plotly-${name}').textContent);
    const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    const script = document.createElement('script');
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    window.Plotly.bundle = '${name}';
  }
  window.notebookFigures.redraw();
}`,
  };
}

/**
 * Plotly in a page, brought once its reader has begun to read: the element that holds it, empty where it comes from a file that pages share,
 * and the script that brings it, which figure-runtime.js has to come before.
 * @param shared address of that file
 */
export function pagePlotly(name: BundleName, shared?: string): { readonly element: string; readonly loader: string } {
  const { element, unpack } = shared === undefined ? packedBundle(name) : { element: '', unpack: loadScript(shared) };
  return { element, loader: `window.notebookFigures.whenRead(${unpack});` };
}

function loadScript(address: string): string {
  return `() => {
  const script = document.createElement('script');
  script.src = ${JSON.stringify(address)};
  script.addEventListener('load', window.notebookFigures.redraw);
  document.head.append(script);
}`;
}
