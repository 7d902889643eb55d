import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../paths';
import type { Displayable } from './mime';
import { packedBundle, type BundleName } from './plotly-bundles';

/** The word in an output by which the page's template finds and drops it: the page has its own copy in its head. */
export const libraryMarker = 'data-plotly-library';

/**
 * What makes displays work in a notebook or a page: the style sheet, Plotly and the script that draws figures. Plotly is packed, which keeps a saved
 * notebook at 0.7 MB rather than 1.5, and below Jupyter's limits on output.
 */
export function displayLibrary(bundle: BundleName): Displayable {
  const { element, unpack } = packedBundle(bundle);
  const html =
    `<div ${libraryMarker}><style>${readOwn('display.css')}</style>${element}` +
    `<script>${readOwn('figure-runtime.js')}${readOwn('table-runtime.js')}(${unpack})();</script></div>`;
  return { html, text: 'Displays are ready.' };
}

export function readOwn(name: string): string {
  return readFileSync(join(projectRoot, 'lib/display', name), 'utf8');
}
