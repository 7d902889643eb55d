import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { hashFile } from '../../lib/files';
import { projectRoot } from '../../lib/paths';
import { npyHeader } from '../../lib/tensor/npy';
import {
  clearFeatureCache,
  listFeatureCache,
  openFeatureCache,
  type CachedFeatures,
  type FeatureCacheOptions,
  type FeatureRequest,
} from '../../lib/training/feature-cache';
import { userError } from '../data/user-error';
import { exampleExtraction, exampleRequest, exampleRows } from './feature-example';

const scratch = mkdtempSync(join(tmpdir(), 'feature-cache-'));
after(() => rmSync(scratch, { recursive: true }));

let serial = 0;
const newDirectory = (): string => join(scratch, String(serial++));

type Opened = CachedFeatures & {
  /** Where extractions began: none where the features were found. */
  readonly begins: readonly number[];
  readonly rows: Float32Array;
};

/** Opens the example's features and reads them. */
async function open(
  directory: string,
  { request = exampleRequest(), ...options }: Partial<FeatureCacheOptions> & { request?: FeatureRequest } = {},
  failAt?: number,
): Promise<Opened> {
  const { begins, extract } = exampleExtraction(request, { failAt });
  const opened = await openFeatureCache({ directory, saveEverySeconds: 0, ...options }).open(request, extract);
  const rows = opened.file.readAll();
  opened.file.close();
  return { ...opened, begins, rows };
}

/** Nothing is in the folder but the named entries, and in those nothing but their two files. */
function assertOnly(directory: string, ...requests: FeatureRequest[]): void {
  assert.deepEqual(readdirSync(directory).sort(), requests.map(({ key }) => key).sort());
  for (const { key } of requests)
    assert.deepEqual(readdirSync(join(directory, key)).sort(), ['features.npy', 'manifest.json']);
}

const featuresOf = (directory: string, { key } = exampleRequest()): string => join(directory, key, 'features.npy');
const manifestOf = (directory: string, { key } = exampleRequest()): string => join(directory, key, 'manifest.json');

/** Changes one byte, counted from the end where negative. */
function flip(path: string, position: number): void {
  const bytes = readFileSync(path);
  bytes[position < 0 ? bytes.length + position : position] ^= 1;
  writeFileSync(path, bytes);
}

/** Runs feature-run.ts; `waiting` ends when it prints so, `ended` with its last line. */
function start(...args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', join(__dirname, 'feature-run.ts'), ...args], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8');
  const waiting = new Promise<void>((resolve) =>
    child.stdout.on('data', (piece: string) => {
      text += piece;
      if (text.includes('waiting')) resolve();
    }),
  );
  const ended = new Promise<string>((resolve) => child.on('close', () => resolve(text)));
  return { child, waiting, ended };
}

async function killAt(directory: string, rows: number): Promise<void> {
  const { child, waiting, ended } = start(directory, String(rows));
  await waiting;
  child.kill('SIGKILL');
  await ended;
}

