import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { main, type DataContext } from '../../lib/cli/data';
import { showDownload } from '../../lib/cli/download-progress';
import { createProgressLine } from '../../lib/cli/progress-line';
import { datasetFile, datasetNames, findDataset } from '../../lib/data/registry';
import { projectRoot } from '../../lib/paths';
import { userError } from '../data/user-error';

const folder = mkdtempSync(join(tmpdir(), 'data-command-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const cacheDirectory = join(folder, 'cache');
const medmnistRoot = join(folder, 'medmnist');
const offline: typeof fetch = () => {
  throw Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error(), { code: 'ENOTFOUND' }) });
};

/** What a command prints, on the two streams. */
async function run(...args: string[]): Promise<{ output: string; progress: string }> {
  const printed = { output: '', progress: '' };
  const context: DataContext = {
    cacheDirectory,
    medmnistRoot,
    fetch: offline,
    retries: 1,
    retryDelayMilliseconds: 1,
    output: { write: (text) => (printed.output += text) },
    progress: { write: (text) => (printed.progress += text) },
  };
  await main(args, context);
  return printed;
}

async function assertRefused(args: string[], pattern: RegExp): Promise<void> {
  await assert.rejects(run(...args), userError(pattern));
}

/** A file of a dataset that counts as verified, without its megabytes. */
function pretend(name: string, size: number): string {
  const { fileName, md5 } = datasetFile(findDataset(name), size);
  const path = join(medmnistRoot, fileName);
  mkdirSync(medmnistRoot, { recursive: true });
  mkdirSync(join(cacheDirectory, 'medmnist'), { recursive: true });
  writeFileSync(path, 'small');
  const entry = { bytes: 5, modifiedMilliseconds: statSync(path).mtimeMs, md5 };
  writeFileSync(join(cacheDirectory, 'medmnist', `${fileName}.verified.json`), JSON.stringify({ [path]: entry }));
  return path;
}

test('list aligns a row for each dataset', async () => {
  pretend('bloodmnist', 28);
  pretend('bloodmnist', 224);
  const lines = (await run('list')).output.trimEnd().split('\n');
  assert.equal(lines.length, 13);
  assert.match(lines[0], /^name +task +classes +channels +train\/val\/test +present +licence$/);
  const column = lines[0].indexOf('licence');
  for (const line of lines.slice(1)) assert.equal(line.slice(column - 1, column + 2), ' CC');
  const row = lines.find((line) => line.startsWith('bloodmnist'));
  assert.match(row ?? '', /^bloodmnist +multi-class +8 +3 +11959\/1712\/3421 +28 224 +CC BY 4\.0$/);
});

test('list --json gives the registry and the files that are there', async () => {
  const path = pretend('bloodmnist', 28);
  const records = JSON.parse((await run('list', '--json')).output) as {
    name: string;
    present: unknown[];
    splits: unknown;
  }[];
  assert.deepEqual(
    records.map(({ name }) => name),
    datasetNames(),
  );
  const blood = records.find(({ name }) => name === 'bloodmnist');
  assert.deepEqual(blood?.present[0], { size: 28, path });
  assert.deepEqual(blood.splits, { train: 11959, val: 1712, test: 3421 });
});

test('download prints the path of a file that is there, and nothing else', async () => {
  const path = pretend('bloodmnist', 224);
  assert.deepEqual(await run('download', 'bloodmnist', '--size', '224'), { output: `${path}\n`, progress: '' });
});

test('download without a network says what to do by hand, in one line', async () => {
  const path = join(cacheDirectory, 'medmnist', 'octmnist_64.npz');
  await assertRefused(
    ['download', 'octmnist', '--size=64'],
    /^Could not download OCTMNIST 64×64: zenodo\.org cannot be found/,
  );
  await assertRefused(
    ['download', 'octmnist', '--size=64'],
    new RegExp(`octmnist_64\\.npz\\?download=1 in a browser.* ${path},`),
  );
});

test('every name and size is checked before anything is downloaded', async () => {
  await assertRefused(['download', 'octmnist', 'bloodmist'], /no dataset "bloodmist", did you mean "bloodmnist"\?/);
  await assertRefused(
    ['download', 'bloodmnist', '--size', '32'],
    /--size is "32", but must be one of 28, 64, 128, 224/,
  );
});

