import { UserError, suggestion } from '../errors';
import { grouped } from '../grouped';
import { columnDigits, columnHeadings } from './columns';
import { columnDecimals, formatFixed, formatInteger, heading, isLarge, missing, typeset } from './format';
import { displayable } from './forms';
import { escapeHtml } from './html';
import type { Displayable } from './mime';

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
  /** Stars the best value of a column, which is the highest or the lowest; none where several look the same. */
  readonly highlight?: Readonly<Record<string, 'highest' | 'lowest'>>;
  /** Marks the worst value of a column, by another sign. */
  readonly worst?: Readonly<Record<string, 'highest' | 'lowest'>>;
  /** Values are held against each other only where these columns agree, such as the number of training images. */
  readonly within?: readonly string[];
  /** Stars these columns of one or several rows instead: what was chosen, and how. */
  readonly chosen?: { readonly rows: readonly object[]; readonly columns: readonly string[]; readonly how: string };
}

type Records = readonly Readonly<Record<string, unknown>>[];

interface Mark {
  readonly sign: 'best' | 'worst';
  /** Why a cell has it, such as `the highest of its column`. */
  readonly why: string;
}
interface Cell {
  readonly text: string;
  /** Full precision, for numbers. */
  readonly value?: string;
  readonly mark?: Mark;
}
interface Column {
  readonly heading: string;
  readonly numeric: boolean;
  readonly cells: readonly Cell[];
}

/**
 * A table of a danfo DataFrame or of row objects. Numbers are rounded for the eye; `data-value` keeps all digits. Columns without a value
 * are left out. Nothing of rows that there are none of, since their training was stopped.
 */
export function table(frame: FrameLike | readonly object[], options: TableOptions): Displayable;
export function table(frame: FrameLike | readonly object[] | undefined, options: TableOptions): Displayable | undefined;
export function table(
  frame: FrameLike | readonly object[] | undefined,
  options: TableOptions,
): Displayable | undefined {
  if (frame === undefined) return undefined;
  const { names, rows } = toRecords(frame);
  const columns = columnNames(names, rows, options.columns)
    .filter(
      (name, at) => at === 0 || rows.length === 0 || rows.some((row) => !isMissing(row[name]) && row[name] !== ''),
    )
    .map((name) => readColumn(name, rows, options));
  const caption = typeset(options.caption);
  return displayable({ html: tableHtml(columns, rows.length, caption), text: tableText(columns, caption) });
}