describe('the feature cache', () => {
  it('extracts what is missing, finds it afterwards, and keeps it as NumPy reads it', async () => {
    const directory = newDirectory();
    const request = exampleRequest();
    const first = await open(directory);
    assert.deepEqual([first.found, first.kept, first.begins], [false, true, [0]]);
    assert.ok(first.seconds > 0);
    assert.deepEqual(first.rows, exampleRows(request));
    assertOnly(directory, request);
    const npy = [npyHeader('<f4', [30, 7]), new Uint8Array(exampleRows(request).buffer)];
    assert.ok(readFileSync(featuresOf(directory)).equals(Buffer.concat(npy)));

    const second = await open(directory);
    assert.deepEqual([second.found, second.kept, second.begins], [true, true, []]);
    assert.equal(second.seconds, first.seconds);
    assert.deepEqual(second.rows, first.rows);
    assertOnly(directory, request);

    const other = await open(directory, { request: exampleRequest('other') });
    assert.deepEqual([other.found, other.begins], [false, [0]]);
    assertOnly(directory, request, exampleRequest('other'));
  });

  it('reads rows in any order, and to the end where the entry has been deleted meanwhile', async () => {
    const directory = newDirectory();
    const request = exampleRequest();
    const { file } = await openFeatureCache({ directory }).open(request, exampleExtraction(request).extract);
    rmSync(directory, { recursive: true });
    const indices = [3, 4, 5, 29, 0, 0, 7, 6];
    const rows = new Float32Array(indices.length * request.width);
    file.readRows(indices, rows);
    const all = exampleRows(request);
    const expected = indices.flatMap((index) => [...all.subarray(7 * index, 7 * index + 7)]);
    assert.deepEqual([...rows], expected);
    assert.throws(() => file.readRows([30], new Float32Array(7)), /features\.npy ends after/);
    file.close();
    file.close();
  });

  it('holds no rows, or one', async () => {
    const directory = newDirectory();
    for (const count of [0, 1]) {
      const request = exampleRequest(`${count} rows`, count);
      assert.equal((await open(directory, { request })).found, false);
      const { found, rows } = await open(directory, { request });
      assert.deepEqual([found, rows], [true, exampleRows(request)]);
    }
  });

  it('goes on where an extraction has failed', async () => {
    const directory = newDirectory();
    const request = exampleRequest();
    // Once everything is saved at every step, once only at the end.
    for (const saveEverySeconds of [0, 1000]) {
      rmSync(directory, { recursive: true, force: true });
      await assert.rejects(open(directory, { saveEverySeconds }, 12), /on purpose/);
      assert.deepEqual(readdirSync(directory), [`${request.key}.partial`]);
      const [entry] = listFeatureCache({ directory });
      assert.deepEqual([entry.state, entry.of, entry.count], ['unfinished', 'example', 30]);
      const { found, begins, rows } = await open(directory);
      assert.deepEqual([found, begins], [false, [12]]);
      assert.deepEqual(rows, exampleRows(request));
      assertOnly(directory, request);
    }
  });

  it('goes on where a process was killed, to the same bytes', async () => {
    const [directory, whole] = [newDirectory(), newDirectory()];
    await open(whole);
    await killAt(directory, 11);
    await killAt(directory, 23);
    const { key } = exampleRequest();
    assert.deepEqual(readdirSync(directory).sort(), [`${key}.lock`, `${key}.partial`]);
    const { found, begins } = await open(directory);
    assert.deepEqual([found, begins], [false, [23]]);
    assert.equal(await hashFile(featuresOf(directory)), await hashFile(featuresOf(whole)));
    assertOnly(directory, exampleRequest());
    assert.equal((await open(directory)).found, true);
  });

  it('goes on behind the last chunk that is whole', async () => {
    const request = exampleRequest();
    const partial = (directory: string, name: string): string => join(directory, `${request.key}.partial`, name);
    const rowBytes = 4 * request.width;
    const damages: [what: string, begin: number, damage: (directory: string) => void][] = [
      ['a flipped byte in the second of three chunks', 4, (d) => flip(partial(d, 'features.npy'), -1 - 5 * rowBytes)],
      ['a cut in the third', 8, (d) => truncateSync(partial(d, 'features.npy'), 128 + 10 * rowBytes)],
      [
        'bytes behind the last',
        12,
        (d) => writeFileSync(partial(d, 'features.npy'), 'more'.repeat(200), { flag: 'a' }),
      ],
      ['a flipped byte in the header', 12, (d) => flip(partial(d, 'features.npy'), 60)],
      ['no progress', 0, (d) => rmSync(partial(d, 'progress.json'))],
      ['a damaged progress', 0, (d) => truncateSync(partial(d, 'progress.json'), 100)],
      ['no file', 0, (d) => rmSync(partial(d, 'features.npy'))],
      [
        'more rows than there are',
        0,
        (d) => {
          const path = partial(d, 'progress.json');
          writeFileSync(path, readFileSync(path, 'utf8').replace('"rows":4', '"rows":9007199254740991'));
        },
      ],
      ['left-overs of a kill', 12, (d) => writeFileSync(partial(d, '.progress.json.0123456789ab.tmp'), '{')],
    ];
    for (const [what, begin, damage] of damages) {
      const directory = newDirectory();
      await assert.rejects(open(directory, {}, 12), /on purpose/);
      damage(directory);
      const { begins, rows } = await open(directory);
      assert.deepEqual(begins, [begin], what);
      assert.deepEqual(rows, exampleRows(request), what);
      assertOnly(directory, request);
      assert.equal((await open(directory)).found, true, what);
    }
  });

  it('notices damaged entries and extracts them again', async () => {
    const request = exampleRequest();
    const damages: [what: string, damage: (directory: string) => void][] = [
      ['a flipped byte', (d) => flip(featuresOf(d), -100)],
      ['a flipped byte in the header', (d) => flip(featuresOf(d), 60)],
      ['a cut', (d) => truncateSync(featuresOf(d), statSync(featuresOf(d)).size - 4)],
      ['a longer file', (d) => writeFileSync(featuresOf(d), 'more', { flag: 'a' })],
      ['an empty file', (d) => truncateSync(featuresOf(d), 0)],
      ['no file', (d) => rmSync(featuresOf(d))],
      ['no manifest', (d) => rmSync(manifestOf(d))],
      ['a cut manifest', (d) => truncateSync(manifestOf(d), 200)],
      ...['"version": 1', '"count": 30', '"width": 7', '"key": "', '"sha256": "', '"lastUsed'].map(
        (text): [string, (directory: string) => void] => [
          `a flipped byte behind ${text}`,
          (d) => {
            const position = readFileSync(manifestOf(d), 'utf8').indexOf(text);
            assert.ok(position > 0);
            flip(manifestOf(d), position + text.length - (/\d$/.test(text) ? 1 : 0));
          },
        ],
      ),
      [
        'no date',
        (d) => writeFileSync(manifestOf(d), readFileSync(manifestOf(d), 'utf8').replace('"lastUsed": "', '$&x')),
      ],
    ];
    for (const [what, damage] of damages) {
      const directory = newDirectory();
      await open(directory);
      damage(directory);
      const { found, begins, rows } = await open(directory);
      assert.deepEqual([found, begins], [false, [0]], what);
      assert.deepEqual(rows, exampleRows(request), what);
      assertOnly(directory, request);
      assert.equal((await open(directory)).found, true, what);
    }
  });

  it('notices damage that another process finds, as this one has not written the file', async () => {
    const directory = newDirectory();
    await open(directory);
    flip(featuresOf(directory), -1);
    const { from, found } = JSON.parse(await start(directory).ended) as { from: number[]; found: boolean };
    assert.deepEqual([found, from], [false, [0]]);
    assert.equal((await open(directory)).found, true);
  });

  it("does not take another key's entry, nor one of another shape", async () => {
    const directory = newDirectory();
    await open(directory);
    const other = exampleRequest('other');
    renameSync(join(directory, exampleRequest().key), join(directory, other.key));
    assert.equal((await open(directory, { request: other })).found, false);
    const longer = { ...other, count: 31 };
    const { found, rows } = await open(directory, { request: longer });
    assert.deepEqual([found, rows], [false, exampleRows(longer)]);
    // Begun with one shape, finished with another.
    const narrow = { ...exampleRequest('third'), width: 3 };
    await assert.rejects(open(directory, { request: narrow }, 12), /on purpose/);
    const third = await open(directory, { request: exampleRequest('third') });
    assert.deepEqual([third.begins, third.rows], [[0], exampleRows(third.file)]);
  });

  it('refuses rows that do not fit and an extraction that ends early', async () => {
    const directory = newDirectory();
    const cache = openFeatureCache({ directory });
    const request = exampleRequest();
    const append = (length: number) => cache.open(request, async (writer) => writer.append(new Float32Array(length)));
    await assert.rejects(append(8), /8 values are no rows of 7/);
    await assert.rejects(append(31 * 7), /or too many behind 0 of 30/);
    await assert.rejects(append(29 * 7), /Only 29 of 30 rows are written/);
    assert.deepEqual(readdirSync(directory), [`${request.key}.partial`]);
  });
});

