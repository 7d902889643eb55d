import { relative, sep } from 'node:path';
import { formatDuration } from '../display/format';
import { escapeHtml } from '../display/html';
import { readResults } from '../studies/results';

export interface IndexEntry {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** The folder of the run. */
  readonly directory: string;
  readonly seconds: number;
}

/** The page that links to the notebooks' pages: one self-contained file. Links are relative to `folder`. */
export function indexPage(entries: readonly IndexEntry[], folder: string): string {
  const cards = entries.map((entry) => card(entry, folder)).join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Transfer learning in medical imaging</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>Transfer learning in medical imaging</h1>
<p class="lede">Published studies as TypeScript notebooks: each as published and corrected, with the uncertainty.</p>
<ol>
${cards}
</ol>
</main>
<footer>Not for clinical use.</footer>
</body>
</html>
`;
}

function card({ name, title, description, directory, seconds }: IndexEntry, folder: string): string {
  const link = relative(folder, directory).split(sep).map(encodeURIComponent).join('/');
  const results = readResults(directory);
  const facts = [
    `Notebook ${name.slice(0, 2)}`,
    `${results?.profile ?? 'tour'} profile`,
    ...(results ? [`on ${results.data.name}`] : []),
    `ran in ${formatDuration(seconds)}`,
  ];
  return `<li><h2><a href="${link}/index.html">${escapeHtml(title)}</a></h2>
<p>${escapeHtml(description)}</p>
<p class="facts">${facts.map((fact) => `<span>${escapeHtml(fact)}</span>`).join('')}</p></li>`;
}

const style = `
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #57606a; --line: #d0d7de; --card: #fff; --page: #f6f8fa; --link: #0550ae; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --quiet: #9da7b3; --line: #30363d; --card: #161b22; --page: #0d1117; --link: #79b8ff; }
}
body { margin: 0; background: var(--page); color: var(--text); font: 1.05rem/1.55 system-ui, sans-serif; }
main, footer { max-width: 46rem; margin: 0 auto; padding: 2.5rem 1.25rem 1rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; }
.lede { color: var(--quiet); font-size: 1.15rem; margin: 0 0 2rem; }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem; }
li { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1.1rem 1.3rem; }
h2 { font-size: 1.25rem; margin: 0 0 .3rem; }
a { color: var(--link); }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 3px; }
p { margin: 0 0 .5rem; }
.facts { color: var(--quiet); font-size: .9rem; margin: 0; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
footer { color: var(--quiet); font-size: .9rem; }
`;
