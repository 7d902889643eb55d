/** An Atom feed beside the gallery: an entry a page, with what was found. */
import { join } from 'node:path';
import { escapeHtml } from '../display/html';
import { address } from './page/page';
import type { FinishedRun } from './page/finished-runs';

/** @param title of the gallery */
export function atomFeed(title: string, runs: readonly FinishedRun[], folder: string): string {
  const days = runs.flatMap(({ date }) => date ?? []).sort();
  const instant = (day = '1970-01-01'): string => `${day}T00:00:00Z`;
  const entries = runs.map(({ name, title: heading, description, date, headline, directory }) => {
    const found = headline === undefined ? description : `${headline.result} ${headline.certainty}`;
    return `<entry><title>${escapeHtml(heading)}</title><id>urn:medical-transfer-notebooks:${escapeHtml(name)}</id><updated>${instant(date)}</updated><link href="${address(folder, join(directory, 'index.html'))}"/><summary>${escapeHtml(found)}</summary></entry>`;
  });
  return `<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<title>${escapeHtml(title)}</title><id>urn:medical-transfer-notebooks</id><updated>${instant(days.at(-1))}</updated>
<author><name>The medical-transfer-notebooks contributors</name></author><link rel="self" href="feed.xml"/><link href="index.html"/>
${entries.join('\n')}
</feed>
`;
}
