import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Notebook, NotebookCell } from '../../../lib/cli/notebook-file';
import { openingHeading, pageMetadata, readingMinutes, runSeconds } from '../../../lib/cli/page/metadata';
import { notebookNames, notebooksDirectory } from '../../../lib/runs/notebook-files';
import { readNotebook } from '../../../lib/cli/notebook-file';
import { userError } from '../../data/user-error';

const notebook = (metadata: Notebook['metadata'], ...cells: NotebookCell[]): Notebook => ({
  cells,
  metadata,
  nbformat: 4,
  nbformat_minor: 5,
});
const prose = (source: string | string[]): NotebookCell => ({ cell_type: 'markdown', metadata: {}, source });

test('everything may be left out; the title is then the first heading, else the name', () => {
  const nothing = {
    description: '',
    date: undefined,
    authors: [],
    tags: [],
    license: undefined,
    study: undefined,
    image: undefined,
    source: undefined,
  };
  assert.deepEqual(pageMetadata(notebook({}), 'name'), { title: 'name', ...nothing });
  const headed = notebook({}, prose(['# The `fit` *loop*\n', 'text']));
  assert.deepEqual(pageMetadata(headed, 'name'), { title: 'The fit loop', ...nothing });
  assert.equal(openingHeading(headed), 'The `fit` *loop*');
  assert.equal(openingHeading(notebook({}, prose('## no title'))), undefined);
});

test('names may be texts or objects, and one author needs no list', () => {
  const { authors, tags, license } = pageMetadata(
    notebook({ authors: ['A', { name: 'B', url: 'https://b.org', orcid: 'x' }], tags: 'one', licence: 'MIT' }),
    '',
  );
  assert.deepEqual(
    authors.map(({ name, url }) => [name, url]),
    [
      ['A', undefined],
      ['B', 'https://b.org'],
    ],
  );
  assert.deepEqual([tags, license], [['one'], 'MIT']);
  assert.deepEqual(pageMetadata(notebook({ authors: 'A' }), '').authors, [{ name: 'A' }]);
});

test('what is wrong is named, with what it must be', () => {
  for (const [key, value, pattern] of [
    [
      'date',
      '24.11.2026',
      /^The notebook's metadata "date" is "24\.11\.2026", but must be a day, such as 2026-11-24\.$/,
    ],
    ['date', '2026-02-30', /"date" is "2026-02-30"/],
    [
      'authors',
      [{}],
      /"authors" is \[\{\}\], but must be a list of names, or of objects with a name, whose addresses begin with https:\/\/\.$/,
    ],
    ['authors', [{ name: 'A', url: 'no address' }], /"authors"/],
    ['authors', [{ name: 'A', url: 'javascript:alert(1)' }], /"authors"/],
    ['tags', [1], /"tags" is \[1\], but must be a list of words\.$/],
    ['source', 'c.ipynb', /"source" is "c\.ipynb", but must be the address of the notebook’s file/],
    ['title', '', /"title" is "", but must be a text\.$/],
    ['study', { authors: ['A'] }, /"study" is .* but must be an object with title/],
  ] as const)
    assert.throws(() => pageMetadata(notebook({ [key]: value }), 'name'), userError(pattern), key);
});

test('reading takes a minute for 220 words of text, code excepted', () => {
  const code: NotebookCell = { cell_type: 'code', metadata: {}, source: 'word '.repeat(9000), outputs: [] };
  assert.equal(readingMinutes(notebook({}, code)), 1);
  assert.equal(readingMinutes(notebook({}, prose('word '.repeat(1100)), code)), 5);
});

const ran = (start: string, end: string): NotebookCell => ({
  cell_type: 'code',
  source: '',
  outputs: [],
  metadata: { execution: { 'iopub.status.busy': start, 'iopub.status.idle': end } },
});

test('the run time is that of all cells, or of what was spent in them where it was no one run', () => {
  assert.equal(runSeconds(notebook({}, prose('text'))), undefined);
  assert.equal(runSeconds(notebook({}, ran('x', 'y'))), undefined);
  const first = ran('2026-11-24T10:00:00.500Z', '2026-11-24T10:00:10.000Z');
  assert.equal(runSeconds(notebook({}, first, ran('2026-11-24T10:00:20.000Z', '2026-11-24T10:00:30.000Z'))), 29.5);
  assert.equal(runSeconds(notebook({}, first, ran('2026-11-25T10:00:00.000Z', '2026-11-25T10:00:10.000Z'))), 19.5);
});

test('every notebook of the project says what a page needs, and names the study where it tells of one', () => {
  for (const name of notebookNames()) {
    const notebook = readNotebook(`${notebooksDirectory}/${name}.ipynb`);
    const { title, description, date, authors, tags, license, study } = pageMetadata(notebook, '');
    assert.ok(title && description && date && authors.length > 0 && tags.length > 1 && license, name);
    const text = notebook.cells
      .filter((cell) => cell.cell_type === 'markdown')
      .map(({ source }) => [source].flat().join(''))
      .join('\n');
    if (study === undefined) continue; // of the vocabulary
    assert.ok(text.includes(study.title), `${name} is said to be about "${study.title}"`);
    for (const author of study.authors ?? []) assert.ok(text.includes(author.split(' ').at(-1) ?? author), author);
  }
});
