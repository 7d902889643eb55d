/** The frame of a page that is no notebook, in light and dark, with the style of the others: one file, but for a Plotly that it may share. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { escapeHtml } from '../../display/html';
import { bundleOfHtml, pagePlotly } from '../../display/plotly-bundles';
import { projectRoot } from '../../paths';
import { withContentPolicy } from './content-policy';

export interface ShellOptions {
  readonly title: string;
  /** One sentence below the title, and for previews. */
  readonly description: string;
  /** HTML of the page's content. */
  readonly body: string;
  /** Address of its Atom feed. */
  readonly feed?: string;
  /** Address of a file of Plotly's for its charts, in place of a copy in the page. */
  readonly plotly?: string;
}

export function pageShell({ title, description, body, feed, plotly }: ShellOptions): string {
  const [heading, lede] = [title, description].map(escapeHtml);
  const alternate =
    feed === undefined ? '' : `\n<link rel="alternate" type="application/atom+xml" title="${heading}" href="${feed}">`;
  const charts = body.includes('data-figure') ? chartScripts(body, plotly) : '';
  return withContentPolicy(
    `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${heading}</title>
<meta name="description" content="${lede}">
<meta property="og:title" content="${heading}">
<meta property="og:description" content="${lede}">
<link rel="icon" href="data:,">${alternate}
<script>try { const theme = localStorage.getItem('theme'); if (theme) document.documentElement.dataset.theme = theme; } catch {}</script>
<style>${['blog.css', 'prose.css', 'code.css', '../display/display.css', 'gallery.css', 'print.css'].map(own).join('')}</style>
</head>
<body>
<a class="skip-link" href="#content">Skip to the content</a>
<div class="controls" hidden><button type="button" id="theme-switch" aria-pressed="false">Dark</button></div>
<header class="page-header">
<h1>${heading}</h1>
<p class="lede">${lede}</p>
</header>
<main id="content" tabindex="-1">
${body}
</main>
<footer class="page-footer"><p><strong>Not for clinical use.</strong> These pages report research; nothing on them is medical advice or a medical device.</p></footer>
<script>${own('../display/table-runtime.js')}${own('theme.js')}</script>${charts}
</body>
</html>
`,
    { shared: plotly !== undefined },
  );
}

function chartScripts(body: string, shared: string | undefined): string {
  const { element, loader } = pagePlotly(bundleOfHtml(body), shared);
  return `\n${element}<script>${own('../display/figure-runtime.js')}${loader}</script>`;
}

function own(file: string): string {
  return readFileSync(join(projectRoot, 'lib', 'blog', file), 'utf8');
}
