/** Rows as a data frame of danfo, which groups, sorts and describes them, and the rows of results that there are. */
import type { FrameLike } from '../display/tables';
import { grouped } from '../grouped';
import { mean } from '../metrics/intervals';
import { comparableResults, currentRun } from '../runs/notebook-run';

/** What is known of a danfo data frame here: its own types would load TensorFlow's into every cell. It can do more; see danfo's pages. */
export interface Frame extends FrameLike {
  readonly index: readonly (string | number)[];
  readonly shape: readonly number[];
  head(rows?: number): Frame;
  /** Count, mean, deviation, least, median and most of each column of numbers. */
  describe(): Frame;
  sortValues(column: string, options?: { readonly ascending?: boolean }): Frame;
  groupby(columns: readonly string[]): Groups;
  /** Some columns, or rows. */
  loc(part: { readonly columns?: readonly string[]; readonly rows?: readonly (string | number)[] }): Frame;
}

/** Each call gives a frame with a row a group. */
export interface Groups {
  col(columns: readonly string[]): Groups;
  mean(): Frame;
  std(): Frame;
  min(): Frame;
  max(): Frame;
  count(): Frame;
}

type Cell = string | number;

/**
 * A danfo data frame of rows, such as
 * `nb.frame(nb.resultRows(data)).groupby(['model', 'epochs']).col(['testAccuracy']).mean()`. Settings within a row
 * become columns; where a row lacks a number there is NaN, and where it lacks a text nothing.
 */
export function frame(rows: readonly object[]): Frame {
  const flat = rows.map(flattened);
  const names = [...new Set(flat.flatMap((row) => Object.keys(row)))];
  const isNumber = (name: string): boolean =>
    flat.every((row) => row[name] === undefined || typeof row[name] === 'number');
  const filler = new Map(names.map((name) => [name, isNumber(name) ? NaN : '']));
  const filled = flat.map((row) =>
    Object.fromEntries(names.map((name) => [name, textOrNumber(row[name] ?? filler.get(name), isNumber(name))])),
  );
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- danfo takes a second to load, which a first cell need not wait for
  const danfo = require('danfojs-node') as { readonly DataFrame: new (rows: readonly object[]) => Frame };
  return new danfo.DataFrame(filled);
}

export interface PivotOptions {
  /** The column or setting whose values are the rows. */
  readonly rows: string;
  /** The one whose values become columns. */
  readonly columns: string;
  /** The column of numbers in the cells. */
  readonly values: string;
}

/**
 * A data frame of rows put crosswise: a row for each value of one column or setting, a column for each of another, and in the cells the
 * mean of a third, NaN where there is none, such as
 * `nb.pivot(nb.resultRows(data), { rows: 'model', columns: 'seed', values: 'testAccuracy' })`.
 */
export function pivot(given: readonly object[], { rows, columns, values }: PivotOptions): Frame {
  const flat = given.map(flattened);
  const byColumn = (some: readonly Record<string, unknown>[]) =>
    grouped(some, (row) => `${columns} ${String(row[columns])}`);
  const titles = [...byColumn(flat).keys()];
  const groups = grouped(flat, (row) => String(row[rows]));
  return frame(
    [...groups].map(([name, own]) => {
      const cells = byColumn(own);
      const meanOf = (title: string): number => {
        const numbers = (cells.get(title) ?? []).map((row) => Number(row[values]));
        return numbers.length === 0 ? NaN : mean(numbers);
      };
      return { [rows]: name, ...Object.fromEntries(titles.map((title) => [title, meanOf(title)])) };
    }),
  );
}

function textOrNumber(value: unknown, isNumber: boolean): Cell {
  if (isNumber) return value as number;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Objects within a row become columns by their own names, unless the row has such a column. */
function flattened(row: object): Record<string, unknown> {
  const entries = Object.entries(row) as [string, unknown][];
  const inner = entries.flatMap(([, value]) => (isRecord(value) ? (Object.entries(value) as [string, unknown][]) : []));
  const own = entries.filter(([, value]) => value !== undefined && !isRecord(value));
  return Object.fromEntries([...inner, ...own]);
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Everything that this notebook has trained and tested on these data, in this run and in others: a row each.
 * @param data what the rows are of; see `comparison`
 */
export function resultRows(data: { readonly sha256: string }): object[] {
  return comparableResults(currentRun(), data).flatMap(({ results }) => results);
}
