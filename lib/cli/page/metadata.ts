/** What a notebook says about itself in its metadata: title, description, date, authors, tags, license, study, image, source. */
import { z } from 'zod';
import { UserError } from '../../errors';
import { cellSource, type Notebook } from '../notebook-file';

/** No `javascript:`: pages link to it. */
const webAddress = z.url({ protocol: /^https?$/ });
const nameSchema = z.string().trim().min(1);
const personSchema = z.union([
  nameSchema.transform((name): Person => ({ name })),
  z.looseObject({ name: nameSchema, url: webAddress.optional(), affiliation: z.string().optional() }),
]);
/** A lone text counts as a list of one. */
const listOf = <T>(item: z.ZodType<T>) =>
  z.preprocess((value): unknown => (Array.isArray(value) ? value : [value]), z.array(item));

const metadataSchema = z.looseObject({
  title: nameSchema.optional(),
  description: z.string().optional(),
  date: z.iso.date().optional(),
  authors: listOf(personSchema).optional(),
  tags: listOf(nameSchema).optional(),
  license: z.string().optional(),
  study: z
    .looseObject({
      title: nameSchema,
      authors: listOf(nameSchema).optional(),
      year: z.int().optional(),
      url: webAddress.optional(),
    })
    .optional(),
  image: z.string().optional(),
  source: webAddress.optional(),
});

/** What each key must be, for messages. */
const allowed: Readonly<Record<string, string>> = {
  title: 'a text',
  description: 'a text',
  date: 'a day, such as 2026-11-24',
  authors: 'a list of names, or of objects with a name, whose addresses begin with https://',
  tags: 'a list of words',
  license: 'a text, such as Apache-2.0',
  study: 'an object with title, authors (a list of names), year and url',
  image: 'the address of a picture',
  source: 'the address of the notebook’s file, which begins with https://',
};

export interface Person {
  readonly name: string;
  readonly url?: string;
  readonly affiliation?: string;
}

/** The published work that a notebook repeats. */
export interface Study {
  readonly title: string;
  readonly authors?: readonly string[];
  readonly year?: number;
  readonly url?: string;
}

export interface PageMetadata {
  /** Plain text. */
  readonly title: string;
  readonly description: string;
  /** `2026-11-24`, where it is given. */
  readonly date?: string;
  readonly authors: readonly Person[];
  readonly tags: readonly string[];
  /** An SPDX identifier, or words. */
  readonly license?: string;
  readonly study?: Study;
  /** For previews. */
  readonly image?: string;
  /** Where the notebook's file is public. */
  readonly source?: string;
}

/**
 * @param fallback the title of a notebook that has none and does not begin with a heading
 * @throws UserError in one line that names the key
 */
export function pageMetadata(notebook: Notebook, fallback: string): PageMetadata {
  const { licence, ...given } = notebook.metadata;
  const parsed = metadataSchema.safeParse({ ...given, license: given.license ?? licence });
  if (!parsed.success) {
    const key = String(parsed.error.issues[0].path[0]);
    throw new UserError(
      `The notebook's metadata "${key}" is ${JSON.stringify(notebook.metadata[key])}, but must be ${allowed[key]}.`,
    );
  }
  const { title, description = '', date, authors = [], tags = [], license, study, image, source } = parsed.data;
  const plainTitle = (title ?? openingHeading(notebook) ?? fallback).replace(/[`*]/g, '');
  return { title: plainTitle, description, date, authors, tags, license: license || undefined, study, image, source };
}

/** The text of the heading that a notebook begins with, as Markdown; undefined where it begins with something else. */
export function openingHeading(notebook: Notebook): string | undefined {
  const first = notebook.cells.find((cell) => cell.cell_type === 'markdown');
  return first && /^\s*# +(.+)/.exec(cellSource(first))?.[1].trim();
}

const wordsPerMinute = 220;

/** Minutes to read the text; code and outputs are looked at rather than read. At least one. */
export function readingMinutes(notebook: Notebook): number {
  const words = notebook.cells
    .filter((cell) => cell.cell_type === 'markdown')
    .flatMap((cell) => cellSource(cell).match(/[\p{L}\p{N}][\p{L}\p{N}’'-]*/gu) ?? []);
  return Math.max(1, Math.round(words.length / wordsPerMinute));
}

/** Seconds from the start of the first cell to the end of the last, as Jupyter noted them; undefined where it did not. */
export function runSeconds(notebook: Notebook): number | undefined {
  const times = notebook.cells.flatMap(({ metadata: { execution } }) => {
    const noted = (execution ?? {}) as Readonly<Record<string, unknown>>;
    const [start, end] = ['iopub.status.busy', 'iopub.status.idle'].map((key) => Date.parse(String(noted[key])));
    return Number.isFinite(start) && end >= start ? [{ start, end }] : [];
  });
  if (times.length === 0) return undefined;
  const seconds = (Math.max(...times.map(({ end }) => end)) - Math.min(...times.map(({ start }) => start))) / 1000;
  // A notebook that was run cell by cell, over days, has no run time.
  const busy = times.reduce((sum, { start, end }) => sum + (end - start) / 1000, 0);
  return seconds > 2 * busy + 60 ? busy : seconds;
}
