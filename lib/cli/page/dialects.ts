/** What static site generators differ in: front matter, where pictures go, raw HTML, folds, and what they take for their own syntax. */
import type { PageMetadata } from './metadata';

export const dialectNames = ['hugo', 'jekyll', 'quarto', 'myst', 'markdown'] as const;
export type DialectName = (typeof dialectNames)[number];

export interface FrontMatterInput {
  readonly metadata: PageMetadata;
  readonly readingMinutes: number;
  /** Of the notebook, as in `file`. */
  readonly name: string;
  /** The card for previews, in the folder of pictures unless the generator wants it elsewhere. */
  readonly image?: string;
}

export interface Dialect {
  /** The text's path below the folder of the export. A name holds only letters, digits, hyphens and underscores. */
  file(name: string, date: string | undefined): string;
  /** The folder of pictures, likewise. */
  pictures(name: string): string;
  /** The card's file below the folder of the export, where it is not among the pictures. */
  readonly card?: (name: string) => string;
  /** Whether the text begins with the title, as nothing else shows it. */
  readonly titled?: boolean;
  /** How the text addresses a file of that folder. */
  address(name: string, file: string): string;
  frontMatter(input: FrontMatterInput): string;
  /** Text of the notebook in which nothing is the generator's own syntax any more. Code included. */
  literal(text: string): string;
  /** A summary is one of the project's own: plain words. Missing where the generator has nothing of the kind by default. */
  readonly fold?: (summary: string, body: string) => string;
  /** A table that may be wider than the page, where the generator's themes do not let it scroll by itself. */
  readonly scroll?: (table: string) => string;
  /** A picture with its caption, where a picture by itself would get its text for those who do not see it as a second caption. */
  readonly figure?: (address: string, alt: string, caption: string) => string;
  /** A picture with a width in CSS pixels, where the generator has a way to say it. */
  readonly sized?: (address: string, alt: string, width: number) => string;
  /** One of GitHub's alerts, where the generator has some of its own. */
  readonly alert?: (kind: string, body: string) => string;
  /** Whether the generator draws Mermaid's diagrams by itself. */
  readonly mermaid?: boolean;
  /** An interactive chart in the text, where raw HTML passes through by default. */
  readonly embed?: (address: string, title: string, height: number) => string;
}

/** `a: "b"` a line: JSON's texts and lists are YAML's too, so nothing in a value can be taken for syntax. */
function yaml(values: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(values).flatMap(([key, value]) =>
    value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
      ? []
      : `${key}: ${value instanceof YamlDate ? value.day : yamlValue(value)}`,
  );
  return `---\n${lines.join('\n')}\n---\n`;
}

