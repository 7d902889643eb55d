/** A chart as a page of its own, to be shown within another: it shares Plotly with the charts beside it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { escapeHtml } from '../../display/html';
import { bundleFile, type BundleName } from '../../display/plotly-bundles';
import { projectRoot } from '../../paths';
import type { PageFigure } from './figures';

export interface ChartFile {
  readonly file: string;
  /** Of the chart and its margins, in CSS pixels. */
  readonly height: number;
}

export function chartFile({ html, label }: Pick<PageFigure, 'html' | 'label'>, bundle: BundleName): ChartFile {
  const height = Number(/style="min-height:(\d+)px"/.exec(html)?.[1] ?? 400) + 24;
  const file = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(label)}</title>
<style>${own('lib/blog/blog.css')}${own('lib/display/display.css')}
body { padding: 0; }
figure.nb-figure { margin: 0 auto; }
figcaption, .nb-details { display: none; }
</style>
</head>
<body>
${html}
<script src="${bundleFile(bundle)}"></script>
<script>${own('lib/display/figure-runtime.js')}</script>
</body>
</html>
`;
  return { file, height };
}

function own(path: string): string {
  return readFileSync(join(projectRoot, path), 'utf8');
}
