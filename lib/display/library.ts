import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { projectRoot } from '../paths';
import { show, type Displayable } from './mime';

/** The word in an output by which the page's template finds and drops it: the page has its own copy in its head. */
export const libraryMarker = 'data-plotly-library';

/** Script that unpacks Plotly from the element `plotly-library` and runs it, unless this browser window has it already. */
export const plotlyLoader = `(async () => {
  if (!window.Plotly) {
    const packed = atob(document.getElementById('plotly-library').textContent);
    const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    const script = document.createElement('script');
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  }
  window.notebookFigures.redraw();
})();`;

/**
 * Makes displays work in this notebook: the set-up cell calls it once, and its output holds the style sheet, Plotly and the script that
 * draws figures. Plotly is packed, which keeps a saved notebook at 0.7 MB rather than 1.5, and below Jupyter's limits on output.
 */
export function initializeDisplay(): void {
  show(displayLibrary());
}

/** The output of `initializeDisplay`. */
export function displayLibrary(): Displayable {
  const html =
    `<div ${libraryMarker}><style>${readOwn('display.css')}</style>` +
    `<script type="text/plain" id="plotly-library">${packedPlotly()}</script>` +
    `<script>${readOwn('figure-runtime.js')}${readOwn('table-runtime.js')}${plotlyLoader}</script></div>`;
  return { html, text: 'Displays are ready.' };
}

/** Where Plotly's own file is. */
export const plotlyPath = join(projectRoot, 'node_modules/plotly.js-cartesian-dist-min/plotly-cartesian.min.js');

/** Plotly in gzip and base64, for `plotlyLoader`. */
export function packedPlotly(): string {
  return gzipSync(readFileSync(plotlyPath), { level: 9 }).toString('base64');
}

function readOwn(name: string): string {
  return readFileSync(join(projectRoot, 'lib/display', name), 'utf8');
}
