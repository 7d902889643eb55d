/** How a page is cited, and what search engines are told about it. */
import type { PageMetadata, Study } from './metadata';

const bibtexCharacters: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '{': '\\{',
  '}': '\\}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
};

function escapeBibtex(text: string): string {
  return text.replace(/[\\{}~^]/g, (character) => bibtexCharacters[character]).replace(/[&%$#_]/g, '\\$&');
}

/** A BibTeX entry for the page; capitals in the title are kept. */
export function bibtexOfPage({ title, authors, date, license }: PageMetadata, url?: string): string {
  const year = date?.slice(0, 4);
  const name = authors[0]?.name ?? title;
  return entry([name.split(/\s+/).at(-1) ?? name, year, title.split(/\s+/)[0]], {
    author: authors.map(({ name: author }) => authorField(author)).join(' and '),
    title: `{${escapeBibtex(title)}}`,
    year,
    month: date?.slice(5, 7),
    url,
    note: license === undefined ? undefined : `Licence: ${escapeBibtex(license)}`,
  });
}

/** A BibTeX entry for the study that the page repeats. */
export function bibtexOfStudy({ title, authors = [], year, url }: Study): string {
  return entry(
    [authors[0]?.split(/\s+/).at(-1) ?? title, year === undefined ? undefined : String(year), title.split(/\s+/)[0]],
    {
      author: authors.map(authorField).join(' and '),
      title: `{${escapeBibtex(title)}}`,
      year: year === undefined ? undefined : String(year),
      url,
    },
  );
}

/** A name with `and` in it, or of a group, must not be taken apart. */
function authorField(name: string): string {
  const escaped = escapeBibtex(name);
  return /\band\b|^The\b|contributors$/.test(name) ? `{${escaped}}` : escaped;
}

function entry(key: readonly (string | undefined)[], fields: Readonly<Record<string, string | undefined>>): string {
  const letters = key.map((part) =>
    (part ?? '')
      .normalize('NFKD')
      .replace(/[^A-Za-z0-9]/g, '')
      .toLowerCase(),
  );
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : `  ${name.padEnd(6)} = {${value}}`,
  );
  return `@misc{${letters.join('') || 'page'},\n${lines.join(',\n')}\n}`;
}

/** The address of a licence's text; undefined where it is not an SPDX identifier. */
export function licenseUrl(license: string): string | undefined {
  return /^[A-Za-z]+[\w.+]*-[\w.+-]+$|^(MIT|ISC|Zlib|Unlicense)$/.test(license)
    ? `https://spdx.org/licenses/${license}.html`
    : undefined;
}

export interface StructuredDataOptions {
  readonly metadata: PageMetadata;
  readonly readingMinutes: number;
  /** Where the page is published. */
  readonly url?: string;
  /** Full address of the preview's picture. */
  readonly image?: string;
}

/** The page as schema.org's TechArticle, in JSON-LD. */
export function structuredData({ metadata, readingMinutes, url, image }: StructuredDataOptions): object {
  const { title, description, date, authors, tags, license, study } = metadata;
  return withoutUndefined({
    '@context': 'https://schema.org',
    '@type': 'TechArticle',
    headline: title,
    description: description || undefined,
    datePublished: date,
    author:
      authors.length === 0
        ? undefined
        : authors.map(({ name, url: page }) => withoutUndefined({ '@type': typeOfAuthor(name), name, url: page })),
    keywords: tags.length === 0 ? undefined : tags,
    license: license && (licenseUrl(license) ?? license),
    inLanguage: 'en',
    timeRequired: `PT${readingMinutes}M`,
    url,
    image,
    isBasedOn:
      study &&
      withoutUndefined({
        '@type': 'CreativeWork',
        name: study.title,
        author: study.authors?.map((name) => ({ '@type': 'Person', name })),
        datePublished: study.year === undefined ? undefined : String(study.year),
        url: study.url,
      }),
  });
}

function typeOfAuthor(name: string): string {
  return /contributors$|\b(team|group|lab)\b/i.test(name) ? 'Organization' : 'Person';
}

function withoutUndefined(record: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