describe('a feature cache that is opened twice at once', () => {
  it('extracts once in one process', async () => {
    const directory = newDirectory();
    const request = exampleRequest();
    const { begins, extract } = exampleExtraction(request);
    const holders: unknown[] = [];
    const onWait = (holder: unknown): void => void holders.push(holder);
    const caches = [1, 2, 3].map(() => openFeatureCache({ directory }));
    const opened = await Promise.all(
      caches.map((cache) =>
        cache.open({ ...request, onWait }, async (writer) => {
          while (holders.length < 2) await sleep(1);
          await extract(writer);
        }),
      ),
    );
    assert.deepEqual(begins, [0]);
    assert.deepEqual(opened.map(({ found }) => found).sort(), [false, true, true]);
    for (const { file } of opened) {
      assert.deepEqual(file.readAll(), exampleRows(request));
      file.close();
    }
    assertOnly(directory, request);
  });

  it('extracts once in two processes', async () => {
    const directory = newDirectory();
    const outputs = await Promise.all([start(directory).ended, start(directory).ended]);
    const ends = outputs.map((text) => JSON.parse(text) as { found: boolean; from: number[]; sha256: string });
    assert.deepEqual(ends.map(({ found }) => found).sort(), [false, true]);
    assert.deepEqual(
      ends.flatMap(({ from }) => from),
      [0],
    );
    assert.equal(ends[0].sha256, ends[1].sha256);
    assertOnly(directory, exampleRequest());
  });

  it('extracts different features side by side', async () => {
    const directory = newDirectory();
    const requests = ['first', 'second', 'third'].map((name) => exampleRequest(name));
    const opened = await Promise.all(requests.map((request) => open(directory, { request })));
    assert.ok(opened.every(({ found, kept }) => !found && kept));
    assertOnly(directory, ...requests);
  });

  it('stops waiting on abort, and takes over from a process that is killed meanwhile', async () => {
    const directory = newDirectory();
    const { child, waiting, ended } = start(directory, '5');
    await waiting;
    const request = exampleRequest();
    const cache = openFeatureCache({ directory });
    const { begins, extract } = exampleExtraction(request);
    const controller = new AbortController();
    const aborted = cache.open({ ...request, signal: controller.signal, onWait: () => controller.abort() }, extract);
    await assert.rejects(aborted, (error) => error === controller.signal.reason);
    assert.equal(listFeatureCache({ directory })[0].state, 'unfinished');
    assert.deepEqual(await clearFeatureCache({ directory }), [], 'what is being extracted stays');

    let holder: { readonly pid: number } | undefined;
    const onWait: FeatureRequest['onWait'] = (found) => {
      holder = found;
      child.kill('SIGKILL');
    };
    const { file, found } = await cache.open({ ...request, onWait }, extract);
    await ended;
    assert.equal(holder?.pid, child.pid);
    assert.deepEqual([found, begins], [false, [5]]);
    assert.deepEqual(file.readAll(), exampleRows(request));
    file.close();
    assertOnly(directory, request);
  });

  it('takes over the lock of a process that has ended', async () => {
    const directory = newDirectory();
    const { key } = exampleRequest();
    mkdirSync(directory, { recursive: true });
    const { pid } = spawnSync(process.execPath, ['--eval', '']);
    const lock = JSON.stringify({ pid, host: hostname(), token: 'gone' });
    for (const name of [`${key}.lock`, 'entries.lock']) writeFileSync(join(directory, name), lock);
    assert.deepEqual((await open(directory)).begins, [0]);
    assertOnly(directory, exampleRequest());
  });
});

