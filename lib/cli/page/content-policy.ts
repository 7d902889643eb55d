/** What a browser lets a page do: run the scripts that it was made with, and load nothing but pictures. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { bundleNames, bundlePath } from '../../display/plotly-bundles';

/**
 * The page with its Content Security Policy. A script that gets into it later does not run, be it by a name in the data, a cell's text or an
 * address: only scripts with the hashes of those that are there now do, and Plotly. Styles are not restricted: charts set them as attributes.
 * @param shared whether Plotly is a file beside the page
 */
export function withContentPolicy(html: string, { shared = false }: { readonly shared?: boolean } = {}): string {
  const own = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, text]) => hash(text));
  const plotly = bundleNames
    .filter((name) => html.includes(`id="plotly-${name}"`))
    .map((name) => hash(readFileSync(bundlePath(name), 'utf8')));
  const scripts = [...new Set([...own, ...plotly, ...(shared ? ["'self'", 'file:'] : [])])];
  const policy = [
    `default-src 'none'`,
    `script-src ${scripts.length > 0 ? scripts.join(' ') : `'none'`}`,
    `style-src 'unsafe-inline'`,
    `img-src data: blob: https:`,
    // Tools that judge a page ask for its site's robots.txt from within it.
    `connect-src 'self'`,
    `base-uri 'none'`,
    `form-action 'none'`,
  ];
  const meta = `<meta http-equiv="Content-Security-Policy" content="${policy.join('; ')}">`;
  return html.replace(/<meta charset="utf-8" ?\/?>/, (charset) => `${charset}\n${meta}`);
}

function hash(script: string): string {
  return `'sha256-${createHash('sha256').update(script.replaceAll('\r\n', '\n')).digest('base64')}'`;
}
