import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';

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

const parsed = new Map<string, ts.SourceFile>();

function parse(file: string): ts.SourceFile {
  const source =
    parsed.get(file) ?? ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true);
  parsed.set(file, source);
  return source;
}

/** What a module exports by names, each with the functions that it stands for. */
function exportsOf(file: string): { name: string; functions: ts.FunctionDeclaration[] }[] {
  const source = parse(file);
  return source.statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement) || statement.isTypeOnly) return [];
    const { exportClause, moduleSpecifier } = statement;
    if (exportClause === undefined || !ts.isNamedExports(exportClause) || moduleSpecifier === undefined) return [];
    const from = resolve(file, '..', `${(moduleSpecifier as ts.StringLiteral).text}.ts`);
    return exportClause.elements.map(({ name, propertyName }) => {
      const given = (propertyName ?? name).text;
      const own = parse(from).statements.filter(ts.isFunctionDeclaration);
      const functions = own.filter((one) => one.name?.text === given);
      const elsewhere = functions.length > 0 ? [] : exportsOf(from).filter((one) => one.name === given);
      return { name: name.text, functions: [...functions, ...elsewhere.flatMap((one) => one.functions)] };
    });
  });
}

test('every call of a cell has one shape: of what, on which data, how, and last what may be left out, by its names', () => {
  const functions = exportsOf(join(lib, 'notebook.ts')).flatMap(({ name, functions: all }) =>
    all.map(({ parameters }) => ({ name, parameters: [...parameters] })),
  );
  assert.ok(functions.length > 80);
  for (const { name, parameters } of functions) {
    assert.ok(parameters.length <= 4, `${name} takes ${parameters.length} things`);
    const types = parameters.map(({ type }) => type?.getText() ?? '');
    parameters.forEach((parameter, index) => {
      if (parameter.questionToken === undefined && parameter.initializer === undefined) return;
      assert.equal(index, parameters.length - 1, `${name}: what may be left out comes last`);
      assert.doesNotMatch(types[index], /^(string|number|boolean|'|StatusKind)/, `${name} names what may be left out`);
    });
    const data = types.findIndex((type) => /\b(Dataset|SegmentationDataset|TrainingData)\b/.test(type));
    const before = types.slice(0, data).filter((type) => !/^Network\b/.test(type));
    if (data > 0) assert.ok(before.length <= 1, `${name} takes its data after ${types.slice(0, data).join(', ')}`);
  }
});
