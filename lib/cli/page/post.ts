/** Writes a notebook with its outputs as a post for a static site generator: Markdown with front matter, pictures beside it. */
import { basename, dirname, join } from 'node:path';
import { bundleOfHtml } from '../../display/plotly-bundles';
import { writeFileAtomic } from '../../files';
import { readResults } from '../../runs/results';
import { readNotebook } from '../notebook-file';
import { dialects, type Dialect, type DialectName } from './dialects';
import { diagramDrawer } from './drawn';
import { findFigures, headlineFigure } from './figures';
import { escapeMarkdown } from './html-to-markdown';
import { pageMetadata, readingMinutes } from './metadata';
import { withNumbers } from './numbering';
import { pageData, type PageData } from './page-data';
import { postBody } from './post-body';
import { withoutPrivatePaths } from './private-paths';
import { writeSharedPlotly } from './shared-plotly';
import { socialCard } from './social-card';
import { drawStills } from './stills';

export interface WrittenPost {
  /** The text's file. */
  readonly path: string;
  /** Why figures have no still pictures; undefined where they have. */
  readonly stillsMissing?: string;
}

export interface PostOptions {
  readonly format: DialectName;
  /** The layout below it is the generator's own. */
  readonly folder: string;
  /** Where the post will be published. */
  readonly url?: string;
}

/** @throws UserError where the notebook, its metadata or its results.json are damaged */
export async function writePost(source: string, { format, folder, url }: PostOptions): Promise<WrittenPost> {
  const notebook = withoutPrivatePaths(readNotebook(source));
  const dialect = dialects[format];
  const results = readResults(dirname(source));
  // A run's notebook is always called `notebook.ipynb`.
  const fallbackTitle = results?.notebook ?? basename(source, '.ipynb');
  const name = fallbackTitle.replace(/[^\w-]+/g, '-');
  const metadata = pageMetadata(notebook, fallbackTitle);
  const data = pageData(notebook, { fallbackTitle, results, url });
  const figures = findFigures(notebook);
  const bundle = bundleOfHtml(figures.map(({ html }) => html).join(''));
  const { byNumber: stills, missing } = await drawStills(figures, { pixelRatio: 1.5 });
  const { notebook: numbered, labels } = withNumbers(notebook);
  const { text, files } = postBody({
    ...{ notebook: numbered, dialect, name, folder: dirname(source), figures, stills, labels, bundle },
    drawDiagram: await diagramDrawer(notebook),
  });
  const headline = headlineFigure(figures);
  const frontMatter = dialect.frontMatter({
    metadata,
    readingMinutes: readingMinutes(notebook),
    name,
    image: cardName,
  });
  const pictures = join(folder, dialect.pictures(name));
  const picture = headline && stills.get(headline.number)?.png;
  const card = dialect.card === undefined ? join(pictures, cardName) : join(folder, dialect.card(name));
  writeFileAtomic(card, await socialCard({ title: metadata.title, found: data.answer?.found, picture }));
  for (const [file, content] of files) writeFileAtomic(join(pictures, file), content);
  if ([...files.keys()].some((file) => file.endsWith('.html'))) writeSharedPlotly(pictures, bundle);
  const path = join(folder, dialect.file(name, metadata.date));
  const title = dialect.titled === true ? [`# ${dialect.literal(data.heading)}`] : [];
  writeFileAtomic(
    path,
    `${[frontMatter, ...title, ...answer(data, dialect), text, ...ending(data, dialect)].join('\n\n')}\n`,
  );
  return { path, stillsMissing: missing };
}

const cardName = 'card.png';

/** What was found, before everything else. */
function answer({ answer: said }: PageData, dialect: Dialect): string[] {
  if (said?.found === undefined) return [];
  const text = (words: string): string => dialect.literal(escapeMarkdown(words));
  const rows = [
    `**Found:** ${text(said.found)}`,
    ...(said.sure === undefined ? [] : [`**How sure:** ${text(said.sure)}`]),
    ...(said.ranOn === undefined ? [] : [`**Run on:** ${text(said.ranOn)}`]),
  ];
  return [rows.map((row) => `> ${row}`).join('\n>\n')];
}

/** How it was run, how it is cited, and what it is not for. */
function ending({ provenance, citations }: PageData, dialect: Dialect): string[] {
  const parts: string[] = [];
  if (provenance !== undefined) {
    parts.push('## How this was run');
    if (provenance.command !== undefined) parts.push(`\`\`\`sh\n${dialect.literal(provenance.command)}\n\`\`\``);
    const cell = (text: string): string => dialect.literal(escapeMarkdown(text));
    const rows = provenance.groups.flatMap(({ title, rows: facts }) =>
      facts.map(([fact, value]) => `| ${title} | ${cell(fact)} | ${cell(value)} |`),
    );
    parts.push(['| Of | Fact | Value |', '| --- | --- | --- |', ...rows].join('\n'));
  }
  if (citations.length > 0) parts.push('## How to cite');
  for (const { title, bibtex } of citations)
    parts.push(`${title}:`, `\`\`\`bibtex\n${dialect.literal(bibtex)}\n\`\`\``);
  parts.push(
    '**Not for clinical use.** This page reports research; nothing on it is medical advice or a medical device.',
  );
  return parts;
}