describe('the limit of a feature cache', () => {
  const names = ['first', 'second', 'third', 'fourth'];
  const requests = names.map((name) => exampleRequest(name));
  const present = (directory: string): string[] => listFeatureCache({ directory }).map(({ of }) => of);

  /** Fills a cache, each entry later than the one before. */
  async function fill(directory: string, count: number, limitBytes?: number): Promise<number> {
    for (const request of requests.slice(0, count)) {
      await open(directory, { request, limitBytes });
      await sleep(3);
    }
    return Math.max(...listFeatureCache({ directory }).map(({ bytes }) => bytes));
  }

  it('deletes what was not used for longest', async () => {
    const size = await fill(newDirectory(), 1);
    const limitBytes = 3 * size + 100;
    const directory = newDirectory();
    await fill(directory, 3, limitBytes);
    assert.deepEqual(present(directory), ['third', 'second', 'first']);
    assert.equal((await open(directory, { request: requests[0], limitBytes })).found, true);
    await sleep(3);
    assert.deepEqual(present(directory), ['first', 'third', 'second']);
    assert.equal((await open(directory, { request: requests[3], limitBytes })).kept, true);
    assert.deepEqual(present(directory), ['fourth', 'first', 'third']);
    assertOnly(directory, requests[3], requests[0], requests[2]);
    assert.equal((await open(directory, { request: requests[1], limitBytes })).found, false);
  });

  it('deletes damaged entries and abandoned extractions too', async () => {
    const directory = newDirectory();
    const size = await fill(directory, 2);
    rmSync(manifestOf(directory, requests[1]));
    await assert.rejects(open(directory, { request: requests[2] }, 24), /on purpose/);
    assert.deepEqual(
      listFeatureCache({ directory }).map(({ state }) => state),
      ['unfinished', 'whole', 'damaged'],
    );
    await sleep(3);
    await open(directory, { request: requests[3], limitBytes: 3.2 * size });
    assert.deepEqual(present(directory), ['fourth', 'third', 'first'], 'the damaged one goes first');
    await open(directory, { request: exampleRequest('fifth'), limitBytes: 2.2 * size });
    assert.deepEqual(present(directory), ['fifth', 'fourth']);
  });

  it('uses an entry that is larger than all of it, but keeps the others instead', async () => {
    const directory = newDirectory();
    const size = await fill(directory, 2);
    const request = exampleRequest('large', 1000);
    for (let time = 0; time < 2; time++) {
      const { found, kept, begins, rows } = await open(directory, { request, limitBytes: 3 * size });
      assert.deepEqual([found, kept, begins], [false, false, [0]]);
      assert.deepEqual(rows, exampleRows(request));
      assertOnly(directory, requests[0], requests[1]);
    }
  });

  it('spares what is being extracted, however long its process is stopped', async (t) => {
    const directory = newDirectory();
    const { child, waiting, ended } = start(directory, '20');
    t.after(() => child.kill('SIGKILL'));
    await waiting;
    child.kill('SIGSTOP');
    utimesSync(join(directory, `${exampleRequest().key}.lock`), new Date(0), new Date(0));
    const request = exampleRequest('other');
    const { kept } = await open(directory, { request, limitBytes: 10 });
    assert.equal(kept, false);
    assert.ok(existsSync(join(directory, `${exampleRequest().key}.partial`)));
    child.kill('SIGKILL');
    await ended;
  });

  it('comes from the environment, and is 20 GB otherwise', (t) => {
    const name = 'FEATURE_CACHE_GIGABYTES';
    const before = process.env[name];
    t.after(() => (before === undefined ? delete process.env[name] : (process.env[name] = before)));
    delete process.env[name];
    assert.equal(openFeatureCache().limitBytes, 20e9);
    process.env[name] = '0.5';
    assert.equal(openFeatureCache().limitBytes, 0.5e9);
    for (const wrong of ['much', '-1', 'NaN']) {
      process.env[name] = wrong;
      const message = `^FEATURE_CACHE_GIGABYTES is "${wrong}", but must be a number of gigabytes`;
      assert.throws(() => openFeatureCache(), userError(new RegExp(message)));
    }
  });
});

