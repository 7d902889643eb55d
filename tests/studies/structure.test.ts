import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { test } from 'node:test';

import { projectRoot } from '../../lib/paths';

const studies = join(projectRoot, 'lib', 'studies');
const lib = join(projectRoot, 'lib');

const sourcesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));

/** The modules that a file imports by their paths. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'(\.[^']*)'/g)].map(([, path]) => resolve(file, '..', path));
}

/** The folder of its study, or '' for what is of several. */
function studyOf(path: string): string {
  const [first, ...rest] = relative(studies, path).split(sep);
  return rest.length === 0 ? '' : first;
}

test('no study imports from the folder of another one', () => {
  const files = sourcesOf(studies);
  assert.ok(files.length > 20);
  for (const file of files) {
    const own = studyOf(file);
    const others = importsOf(file).filter(
      (path) => path.startsWith(studies + sep) && own !== '' && studyOf(path) !== own,
    );
    assert.deepEqual(others, [], `${relative(lib, file)} imports from another study's folder`);
  }
});

test('what studies are made of knows of no study', () => {
  const below = ['tensor', 'data', 'metrics', 'models', 'training', 'display', 'runs', 'workbench'];
  for (const folder of below)
    for (const file of sourcesOf(join(lib, folder)))
      assert.deepEqual(
        importsOf(file).filter((path) => path.startsWith(studies + sep)),
        [],
        relative(lib, file),
      );
});
