/** A notebook without the folders of the machine that it ran on: what is published names files only. */
import { homedir } from 'node:os';
import { escapeHtml } from '../../display/html';
import { projectRoot, withoutFolders } from '../../paths';
import { cellSource, type Notebook, type NotebookCell } from '../notebook-file';

/**
 * The notebook with each path that stands as a text in its code, such as `dataset = '/home/me/cells.npz'`, by its last name, there and
 * wherever an output shows it. Other paths in outputs begin at the project's or at the home folder. Pictures are left alone.
 */
export function withoutPrivatePaths(notebook: Notebook): Notebook {
  const isCode = ({ cell_type: type }: NotebookCell): boolean => type === 'code';
  // The longest first, as one may begin another.
  const paths = notebook.cells
    .filter(isCode)
    .flatMap(pathsInCode)
    .sort((a, b) => b.length - a.length);
  const forms = paths.flatMap((path): [string, string][] => [
    [path, withoutFolders(path)],
    [escapeHtml(path), escapeHtml(withoutFolders(path))],
    [inJson(path), inJson(withoutFolders(path))],
  ]);
  const shorter = (text: string): string =>
    withoutOwnFolders(forms.reduce((result, [form, name]) => result.replaceAll(form, () => name), text));
  const cells = notebook.cells.map((cell): NotebookCell => {
    if (!isCode(cell)) return cell;
    const { source, outputs } = mapTexts({ source: cell.source, outputs: cell.outputs }, shorter);
    return { ...cell, source, ...(outputs === undefined ? {} : { outputs }) };
  });
  return { ...notebook, cells };
}

/** What is written between quotes and names a folder. Something at the root has none, and what begins with dots may be a module. */
function pathsInCode(cell: NotebookCell): string[] {
  return [...cellSource(cell).matchAll(/(["'`])((?:\\.|(?!\1)[^\\\n])*)\1/g)]
    .map(([, , text]) => text.replace(/\\(["'`\\])/g, '$1'))
    .filter((text) => withoutFolders(text) !== text && !/^\/[^/]*$|^\.\.?\/[^.]*$/.test(text));
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** Base64 has slashes too, but a path does not begin in the middle of a word. */
function withoutOwnFolders(text: string): string {
  const folders: readonly (readonly [folder: string, below: string, itself: string])[] = [
    [projectRoot, '', withoutFolders(projectRoot)],
    [homedir(), '~/', '~'],
  ];
  return folders
    .filter(([folder]) => folder.length > 1)
    .reduce((result, [folder, below, itself]) => {
      const literal = folder.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      const pattern = new RegExp(`(?:(?<![\\w+/.~-])|(?<=file://))${literal}(?:(/)|(?![\\w+.-]))`, 'g');
      return result.replace(pattern, (_, slash: string | undefined) => (slash === undefined ? itself : below));
    }, text);
}

/** A value with every text in it changed, but no picture. Jupyter keeps texts as they are or as lists of lines. */
function mapTexts<T>(value: T, change: (text: string) => string): T;
function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item: unknown) => mapTexts(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]: [string, unknown]) => [
      key,
      /^image\/(?!svg)/.test(key) ? item : mapTexts(item, change),
    ]),
  );
}
