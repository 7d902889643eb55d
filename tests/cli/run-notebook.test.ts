import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { parseSettings, runNotebook, type RunNotebookOptions } from '../../lib/cli/run-notebook';
import { acquireLock } from '../../lib/data/file-lock';
import { writeNpz, type NpzArray } from '../../lib/data/npz-writer';
import { projectRoot } from '../../lib/paths';
import { userError } from '../data/user-error';
import { patience } from '../patience';

const folder = mkdtempSync(join(tmpdir(), 'run-notebook-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const dataset = join(folder, 'cells.npz');
const arrays: Record<string, NpzArray> = {};
for (const name of ['train', 'val', 'test']) {
  arrays[`${name}_images`] = { type: '|u1', shape: [4, 28, 28, 3], bytes: new Uint8Array(4 * 28 * 28 * 3) };
  arrays[`${name}_labels`] = { type: '|u1', shape: [4], bytes: Uint8Array.of(0, 1, 0, 1) };
}
writeNpz(dataset, arrays);

/** Runs the first notebook, which must be refused before it is started. */
async function assertRefused(pattern: RegExp, options: Partial<RunNotebookOptions>, given = '01'): Promise<void> {
  const before = readdirSync(folder, { recursive: true });
  await assert.rejects(
    runNotebook(given, {
      settings: [],
      workingDirectory: folder,
      out: 'new/nested/run',
      onCell: () => assert.fail('it was started'),
      ...options,
    }),
    userError(pattern),
  );
  assert.deepEqual(readdirSync(folder, { recursive: true }), before, 'something is left behind');
}

test('settings become numbers, booleans or texts', () => {
  const parse = (...settings: string[]): Record<string, unknown> => parseSettings(settings, undefined, folder);
  assert.deepEqual(
    parse('epochs=5', 'rate=3e-4', 'a=-1', 'b=true', 'c=false', 'd=hub', 'e=', 'f=a=b', 'g=1x', 'h=Infinity', 'i=0'),
    {
      epochs: 5,
      rate: 3e-4,
      a: -1,
      b: true,
      c: false,
      d: 'hub',
      e: '',
      f: 'a=b',
      g: '1x',
      h: 'Infinity',
      i: 0,
    },
  );
  assert.deepEqual(parse(), {});
  assert.deepEqual(parse('epochs=5', 'epochs=6'), { epochs: 6 }, 'the last one counts');
  assert.deepEqual(Object.keys(parse('__proto__=5')), ['__proto__'], 'an unknown name is not lost');
});

test('the path of a dataset becomes absolute, a name stays one', () => {
  const parse = (value: string): unknown => parseSettings([`dataset=${value}`], undefined, folder).dataset;
  assert.equal(parse('cells.npz'), dataset);
  assert.equal(parse('./cells.npz'), dataset);
  assert.equal(parse(dataset), dataset);
  assert.equal(parse('none.npz'), 'none.npz');
  assert.equal(parse('5'), '5');
  // Somebody has a folder of that name.
  mkdirSync(join(folder, 'bloodmnist'));
  assert.equal(parse('bloodmnist'), 'bloodmnist');
  assert.equal(parse('./bloodmnist'), join(folder, 'bloodmnist'));
  rmSync(join(folder, 'bloodmnist'), { recursive: true });
});

test('the path of weights becomes absolute, be it a file or a model’s folder', () => {
  const parse = (value: string): unknown => parseSettings([`weights=${value}`], undefined, folder).weights;
  mkdirSync(join(folder, 'blood'));
  assert.equal(parse('blood'), join(folder, 'blood'));
  rmSync(join(folder, 'blood'), { recursive: true });
  assert.equal(parse('{encoder}.safetensors'), join(folder, '{encoder}.safetensors'));
  for (const name of ['hub', 'embeded', '']) assert.equal(parse(name), name);
});

test('the paths of several datasets and of a store of runs become absolute, names stay', () => {
  const parse = (setting: string): unknown => Object.values(parseSettings([setting], undefined, folder))[0];
  assert.equal(parse('datasets=cells.npz,bloodmnist,sub/x.npz'), `${dataset},bloodmnist,${join(folder, 'sub/x.npz')}`);
  assert.equal(parse('datasets=a.csv'), join(folder, 'a.csv'));
  assert.equal(parse('datasets=stand-ins'), 'stand-ins');
  assert.equal(parse(`datasets=${dataset}`), dataset);
  assert.equal(parse('store=runs'), join(folder, 'runs'));
  assert.equal(parse('store=auto'), 'auto');
});

test('the profile may be set in both ways, and is one of two', () => {
  assert.deepEqual(parseSettings([], 'paper', folder), { profile: 'paper' });
  assert.deepEqual(parseSettings(['profile=tour'], undefined, folder), { profile: 'tour' });
  for (const [settings, profile] of [
    [[], 'fast'],
    [['profile=fast'], undefined],
  ] as const)
    assert.throws(
      () => parseSettings(settings, profile, folder),
      userError(/^profile is "fast", but must be one of tour, paper\.$/),
    );
  for (const setting of ['epochs', '=5', ''])
    assert.throws(
      () => parseSettings([setting], undefined, folder),
      userError(/is not of the form name=value, such as --set epochs=5/),
    );
});

test('wrong names and values are refused before anything is made', async () => {
  await assertRefused(/^There is no notebook "99"/, {}, '99');
  await assertRefused(
    /There is no notebook "01_resnet_from_scrach", did you mean "01_resnet_from_scratch"\?/,
    {},
    '01_resnet_from_scrach',
  );
  await assertRefused(/^There is no notebook ""/, {}, '');
  await assertRefused(/^There is no parameter "epoch", did you mean "epochs"\?/, { settings: ['epoch=5'] });
  await assertRefused(/^There is no parameter "__proto__"/, { settings: ['__proto__=5'] });
  await assertRefused(/^epochs is 0, but must be a whole number from 1 to 1000\.$/, { settings: ['epochs=0'] });
  await assertRefused(/^epochs is "many", but must be/, { settings: ['epochs=many'] });
  await assertRefused(/is not of the form name=value/, { settings: ['epochs'] });
  await assertRefused(/^profile is "fast"/, { profile: 'fast' });
  await assertRefused(/^--out is empty/, { out: '' });
});

test('data that cannot be used are refused, and nested folders go again', async () => {
  await assertRefused(/^There is no file or folder "none\.npz": tried /, { settings: ['dataset=none.npz'] });
  await assertRefused(/^There is no dataset "bloodmist", did you mean "bloodmnist"\?/, {
    settings: ['dataset=bloodmist'],
  });
  await assertRefused(/has no folder with images: a folder for each class is expected/, { settings: ['dataset=.'] });
  writeFileSync(join(folder, 'broken.npz'), readFileSync(dataset).subarray(0, 1000));
  await assertRefused(/broken\.npz is not a whole \.npz file/, { settings: ['dataset=broken.npz'] });
  // A folder that was there before stays, with what is in it.
  mkdirSync(join(folder, 'mine'));
  writeFileSync(join(folder, 'mine', 'notes.txt'), 'keep');
  for (const out of ['mine', 'mine/deep/down'])
    await assertRefused(/broken\.npz/, { settings: ['dataset=broken.npz'], out });
});

test('a folder that cannot be written is refused', async () => {
  const pattern = (path: string, code: string): RegExp =>
    new RegExp(`^${path} cannot be written \\(${code}\\): choose another folder with --out\\.$`);
  const file = join(folder, 'file');
  writeFileSync(file, 'keep');
  await assertRefused(pattern(file, 'ENOTDIR'), { out: file });
  await assertRefused(pattern(join(file, 'a', 'b'), 'ENOTDIR'), { out: 'file/a/b' });
  assert.equal(readFileSync(file, 'utf8'), 'keep');
});

/** Starts the command. Its errors go to a file: of a socket, TensorFlow's own lines could not be kept out. */
function start(out: string): { child: ChildProcess; errors: () => string } {
  const path = join(mkdtempSync(join(tmpdir(), 'run-errors-')), 'errors.txt');
  after(() => rmSync(dirname(path), { recursive: true }));
  const file = openSync(path, 'w');
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'lib/cli/notebook.ts', '01', '--set', `dataset=${dataset}`, '--out', out],
    { cwd: projectRoot, stdio: ['ignore', 'pipe', file] },
  );
  closeSync(file);
  return { child, errors: () => readFileSync(path, 'utf8') };
}