function toRecords(frame: FrameLike | readonly object[]): { names: readonly string[]; rows: Records } {
  if (!isFrame(frame)) {
    const rows = frame as Records;
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

function columnNames(
  names: readonly string[],
  rows: Records,
  wanted: readonly string[] | undefined,
): readonly string[] {
  const unknown = rows.length === 0 ? undefined : wanted?.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UserError(
      `The table has no column "${unknown}"${suggestion(unknown, names)}; it has ${names.join(', ')}.`,
    );
  }
  return wanted ?? names;
}

function readColumn(name: string, rows: Records, options: TableOptions): Column {
  const { digits = {}, headings } = options;
  const values = rows.map((row) => row[name]);
  const present = values.filter((value) => !isMissing(value));
  const numeric =
    present.length > 0 && present.every((value) => typeof value === 'number' || typeof value === 'bigint');
  const wanted = typeof digits === 'number' ? digits : (digits[name] ?? columnDigits[name] ?? 3);
  const decimals = columnDecimals(
    present.filter((value): value is number => typeof value === 'number'),
    wanted,
  );
  const setApart = decimals === 0 && present.some((value) => typeof value === 'number' && isLarge(value));
  const texts = values.map((value) =>
    setApart && typeof value === 'number' && Number.isInteger(value)
      ? formatInteger(value, setApart)
      : cellText(value, decimals),
  );
  const marks = cellMarks(name, rows, texts, options);
  const cells = values.map((value, row) => ({
    text: texts[row],
    value: typeof value === 'number' && !Number.isNaN(value) ? String(value) : undefined,
    mark: marks.get(row),
  }));
  return { heading: headings?.[name] ?? columnHeadings[name] ?? heading(name), numeric, cells };
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || Number.isNaN(value);
}

/** By row. */
function cellMarks(
  name: string,
  rows: Records,
  texts: readonly string[],
  { highlight = {}, worst = {}, within = [], chosen }: TableOptions,
): ReadonlyMap<number, Mark> {
  const marks = new Map<number, Mark>();
  if (chosen !== undefined) {
    if (!chosen.columns.includes(name)) return marks;
    rows.forEach((row, at) => chosen.rows.includes(row) && marks.set(at, { sign: 'best', why: chosen.how }));
    return marks;
  }
  const indices = grouped(
    rows.map((_, at) => at).filter((at) => typeof rows[at][name] === 'number' && !isMissing(rows[at][name])),
    (at) => JSON.stringify(within.map((column) => rows[at][column])),
  );
  const among = within.length === 0 ? 'its column' : 'what it can be compared with';
  for (const [sign, wanted] of [
    ['best', highlight[name]],
    ['worst', worst[name]],
  ] as const) {
    if (wanted === undefined) continue;
    for (const group of indices.values()) {
      const [first, second] = [...group].sort(
        (a, b) => (wanted === 'highest' ? 1 : -1) * (Number(rows[b][name]) - Number(rows[a][name])),
      );
      // Nothing is best alone, nor what looks like another.
      if (second === undefined || texts[first] === texts[second]) continue;
      marks.set(first, { sign, why: `the ${wanted} of ${among}` });
    }
  }
  return marks;
}

function cellText(value: unknown, decimals: number): string {
  if (isMissing(value)) return missing;
  if (typeof value === 'number') return formatFixed(value, decimals);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string' ? typeset(value) : JSON.stringify(value);
}

/** As figures queue up for theirs: the order of outputs does not matter. */
const tableHook =
  '<script>(window.notebookTables=window.notebookTables||[]).push(document.currentScript.parentNode)</script>';

/** table-runtime.js adds the buttons. What scrolls sideways is the table, and not its caption. */
function tableHtml(columns: readonly Column[], rows: number, caption: string): string {
  const head = columns.map((column) => `<th scope="col"${numericClass(column)}>${escapeHtml(column.heading)}</th>`);
  const body = Array.from(
    { length: rows },
    (_, row) => `<tr>${columns.map((column, at) => cellHtml(column, row, at)).join('')}</tr>`,
  );
  if (rows === 0) body.push(`<tr><td colspan="${Math.max(1, columns.length)}">No rows.</td></tr>`);
  const name = escapeHtml(caption);
  return (
    `<div class="nb-display nb-table" data-table><p class="nb-caption"><strong>${name}</strong></p>` +
    `<div class="nb-scroll" role="region" aria-label="${name}" tabindex="0"><table aria-label="${name}">` +
    `<thead><tr>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>${tableHook}</div>`
  );
}

/** Names in the first column head their rows. */
function cellHtml(column: Column, row: number, at: number): string {
  const cell = column.cells[row];
  const value = cell.value === undefined ? '' : ` data-value="${escapeHtml(cell.value)}"`;
  const text = escapeHtml(cell.text);
  const content = cell.mark
    ? `<strong class="nb-${cell.mark.sign}" title="${capitalized(cell.mark.why)}">${text}<span class="nb-hidden"> (${cell.mark.why})</span></strong>`
    : text;
  if (at === 0 && !column.numeric) return `<th scope="row"${longClass(cell)}>${content}</th>`;
  if (!column.numeric) return `<td${longClass(cell)}>${content}</td>`;
  return `<td${numericClass(column)}${value}>${content}</td>`;
}

function capitalized(text: string): string {
  return escapeHtml(text.charAt(0).toUpperCase() + text.slice(1));
}

function numericClass(column: Column): string {
  return column.numeric ? ' class="nb-number"' : '';
}

/** Only long texts may be broken into lines. */
function longClass(cell: Cell): string {
  return cell.text.length > 24 ? ' class="nb-long"' : '';
}

const textSigns: Readonly<Record<Mark['sign'], string>> = { best: '*', worst: '!' };

function tableText(columns: readonly Column[], caption: string): string {
  const printed = columns.map(({ heading: title, numeric, cells }) => {
    const lines = [title, ...cells.map(({ text, mark }) => (mark ? `${text}${textSigns[mark.sign]}` : text))];
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