describe('listing and clearing a feature cache', () => {
  it('lists entries with what they are, the most recently used first', async () => {
    const directory = newDirectory();
    assert.deepEqual(listFeatureCache({ directory }), []);
    assert.deepEqual(await clearFeatureCache({ directory }), []);
    const begin = Date.now();
    await open(directory);
    const [entry, ...others] = listFeatureCache({ directory });
    assert.deepEqual(others, []);
    const { key, of, count, width } = exampleRequest();
    const folder = join(directory, key);
    const bytes = statSync(featuresOf(directory)).size + statSync(manifestOf(directory)).size;
    const { created, lastUsed, seconds, ...rest } = entry;
    assert.deepEqual(rest, { key, folder, state: 'whole', of, count, width, bytes });
    assert.ok(created && created.getTime() >= begin && lastUsed.getTime() >= created.getTime() && seconds > 0);
    // What is not the cache's is neither listed nor deleted.
    writeFileSync(join(directory, 'notes.txt'), '');
    mkdirSync(join(directory, 'more'));
    assert.equal(listFeatureCache({ directory }).length, 1);
    assert.equal((await clearFeatureCache({ directory })).length, 1);
    assert.deepEqual(readdirSync(directory), ['more', 'notes.txt']);
  });

  it('clears by age', async () => {
    const directory = newDirectory();
    for (const name of ['old', 'new']) await open(directory, { request: exampleRequest(name) });
    const path = manifestOf(directory, exampleRequest('old'));
    const lastUsed = new Date(Date.now() - 40 * 24 * 3600 * 1000).toISOString();
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify({ ...manifest, lastUsed, checksum: undefined }));
    const cleared = async (olderThanDays?: number) =>
      (await clearFeatureCache({ directory, olderThanDays })).map(({ of }) => of);
    assert.deepEqual(await cleared(41), []);
    assert.deepEqual(await cleared(39), ['old']);
    assertOnly(directory, exampleRequest('new'));
    assert.deepEqual(await cleared(), ['new']);
    assertOnly(directory);
  });

  it('clears what was used in the future, as a clock that was set back sees it', async () => {
    const directory = newDirectory();
    await open(directory);
    const text = readFileSync(manifestOf(directory), 'utf8');
    const lastUsed = new Date(Date.now() + 1e10).toISOString();
    writeFileSync(manifestOf(directory), text.replace(/"lastUsed": "[^"]*"/, `"lastUsed": "${lastUsed}"`));
    assert.equal((await clearFeatureCache({ directory })).length, 1);
    assertOnly(directory);
  });

  it('leaves no file open', async () => {
    const directory = newDirectory();
    const descriptor = (): number => {
      const file = openSync(scratch, 'r');
      closeSync(file);
      return file;
    };
    const before = descriptor();
    await open(directory);
    await open(directory);
    flip(featuresOf(directory), -1);
    await open(directory);
    truncateSync(featuresOf(directory), 10);
    await assert.rejects(open(directory, {}, 8), /on purpose/);
    await open(directory);
    assert.equal(descriptor(), before);
  });
});
