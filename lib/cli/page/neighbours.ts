/** Links from a page to the previous and the next notebook, put into pages that are there already. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { escapeHtml } from '../../display/html';
import { writeFileAtomic } from '../../files';
import type { FinishedRun } from './finished-runs';
import { address } from './page';

/** Where the template leaves room for them; what a page itself says comes before. */
const place = /<!-- neighbours -->.*?<!-- \/neighbours -->(?![\s\S]*<!-- neighbours -->)/;

/** Links each page to those before and after it, and to the index. A second call replaces the links of the first. */
export function linkNeighbours(runs: readonly Pick<FinishedRun, 'title' | 'directory'>[], index: string): void {
  runs.forEach(({ directory }, at) => {
    const path = join(directory, 'index.html');
    const link = (run: (typeof runs)[number] | undefined, rel: string, words: string): string =>
      run === undefined
        ? ''
        : `<a class="${rel}" rel="${rel}" href="${address(directory, join(run.directory, 'index.html'))}"><span>${words}</span>${escapeHtml(run.title)}</a>`;
    const all = `<a class="all" href="${address(dirname(path), index)}">All notebooks</a>`;
    const links = link(runs[at - 1], 'prev', 'Previous') + link(runs[at + 1], 'next', 'Next') + all;
    const page = readFileSync(path, 'utf8');
    const linked = page.replace(
      place,
      () =>
        `<!-- neighbours --><nav class="neighbours" aria-label="Other notebooks">${links}</nav><!-- /neighbours -->`,
    );
    if (linked !== page) writeFileAtomic(path, linked);
  });
}
