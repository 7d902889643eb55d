import { escapeHtml } from './html';
import type { Displayable } from './mime';
import { table, type FrameLike } from './tables';

/** A tensor of TensorFlow.js, said by structure: its own types would be loaded into every cell. */
interface TensorLike {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly dataId: object;
  readonly isDisposed: boolean;
  toString(): string;
}
/** A Series of danfo. */
interface SeriesLike {
  readonly values: readonly unknown[];
  readonly index: readonly unknown[];
  readonly columns: readonly string[];
}

/** What `show` takes, and what displays itself as the last expression of a cell. */
export type Showable = Displayable | FrameLike | TensorLike;

/** Rows of a data frame that are shown. */
const shownRows = 50;

/** What a reader is shown of a value; undefined for values that are just printed. */
export function describeValue(value: unknown): Displayable | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (isDisplayable(value)) return value;
  if (isFrame(value)) return frameTable(value);
  return isTensor(value) ? tensorText(value) : undefined;
}

function isDisplayable(value: object): value is Displayable {
  return 'html' in value && typeof value.html === 'string' && 'text' in value && typeof value.text === 'string';
}

/** DataFrame or Series of danfo: both know their columns and their index. */
function isFrame(value: object): value is SeriesLike {
  return 'columns' in value && 'index' in value && 'values' in value && Array.isArray(value.values);
}

function isTensor(value: object): value is TensorLike {
  return 'shape' in value && 'dtype' in value && 'dataId' in value && 'isDisposed' in value;
}

/** With the index as first column where it is more than a count. */
function frameTable({ columns, index, values }: SeriesLike): Displayable {
  const named = index.some((label, row) => label !== row);
  const rows = values.slice(0, shownRows).map((row, at) => {
    const cells: readonly unknown[] = Array.isArray(row) ? row : [row];
    const entries = columns.map((name, column): [string, unknown] => [name, cells[column]]);
    return Object.fromEntries(named ? [['', index[at]], ...entries] : entries);
  });
  const size = `${values.length} × ${columns.length}`;
  const first = values.length > shownRows ? `, the first ${shownRows} rows` : '';
  return table(rows, { caption: `Data frame, ${size}${first}` });
}

function tensorText(tensor: TensorLike): Displayable {
  const title = `Tensor ${tensor.dtype} [${tensor.shape.join(', ')}]`;
  const text = tensor.isDisposed ? `${title}, disposed` : `${title}\n${tensor.toString().replace(/^Tensor\n/, '')}`;
  return { html: `<pre class="nb-display">${escapeHtml(text)}</pre>`, text };
}