test('what is misspelt or missing is answered with the nearest name', async () => {
  await assertRefused([], /Which of list, download, verify, convert\?/);
  await assertRefused(['donwload'], /no command "donwload", did you mean "download"\?/);
  await assertRefused(['frobnicate'], /no command "frobnicate"\. There are list, download, verify, convert\./);
  await assertRefused(['list', '--jsn'], /no option --jsn, did you mean "--json"\?/);
  await assertRefused(['list', '-x'], /no option -x\. --help/);
  await assertRefused(['list', '--json=yes'], /--json takes no value/);
  await assertRefused(['list', 'bloodmnist'], /list takes no "bloodmnist"/);
  await assertRefused(['download'], /Which dataset\?/);
  await assertRefused(['download', 'bloodmnist', '--size'], /--size needs a value/);
  await assertRefused(['verify'], /Which file\?/);
  await assertRefused(['verify', 'a', 'b'], /verify takes no "b"/);
});

test('--help shows examples for each command', async () => {
  for (const args of [['--help'], ['list', '--help'], ['download', '--help'], ['verify', '-h']]) {
    const { output } = await run(...args);
    assert.match(output, /Examples?\n +npm run/);
    assert.match(output, new RegExp(`npm run data -- ${args.length > 1 ? args[0] : 'COMMAND'}`));
  }
});

test('progress replaces one line on a terminal and is sparing elsewhere', () => {
  for (const isTTY of [true, false]) {
    let text = '';
    const line = createProgressLine({ isTTY, columns: 60, write: (more) => (text += more) });
    const state = { received: 14_900_000, total: 35_500_000, bytesPerSecond: 3_100_000 };
    showDownload({ kind: 'progress', ...state }, 'BloodMNIST', line);
    showDownload({ kind: 'progress', ...state, received: 35_500_000 }, 'BloodMNIST', line);
    showDownload({ kind: 'done', path: '/x/bloodmnist.npz', ...state }, 'BloodMNIST', line);
    const first = 'BloodMNIST  41 %  14.9 MB of 35.5 MB  3.1 MB/s  7 s left';
    const last = 'BloodMNIST: 14.9 MB, bloodmnist.npz is complete.\n';
    const clear = '\r\u001b[2K';
    const second = 'BloodMNIST  100 %  35.5 MB of 35.5 MB  3.1 MB/s  0 s left';
    assert.equal(text, isTTY ? `${clear}${first}${clear}${second}${clear}${last}` : `${first}\n${last}`);
  }
});

/** Exit code and printed text of a program; it is interrupted once it prints `ready`. */
function start(...args: string[]): Promise<{ code: number | null; output: string; errors: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', ...args], { cwd: projectRoot });
  let output = '';
  let errors = '';
  child.stdout.on('data', (text: Buffer) => {
    output += text.toString();
    if (output.includes('ready')) child.kill('SIGINT');
  });
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output, errors })));
}

test('commands end with one line, a stack, or quietly', async () => {
  const command = (body: string): string[] => [
    '--eval',
    `require('./lib/cli/command').runCommand(async () => { ${body} })`,
  ];
  const [refused, defect, unhandled, interrupted] = await Promise.all([
    start('lib/cli/data.ts', 'lst'),
    start(...command('undefined.x')),
    start(
      ...command('Promise.reject(new RangeError("forgotten")); await new Promise((done) => setTimeout(done, 5000))'),
    ),
    start(...command('setInterval(() => undefined, 1000); console.log("ready"); await new Promise(() => undefined)')),
  ]);
  assert.equal(refused.code, 1);
  assert.match(refused.errors, /^There is no command "lst", did you mean "list"\? There are .*\n$/);
  assert.equal(refused.output, '');
  assert.equal(defect.code, 1);
  assert.match(defect.errors, /^TypeError: .*\n +at /);
  assert.equal(unhandled.code, 1);
  assert.match(unhandled.errors, /^RangeError: forgotten\n/);
  assert.equal(interrupted.code, 130);
});
