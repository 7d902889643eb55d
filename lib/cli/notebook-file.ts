/** Notebooks as files: reading, and putting parameters in. */
import { readFileSync } from 'node:fs';
import { UserError } from '../errors';

export interface NotebookCell {
  readonly cell_type: 'code' | 'markdown' | 'raw';
  readonly id?: string;
  readonly metadata: { readonly tags?: readonly string[]; readonly [key: string]: unknown };
  readonly source: string | readonly string[];
  readonly outputs?: readonly unknown[];
  readonly execution_count?: number | null;
}

export interface Notebook {
  readonly cells: readonly NotebookCell[];
  readonly metadata: { readonly title?: string; readonly description?: string; readonly [key: string]: unknown };
  readonly nbformat: number;
  readonly nbformat_minor: number;
}

/** @throws UserError where the file is no notebook */
export function readNotebook(path: string): Notebook {
  let notebook: Partial<Notebook>;
  try {
    notebook = (JSON.parse(readFileSync(path, 'utf8')) ?? {}) as Partial<Notebook>;
  } catch (error) {
    // A message of JSON.parse quotes the file, line breaks included.
    throw new UserError(`${path} cannot be read as a notebook (${(error as Error).message.replace(/\s+/g, ' ')}).`);
  }
  const { cells, metadata = {}, nbformat } = notebook;
  if (!Array.isArray(cells) || !cells.every(isCell) || nbformat !== 4)
    throw new UserError(`${path} is not a notebook of format 4 (.ipynb).`);
  return { nbformat_minor: 0, ...notebook, nbformat, metadata, cells };
}

function isCell(value: unknown): value is NotebookCell {
  const { cell_type: type, metadata, source } = (value ?? {}) as Partial<NotebookCell>;
  const isSource = typeof source === 'string' || Array.isArray(source);
  return (
    ['code', 'markdown', 'raw'].includes(type ?? '') && isSource && typeof metadata === 'object' && metadata !== null
  );
}

/** A notebook as JupyterLab saves it, so that whoever opens and saves it changes nothing: names in order, lists of lines. */
export function savedForm(notebook: Notebook): string {
  const ordered = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(ordered);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .sort(byName)
        .map(([name, each]) => [name, ordered(each)]),
    );
  };
  const cells = notebook.cells.map((cell) => ({ ...cell, source: cellSource(cell).split(/(?<=\n)/) }));
  return `${JSON.stringify(ordered({ ...notebook, cells }), undefined, 1)}\n`;
}

function byName([first]: [string, unknown], [second]: [string, unknown]): number {
  return first < second ? -1 : 1;
}

export function cellSource({ source }: NotebookCell): string {
  return typeof source === 'string' ? source : source.join('');
}

/** What its code cells say, in their order. */
export function codeOf({ cells }: Notebook): string[] {
  return cells.filter((cell) => cell.cell_type === 'code').map(cellSource);
}

/**
 * The notebook with a cell that sets parameters right after the one tagged `parameters`, as papermill does it. Which of them exist is
 * for the caller to check.
 */
export function withParameters(notebook: Notebook, parameters: Readonly<Record<string, unknown>>): Notebook {
  const names = Object.keys(parameters);
  if (names.length === 0) return notebook;
  const at = notebook.cells.findIndex((cell) => cell.metadata.tags?.includes('parameters'));
  if (at < 0) throw new UserError('The notebook has no cell tagged "parameters".');
  const injected: NotebookCell = {
    cell_type: 'code',
    id: 'injected-parameters',
    metadata: { tags: ['injected-parameters'] },
    source: names
      .map((name) => `${name} = ${JSON.stringify(parameters[name])};\n`)
      .concat('void 0; // set from the command line'),
    outputs: [],
    execution_count: null,
  };
  return { ...notebook, cells: [...notebook.cells.slice(0, at + 1), injected, ...notebook.cells.slice(at + 1)] };
}

/** Metadata that a committed notebook may have; editors add their own at every save. */
const keptMetadata = [
  'authors',
  'date',
  'description',
  'image',
  'kernelspec',
  'language_info',
  'license',
  'source',
  'study',
  'tags',
  'title',
];
const longestCell = 15;
/** Of a cell with this tag, in which a network is written out. */
const longestNetwork = 25;
const networkTag = 'network';

/** What keeps a notebook from being committed: outputs, counts, an editor's metadata, cells that are too long. */
export function strippedProblems(notebook: Notebook): string[] {
  const problems = Object.keys(notebook.metadata)
    .filter((key) => !keptMetadata.includes(key))
    .map((key) => `metadata "${key}" is an editor's`);
  notebook.cells.forEach((cell, index) => {
    if (cell.cell_type !== 'code') return;
    const lines = cellSource(cell).split('\n').length;
    if (cell.outputs?.length) problems.push(`cell ${index + 1} has outputs (clear them before committing)`);
    if (cell.execution_count !== null) problems.push(`cell ${index + 1} has an execution count`);
    const tags: unknown = cell.metadata.tags;
    const most = Array.isArray(tags) && tags.includes(networkTag) ? longestNetwork : longestCell;
    if (lines > most) problems.push(`cell ${index + 1} has ${lines} lines (at most ${most})`);
  });
  return problems;
}