/** YAML allows fewer control characters than JSON. */
function yamlValue(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A day goes without quotes, as generators want a date and no text. */
class YamlDate {
  constructor(readonly day: string) {}
}

function dateOf({ date }: PageMetadata): YamlDate | undefined {
  return date === undefined ? undefined : new YamlDate(date);
}

const authorsOf = ({ authors }: PageMetadata) =>
  authors.map(({ name, url, affiliation }) => ({ name, url, affiliation }));

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const attribute = (text: string): string => text.replace(/[&<>"]/g, (character) => escapes[character]);

const iframe = (address: string, title: string, height: number): string =>
  `<iframe src="${attribute(address)}" title="${attribute(title)}" width="100%" height="${height}" loading="lazy" style="border: 0"></iframe>`;

const details = (summary: string, body: string): string =>
  `<details>\n<summary>${attribute(summary)}</summary>\n\n${body}\n\n</details>`;

/** Pictures in a folder beside the text. */
const besideText: Pick<Dialect, 'pictures' | 'address'> = {
  pictures: () => 'figures',
  address: (_name, file) => `figures/${file}`,
};

const hugo: Dialect = {
  file: () => 'index.md',
  ...besideText,
  // Hugo's own templates take the picture of a bundle whose name has `cover` in it; an address in `images` is one below the site.
  card: () => 'cover.png',
  frontMatter: ({ metadata, readingMinutes }) =>
    yaml({
      title: metadata.title,
      date: dateOf(metadata),
      description: metadata.description,
      summary: metadata.description,
      authors: metadata.authors.map(({ name }) => name),
      tags: metadata.tags,
      draft: false,
      params: { license: metadata.license, readingMinutes, study: metadata.study },
    }),
  // Shortcodes, as Hugo's own documentation writes them; a lone opening has no such form, and an invisible space breaks it.
  literal: (text) =>
    text
      .replace(/\{\{([<%])(?!\/\*)((?:(?!\}\}).)*?)([>%])\}\}/g, '{{$1/*$2*/$3}}')
      .replace(/\{\{(?=[<%](?!\/\*))/g, '{\u200b{'),
  // No fold: Hugo leaves out <details>, and an older one than 0.140 does not build a site that uses the shortcode of that name.
};

const jekyll: Dialect = {
  file: (name, date) => `_posts/${date ?? '1970-01-01'}-${name}.md`,
  pictures: (name) => `assets/${name}`,
  address: (name, file) => `{{ "/assets/${name}/${file}" | relative_url }}`,
  frontMatter: ({ metadata, readingMinutes, name, image }) =>
    yaml({
      layout: 'post',
      title: metadata.title,
      date: dateOf(metadata),
      description: metadata.description,
      author: metadata.authors.map((author) => author.name).join(', '),
      tags: metadata.tags,
      // Front matter is no Liquid; themes put the site's address before it.
      image: image && `/assets/${name}/${image}`,
      license: metadata.license,
      reading_minutes: readingMinutes,
      study: metadata.study,
    }),
  // Liquid runs over everything, code too.
  literal: (text) => text.replace(/\{[{%]/g, (opening) => `{{ "${opening}" }}`),
  // kramdown reads Markdown in an element only where it is told to.
  fold: (summary, body) => details(summary, body).replace('<details>', '<details markdown="1">'),
  scroll: (table) => `<div style="overflow-x: auto" markdown="1">\n\n${table}\n\n</div>`,
  sized: (address, alt, width) => `![${alt}](${address}){: width="${width}"}`,
  // The address is Liquid, which must stay as it is.
  embed: (address, title, height) =>
    iframe('ADDRESS', title, height).replace('ADDRESS', () => address.replaceAll('"', "'")),
};

const quarto: Dialect = {
  file: () => 'index.qmd',
  ...besideText,
  frontMatter: ({ metadata, image }) =>
    yaml({
      title: metadata.title,
      description: metadata.description,
      author: authorsOf(metadata),
      date: dateOf(metadata),
      categories: metadata.tags,
      image: image && `figures/${image}`,
      license: metadata.license,
      // "@tensorflow/tfjs" is a package and no citation.
      from: 'markdown-citations',
      format: { html: { toc: true } },
      resources: ['figures/*'],
    }),
  literal: (text) => text.replace(/\{\{<((?:(?!\}\}).)*?)>\}\}/g, '{{{<$1>}}}'),
  fold: (summary, body) => `::: {.callout-note collapse="true" appearance="minimal"}\n## ${summary}\n\n${body}\n\n:::`,
  figure: (address, alt, caption) => `![${caption}](${address}){fig-alt="${alt.replace(/[\\"]/g, '\\$&')}"}`,
  scroll: (table) => `::: {style="overflow-x: auto"}\n\n${table}\n\n:::`,
  sized: (address, alt, width) => `![${alt}](${address}){width=${width}px}`,
  alert: (kind, body) => `::: {.callout-${kind}}\n${body}\n:::`,
  embed: (address, title, height) => `\`\`\`{=html}\n${iframe(address, title, height)}\n\`\`\``,
};

const myst: Dialect = {
  file: () => 'index.md',
  ...besideText,
  frontMatter: ({ metadata, image }) =>
    yaml({
      title: metadata.title,
      description: metadata.description,
      date: dateOf(metadata),
      authors: authorsOf(metadata),
      tags: metadata.tags,
      thumbnail: image && `figures/${image}`,
      license: metadata.license,
    }),
  literal: (text) => text,
  fold: (summary, body) => `:::{dropdown} ${summary}\n${body}\n:::`,
  sized: (address, alt, width) => `:::{image} ${address}\n:alt: ${alt}\n:width: ${width}px\n:::`,
  alert: (kind, body) => `:::{${kind}}\n${body}\n:::`,
  // MyST numbers figures itself.
  figure: (address, alt, caption) =>
    `:::{figure} ${address}\n:alt: ${alt.replace(/\s+/g, ' ')}\n\n${caption.replace(/^Figure \d+\. /, '')}\n:::`,
};

const markdown: Dialect = {
  file: () => 'index.md',
  titled: true,
  ...besideText,
  frontMatter: ({ metadata, readingMinutes, image }) =>
    yaml({
      title: metadata.title,
      description: metadata.description,
      date: dateOf(metadata),
      authors: metadata.authors.map(({ name }) => name),
      tags: metadata.tags,
      image: image && `figures/${image}`,
      license: metadata.license,
      readingMinutes,
      study: metadata.study,
    }),
  literal: (text) => text,
  fold: details,
  sized: (address, alt, width) => `<img src="${attribute(address)}" alt="${attribute(alt)}" width="${width}">`,
  alert: (kind, body) => [`[!${kind.toUpperCase()}]`, ...body.split('\n')].map((line) => `> ${line}`).join('\n'),
  mermaid: true,
};

export const dialects: Readonly<Record<DialectName, Dialect>> = { hugo, jekyll, quarto, myst, markdown };
