/** Tables that the reader sorts, with the mouse or by the keyboard, in notebooks and pages alike. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../paths';
import { escapeHtml } from './html';

/** A heading by which a table is sorted; without scripts it is only a heading. */
export function sortButton(heading: string): string {
  return `<button type="button" class="nb-sort" data-sort>${escapeHtml(heading)}</button>`;
}

/** Part of each such table, so that one alone works wherever it is put; it acts once a window. */
export const sortScript = `<script>${readFileSync(join(projectRoot, 'lib/display/sort-runtime.js'), 'utf8')}</script>`;
