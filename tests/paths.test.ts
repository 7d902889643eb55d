import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findPath, lookUpPath, placeOf, projectRoot } from '../lib/paths';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'paths-')));
const started = process.cwd();
before(() => process.chdir(folder));
after(() => {
  process.chdir(started);
  rmSync(folder, { recursive: true });
});

test('a path is looked for where the command was started, then in the project', () => {
  assert.equal(findPath('lib/paths.ts'), join(projectRoot, 'lib', 'paths.ts'));
  mkdirSync(join(folder, 'lib'));
  writeFileSync(join(folder, 'lib', 'paths.ts'), '');
  assert.equal(findPath('lib/paths.ts'), join(folder, 'lib', 'paths.ts'));
  assert.equal(findPath(join(projectRoot, 'lib')), join(projectRoot, 'lib'));
});

test('a tilde is the home', () => {
  assert.equal(findPath('~'), homedir());
  assert.deepEqual(lookUpPath('~/no such file').tried, [join(homedir(), 'no such file')]);
  assert.deepEqual(lookUpPath('~other').tried, [join(folder, '~other'), join(projectRoot, '~other')]);
});

test('what is written lies where one looks first, whatever the project has', () => {
  assert.equal(placeOf('README.md'), join(folder, 'README.md'));
  assert.equal(placeOf('../x'), join(folder, '..', 'x'));
  assert.equal(placeOf('~/x'), join(homedir(), 'x'));
  assert.throws(() => placeOf(''), { name: 'UserError', message: /^The path is empty/ });
});

test('what is not there is told with the absolute paths that were tried', () => {
  const tried = `${join(folder, 'none.npz')} and ${join(projectRoot, 'none.npz')}`;
  const message = `There is no file or folder "none.npz": tried ${tried}.`;
  assert.throws(() => findPath('none.npz'), { name: 'UserError', message });
});
