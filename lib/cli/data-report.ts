/** What `npm run data -- verify --html` writes: one file that loads nothing. */
import { statSync } from 'node:fs';
import { basename, dirname, resolve, sep } from 'node:path';
import type { Verification } from '../data/verify-scan';
import { classBalance } from '../display/balance-chart';
import { escapeHtml } from '../display/html';
import { imageGrid } from '../display/image-grid';
import { table } from '../display/tables';
import { writeFileAtomic } from '../files';
import { pageShell } from './page/shell';

export async function writeReport(source: string, target: string, found: Verification): Promise<void> {
  const name = basename(resolve(source));
  const isFolder = statSync(source).isDirectory();
  const folder = `${isFolder ? resolve(source) : dirname(resolve(source))}${sep}`;
  // Whoever gets the page need not know where the data lie.
  const inside = (text: string): string => text.replaceAll(folder, '');
  const title = `Data: ${name}`;
  const leaks = found.lines.some((line) => line.startsWith('leak:'));
  const readable = leaks ? 'All of it can be read, but there are leaks between splits.' : 'In order.';
  const verdict = found.ok ? readable : 'Not in order: some of it cannot be used.';
  const sections = [
    section('Findings', `<ul>${findings(found.lines.map(inside))}</ul>`),
    ...(found.balance === undefined
      ? []
      : [section('Classes', classBalance(found.balance, { label: 'Images of each class in each split' }).html)]),
    ...found.tables.map(({ caption, rows }) =>
      section(
        caption,
        table(
          rows.map((row) => mapValues(row, inside)),
          { caption },
        ).html,
      ),
    ),
    ...(await duplicates(found)),
  ];
  const body = `${sections.join('\n')}`;
  writeFileAtomic(target, pageShell({ title, description: verdict, body }));
}

function mapValues(row: object, change: (text: string) => string): Record<string, unknown> {
  const entries = Object.entries(row).map(([key, value]) => [
    key,
    typeof value === 'string' ? change(value) : (value as unknown),
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/** A line that is set in belongs to the one above it. */
function findings(lines: readonly string[]): string {
  return lines
    .map((line) => (line.startsWith('  ') ? `<br>${escapeHtml(line.trim())}` : `<li>${escapeHtml(line)}`))
    .join('\n');
}

function section(heading: string, content: string): string {
  return `<section><h2>${escapeHtml(heading)}</h2>\n${content}</section>`;
}

async function duplicates({ duplicates: found }: Verification): Promise<string[]> {
  if (found === undefined || found.pairs.length === 0) return [];
  const { height, width, channels, pairs } = found;
  const images = pairs.flatMap((pair) =>
    pair.images.map(({ title, pixels }) => ({
      pixels,
      height,
      width,
      channels,
      title,
      alt: title.replaceAll('\n', ', '),
    })),
  );
  const caption = 'Images that are there twice, side by side: across splits and with different labels first';
  const { html } = await imageGrid({ images, columns: 4, caption });
  return [section('Pairs', html)];
}
