import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';

import { main } from '../../lib/cli/cache';
import { projectRoot } from '../../lib/paths';
import { openFeatureCache } from '../../lib/training/feature-cache';
import { userError } from '../data/user-error';
import { exampleExtraction, exampleRequest } from '../training/feature-example';

const scratch = mkdtempSync(join(tmpdir(), 'cache-command-'));
after(() => rmSync(scratch, { recursive: true }));

let serial = 0;

/** A cache with the named entries, of which `unfinished` has not been finished. */
async function fill(...names: string[]): Promise<string> {
  const directory = join(scratch, String(serial++), 'features');
  const cache = openFeatureCache({ directory });
  for (const name of names) {
    const request = exampleRequest(name);
    const failAt = name === 'unfinished' ? 12 : Infinity;
    const opening = cache.open(request, exampleExtraction(request, { failAt }).extract);
    if (failAt < Infinity) await assert.rejects(opening, /on purpose/);
    else (await opening).file.close();
  }
  return directory;
}

async function run(directory: string, ...args: string[]): Promise<string> {
  let printed = '';
  await main(args, { directory, output: { write: (text) => (printed += text) } });
  return printed;
}

function lastUsed(directory: string, name: string, daysAgo: number): void {
  const path = join(directory, exampleRequest(name).key, 'manifest.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  const date = new Date(Date.now() - daysAgo * 24 * 3600 * 1000);
  writeFileSync(path, JSON.stringify({ ...manifest, lastUsed: date.toISOString(), checksum: undefined }));
}

test('list shows what there is, the most recently used first, and the sum', async () => {
  const directory = await fill('first', 'broken', 'unfinished');
  lastUsed(directory, 'first', 2);
  truncateSync(join(directory, exampleRequest('broken').key, 'features.npy'), 100);
  const lines = (await run(directory, 'list')).trimEnd().split('\n');
  assert.equal(lines.length, 4);
  assert.match(lines[0], /^ +0\.0 MB {2}unfinished, \d{4}-\d\d-\d\d +0 s {2}unfinished, 30×7$/);
  const date = new Date(Date.now() - 2 * 24 * 3600 * 1000).toISOString().slice(0, 10);
  assert.match(lines[1], new RegExp(`^ +0\\.0 MB  used ${date} +0 s  first, 30×7$`));
  assert.match(lines[2], /^ +0\.0 MB {2}damaged: computed again when it is needed$/);
  assert.equal(lines[3], `Features: 3 entries, 0.0 MB in ${directory}`);
});

test('list of an empty cache, or of one entry', async () => {
  assert.match(await run(join(scratch, 'none'), 'list'), /^Features: 0 entries, 0\.0 MB in .*none\n$/);
  assert.match(await run(await fill('one'), 'list'), /\nFeatures: 1 entry, 0\.0 MB in /);
});

test('list --json gives every entry', async () => {
  const directory = await fill('first', 'unfinished');
  const { features: entries } = JSON.parse(await run(directory, 'list', '--json')) as {
    features: Record<string, unknown>[];
  };
  const listed = entries.map(
    ({ of, state, count, width }) => `${String(of)}: ${String(state)}, ${String(count)}×${String(width)}`,
  );
  assert.deepEqual(listed.sort(), ['first: whole, 30×7', 'unfinished: unfinished, 30×7']);
});

test('list and clear --data know what was made of datasets, and leave features and downloads alone', async () => {
  const directory = await fill('first');
  const cache = dirname(directory);
  for (const name of ['unpacked', 'segmentation/one', 'medmnist']) {
    mkdirSync(join(cache, name), { recursive: true });
    writeFileSync(join(cache, name, 'images.npy'), Buffer.alloc(2_000_000));
  }
  const lines = (await run(directory, 'list')).trimEnd().split('\n');
  assert.deepEqual(lines.slice(2), [
    'Prepared data: 1 entry, 2.0 MB, arrays of compressed .npz files',
    'Prepared data: 1 entry, 2.0 MB, images and masks of folders, resized',
  ]);
  assert.equal(await run(directory, 'clear', '--data'), 'Deleted 4.0 MB of prepared data.\n');
  assert.deepEqual(readdirSync(cache).sort(), ['features', 'medmnist']);
  assert.equal(readdirSync(directory).length, 1);
  await assert.rejects(
    run(directory, 'clear', '--data', '--older-than', '3'),
    userError(/^--older-than is for features/),
  );
});

test('clear deletes everything, or what was not used for some days', async () => {
  const directory = await fill('first', 'second', 'unfinished');
  lastUsed(directory, 'first', 31);
  assert.equal(await run(directory, 'clear', '--older-than', '32'), 'Deleted 0 entries, 0.0 MB.\n');
  assert.equal(await run(directory, 'clear', '--older-than', '30.5'), 'Deleted 1 entry, 0.0 MB.\n');
  assert.equal(readdirSync(directory).length, 2);
  assert.equal(await run(directory, 'clear'), 'Deleted 2 entries, 0.0 MB.\n');
  assert.deepEqual(readdirSync(directory), []);
  assert.equal(await run(join(scratch, 'none'), 'clear'), 'Deleted 0 entries, 0.0 MB.\n');
});

test('what is misspelt or missing is answered with the nearest name, and nothing is deleted', async () => {
  const directory = await fill('first');
  const refused = (pattern: RegExp, ...args: string[]) => assert.rejects(run(directory, ...args), userError(pattern));
  await refused(/^Which of list, clear\?/);
  await refused(/^There is no command "lst", did you mean "list"\? There are list, clear\.$/, 'lst');
  await refused(/^There is no command "toString"\. /, 'toString');
  await refused(/^list takes no "first"/, 'list', 'first');
  await refused(/^clear takes no "first"/, 'clear', 'first');
  await refused(/no option --older-tan, did you mean "--older-than"\?/, 'clear', '--older-tan', '3');
  await refused(/no option --json/, 'clear', '--json');
  await refused(/--older-than needs a value/, 'clear', '--older-than');
  for (const days of ['many', '', ' ', 'NaN']) {
    const message = `^--older-than is "${days}", but must be a number of days\\.$`;
    await refused(new RegExp(message), 'clear', `--older-than=${days}`);
  }
  await refused(/^--older-than is "-1", but must be/, 'clear', '--older-than=-1');
  assert.deepEqual(readdirSync(directory), [exampleRequest('first').key]);
});

test('--help shows examples and deletes nothing', async () => {
  const directory = await fill('first');
  for (const args of [['--help'], ['clear', '--help'], ['list', '-h']])
    assert.match(await run(directory, ...args), /Examples\n {2}npm run cache -- list\n/);
  assert.equal(readdirSync(directory).length, 1);
});

test('the command runs as a program', () => {
  const args = ['--import', 'tsx', 'lib/cli/cache.ts'];
  const start = (...more: string[]) =>
    spawnSync(process.execPath, [...args, ...more], { cwd: projectRoot, encoding: 'utf8' });
  const listed = start('list');
  assert.match(listed.stdout, /\d+ entr(y|ies), +[\d.]+ MB in .*data\/cache\/features\n(Prepared data: .*\n)*$/);
  assert.deepEqual([listed.status, listed.stderr], [0, '']);
  const wrong = start('clera');
  assert.deepEqual([wrong.status, wrong.stdout], [1, '']);
  assert.equal(wrong.stderr, 'There is no command "clera", did you mean "clear"? There are list, clear.\n');
});
