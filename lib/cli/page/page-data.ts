/** What the template of the page is given: everything in words, so that the template only has to place it. */
import { formatDuration } from '../../display/format';
import { scriptJson } from '../../display/html';
import type { Results } from '../../runs/results';
import type { Notebook } from '../notebook-file';
import { answerOf, type Answer } from './answer';
import { bibtexOfPage, bibtexOfStudy, licenseUrl, structuredData } from './citation';
import { escapeMarkdown } from './html-to-markdown';
import { openingHeading, pageMetadata, readingMinutes, runSeconds, type Person, type Study } from './metadata';
import { provenance, type Provenance } from './provenance';

export interface PageContext {
  /** Title of a notebook that says none. */
  readonly fallbackTitle: string;
  readonly results?: Results;
  /** Where the page is published. */
  readonly url?: string;
  /** Full address of a picture for previews. */
  readonly image?: string;
  /** Of the headline figure: HTML of its picture, and where it is in the page. */
  readonly picture?: string;
  readonly figure?: string;
}

/** Read by lib/blog/index.html.j2 as `nb.metadata.page`. */
export interface PageData {
  readonly title: string;
  /** The title as Markdown. */
  readonly heading: string;
  readonly description: string;
  readonly date?: string;
  /** Such as `24 November 2026`. */
  readonly dateInWords?: string;
  readonly authors: readonly Person[];
  readonly tags: readonly string[];
  readonly license?: { readonly text: string; readonly url?: string };
  readonly study?: Study;
  readonly url?: string;
  readonly image?: string;
  readonly readingTime: string;
  readonly runTime?: string;
  /** JSON-LD that may stand in a script element. */
  readonly structuredData: string;
  readonly citations: readonly { readonly title: string; readonly bibtex: string }[];
  readonly provenance?: Provenance;
  readonly answer?: Answer;
  /** Where the notebook can be read or run, of one whose file is public. */
  readonly openIn: readonly { readonly title: string; readonly url: string }[];
}

/** @throws UserError where the notebook's metadata are not what they must be */
export function pageData(
  notebook: Notebook,
  { fallbackTitle, results, url, image, picture: headlinePicture, figure }: PageContext,
): PageData {
  const metadata = pageMetadata(notebook, fallbackTitle);
  const { title, date, license, study } = metadata;
  const minutes = readingMinutes(notebook);
  const seconds = runSeconds(notebook);
  const picture = image ?? absoluteUrl(metadata.image, url);
  const citations = [{ title: 'This page', bibtex: bibtexOfPage(metadata, url) }];
  if (study !== undefined) citations.push({ title: 'The study that it repeats', bibtex: bibtexOfStudy(study) });
  return {
    ...metadata,
    heading: openingHeading(notebook) ?? escapeMarkdown(title),
    dateInWords: date && inWords(date),
    license: license === undefined ? undefined : { text: license, url: licenseUrl(license) },
    url,
    image: picture,
    readingTime: `${minutes} min read`,
    runTime: seconds === undefined ? undefined : `ran in ${formatDuration(seconds)}`,
    structuredData: scriptJson(structuredData({ metadata, readingMinutes: minutes, url, image: picture })),
    // A page by nobody cannot be cited.
    citations: metadata.authors.length === 0 ? citations.slice(1) : citations,
    provenance: provenance(results, seconds),
    answer: answerOf(results, { seconds, picture: headlinePicture, figure }),
    openIn: openIn(metadata.source),
  };
}

function openIn(source: string | undefined): PageData['openIn'] {
  if (source === undefined) return [];
  const [, repository] = /^https:\/\/github\.com\/([^/]+\/[^/]+)\/blob\//.exec(source) ?? [];
  const codespace = { title: 'open it in a codespace', url: `https://codespaces.new/${repository}` };
  return [{ title: 'read its source', url: source }, ...(repository === undefined ? [] : [codespace])];
}

function absoluteUrl(image: string | undefined, url: string | undefined): string | undefined {
  return image !== undefined && URL.canParse(image, url) ? new URL(image, url).href : undefined;
}

function inWords(date: string): string {
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' }).format(
    new Date(date),
  );
}