test('the command ends with one line below /proc, too', { skip: process.platform !== 'linux' }, async (context) => {
  // In another process: Node's recursive mkdir would never return.
  const { child, errors } = start('/proc/none/run');
  context.after(() => child.kill('SIGKILL'));
  const code = await new Promise((resolve) => {
    child.on('close', resolve);
    setTimeout(() => resolve('it hangs'), patience).unref();
  });
  assert.equal(code, 1);
  assert.match(errors(), /^\/proc\/none\/run cannot be written \(E\w+\): choose another folder with --out\.\n$/);
});

test('a folder that another run writes to is refused, and left alone', async () => {
  const directory = join(folder, 'taken');
  const kept = join(directory, '.unfinished', 'input.ipynb');
  mkdirSync(dirname(kept), { recursive: true });
  writeFileSync(kept, '{}');
  const lock = await acquireLock(join(directory, '.lock'));
  await assertRefused(/^Another run is writing to .*taken: wait for it or choose another folder with --out\.$/, {
    settings: ['dataset=cells.npz'],
    out: 'taken',
  });
  lock.release();
});

/** Processes that were started for a run in this folder. Linux only. */
function processesOf(directory: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(join('/proc', pid, 'environ'), 'utf8').includes(directory);
    } catch {
      return false; // gone, or somebody else's
    }
  });
}

test('a run that is stopped ends its kernel and leaves nothing; meanwhile the folder is its own', async (context) => {
  const directory = join(folder, 'stopped', 'run');
  const { child, errors } = start(directory);
  context.after(() => child.kill('SIGKILL'));
  const wait = (): Promise<void> => sleep(100, undefined, { signal: context.signal });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  // The first line says that the first cell runs.
  await Promise.race([new Promise((resolve) => child.stdout?.once('data', resolve)), ended]);
  const kept = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  assert.ok(kept.includes(join('.unfinished', 'input.ipynb')), `${kept.join()} ${errors()}`);
  await assertRefused(/^Another run is writing to .*stopped/, { settings: ['dataset=cells.npz'], out: directory });
  // Jupyter and the kernel; a program that one of them starts is a third for a moment.
  while (process.platform === 'linux' && processesOf(directory).length !== 2) await wait();
  child.kill('SIGTERM');
  assert.equal(await ended, 1);
  while (processesOf(directory).length > 0) await wait(); // where one stays, until the time limit
  assert.equal(errors(), 'The run was stopped; the same command takes it up again.\n');
  assert.equal(existsSync(dirname(directory)), false);
});
