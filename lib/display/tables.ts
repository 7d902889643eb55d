import { UserError, suggestion } from '../errors';
import { columnDigits, columnHeadings } from './columns';
import { formatDecimal, formatInteger, heading, missing } from './format';
import { escapeHtml } from './html';
import type { Displayable } from './mime';
import { sortButton, sortScript } from './table-sorting';

/** What a table needs of a danfo DataFrame. Said by structure: danfo's own types would load TensorFlow's into every cell. */
export interface FrameLike {
  readonly columns: readonly string[];
  readonly values: readonly unknown[];
}

export interface TableOptions {
  /** Says what the rows are; it is also the table's name for screen readers. */
  readonly caption: string;
  /** Decimals of fractional numbers, for all columns or by column; by default those of `columnDigits`, or 3. */
  readonly digits?: number | Readonly<Record<string, number>>;
  /** Which columns, in which order. Default all. */
  readonly columns?: readonly string[];
  /** Headings in place of the ones made from the column names. */
  readonly headings?: Readonly<Record<string, string>>;
  /** Marks the highest or the lowest value of a column, and says which of the two it is. */
  readonly highlight?: Readonly<Record<string, 'highest' | 'lowest'>>;
  /** Headings become buttons by which the reader sorts. */
  readonly sortable?: boolean;
}

interface Cell {
  readonly text: string;
  /** Full precision, for numbers. */
  readonly value?: string;
  /** Whether and as what it is marked. */
  readonly mark?: 'highest' | 'lowest';
}
interface Column {
  readonly heading: string;
  readonly numeric: boolean;
  readonly cells: readonly Cell[];
}

/**
 * A table of a danfo DataFrame or of row objects. Numbers are rounded for the eye; `data-value` keeps all digits. Nothing of rows that
 * there are none of, since their training was stopped.
 */
export function table(frame: FrameLike | readonly object[], options: TableOptions): Displayable;
export function table(frame: FrameLike | readonly object[] | undefined, options: TableOptions): Displayable | undefined;
export function table(
  frame: FrameLike | readonly object[] | undefined,
  options: TableOptions,
): Displayable | undefined {
  if (frame === undefined) return undefined;
  const records = toRecords(frame);
  const names = columnNames(records, options.columns);
  const columns = names.map((name) => readColumn(name, records.rows, options));
  const html = tableHtml(columns, records.rows.length, options);
  return { html, text: tableText(columns, options.caption) };
}

interface Records {
  readonly names: readonly string[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

function toRecords(frame: FrameLike | readonly object[]): Records {
  if (!isFrame(frame)) {
    const rows = frame as readonly Readonly<Record<string, unknown>>[];
    return { names: [...new Set(rows.flatMap((row) => Object.keys(row)))], rows };
  }
  const rows = frame.values.map((values) => {
    const cells: readonly unknown[] = Array.isArray(values) ? values : [values];
    return Object.fromEntries(frame.columns.map((name, index) => [name, cells[index]]));
  });
  return { names: frame.columns, rows };
}

function isFrame(frame: FrameLike | readonly object[]): frame is FrameLike {
  return 'columns' in frame && 'values' in frame && Array.isArray(frame.columns);
}

function columnNames({ names, rows }: Records, wanted: readonly string[] | undefined): readonly string[] {
  const unknown = rows.length === 0 ? undefined : wanted?.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UserError(
      `The table has no column "${unknown}"${suggestion(unknown, names)}; it has ${names.join(', ')}.`,
    );
  }
  return wanted ?? names;
}

function readColumn(name: string, rows: Records['rows'], { digits = {}, headings, highlight }: TableOptions): Column {
  const values = rows.map((row) => row[name]);
  const present = values.filter((value) => !isMissing(value));
  const numeric =
    present.length > 0 && present.every((value) => typeof value === 'number' || typeof value === 'bigint');
  const whole = present.every((value) => typeof value !== 'number' || Number.isInteger(value));
  const decimals = whole ? 0 : typeof digits === 'number' ? digits : (digits[name] ?? columnDigits[name] ?? 3);
  const wanted = highlight?.[name];
  const marked = markedValue(present, wanted);
  const cells = values.map((value) => ({
    text: cellText(value, decimals),
    value: typeof value === 'number' && !Number.isNaN(value) ? String(value) : undefined,
    mark: marked !== undefined && value === marked ? wanted : undefined,
  }));
  return { heading: headings?.[name] ?? columnHeadings[name] ?? heading(name), numeric, cells };
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || Number.isNaN(value);
}

function markedValue(values: readonly unknown[], wanted: 'highest' | 'lowest' | undefined): number | undefined {
  const numbers = values.filter((value): value is number => typeof value === 'number');
  if (wanted === undefined || numbers.length === 0) return undefined;
  return numbers.reduce((a, b) => (wanted === 'highest' ? Math.max(a, b) : Math.min(a, b)));
}

function cellText(value: unknown, digits: number): string {
  if (isMissing(value)) return missing;
  if (typeof value === 'number') return digits === 0 ? formatInteger(value) : formatDecimal(value, digits);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function tableHtml(columns: readonly Column[], rows: number, { caption, sortable = false }: TableOptions): string {
  const title = (column: Column): string => (sortable ? sortButton(column.heading) : escapeHtml(column.heading));
  const head = columns.map((column) => `<th scope="col"${numericClass(column)}>${title(column)}</th>`);
  const body = Array.from(
    { length: rows },
    (_, row) => `<tr>${columns.map((column, at) => cellHtml(column, row, at)).join('')}</tr>`,
  );
  if (rows === 0) body.push(`<tr><td colspan="${Math.max(1, columns.length)}">No rows.</td></tr>`);
  const name = escapeHtml(caption);
  return (
    `<div class="nb-display nb-table" role="region" aria-label="${name}" tabindex="0"><table><caption>${name}</caption>` +
    `<thead><tr>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table>${sortable ? sortScript : ''}</div>`
  );
}

/** Names in the first column head their rows. */
function cellHtml(column: Column, row: number, at: number): string {
  const cell = column.cells[row];
  const value = cell.value === undefined ? '' : ` data-value="${escapeHtml(cell.value)}"`;
  const text = escapeHtml(cell.text);
  const content = cell.mark
    ? `<strong title="The ${cell.mark} of its column">${text}<span class="nb-hidden"> (${cell.mark})</span></strong>`
    : text;
  if (at === 0 && !column.numeric) return `<th scope="row"${longClass(cell)}>${content}</th>`;
  if (!column.numeric) return `<td${longClass(cell)}>${content}</td>`;
  return `<td${numericClass(column)}${value}>${content}</td>`;
}

function numericClass(column: Column): string {
  return column.numeric ? ' class="nb-number"' : '';
}

/** Only long texts may be broken into lines. */
function longClass(cell: Cell): string {
  return cell.text.length > 24 ? ' class="nb-long"' : '';
}

function tableText(columns: readonly Column[], caption: string): string {
  const printed = columns.map(({ heading: title, numeric, cells }) => {
    const lines = [title, ...cells.map((cell) => (cell.mark ? `${cell.text}*` : cell.text))];
    const width = Math.max(...lines.map((line) => line.length));
    return lines.map((line) => (numeric ? line.padStart(width) : line.padEnd(width)));
  });
  const lines = (printed[0] ?? []).map((_, row) =>
    printed
      .map((column) => column[row])
      .join('  ')
      .trimEnd(),
  );
  return [caption, ...lines].join('\n');
}
