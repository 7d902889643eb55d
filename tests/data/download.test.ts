import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test, type TestContext } from 'node:test';

import { downloadFile, type DownloadOptions } from '../../lib/data/download-file';
import type { DownloadEvent } from '../../lib/data/download-progress';
import { projectRoot } from '../../lib/paths';
import { content, file, md5, otherContent, startServer, status, type Answer, type TestServer } from './download-server';
import { userError } from './user-error';

const folder = mkdtempSync(join(tmpdir(), 'download-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let serial = 0;

/** A server and a destination of its own for each test, both gone afterwards. */
async function setUp(
  t: TestContext,
  ...answers: readonly Answer[]
): Promise<{ server: TestServer; destination: string }> {
  const server = await startServer(...answers);
  t.after(() => server.close());
  return { server, destination: join(folder, String(serial++), 'file.npz') };
}

/** Events and outcome of a download that repeats without noticeable pauses. */
async function run(
  server: TestServer,
  destination: string,
  options: Partial<DownloadOptions> = {},
): Promise<DownloadEvent[]> {
  const events: DownloadEvent[] = [];
  const onProgress = (event: DownloadEvent): void => void events.push(event);
  const path = await downloadFile({ url: server.url, destination, retryDelayMilliseconds: 2, onProgress, ...options });
  assert.equal(path, destination);
  return events;
}

const kinds = (events: readonly DownloadEvent[]): string[] => events.map(({ kind }) => kind);

/** Nothing but the finished file may stay behind. */
function assertClean(destination: string, expected: Buffer = content): void {
  assert.deepEqual(readdirSync(dirname(destination)), ['file.npz']);
  assert.ok(readFileSync(destination).equals(expected));
}

test('a file arrives whole, with its events, and is not requested again', async (t) => {
  const { server, destination } = await setUp(t, file(content, { etag: '"1"' }));
  const options = { md5: md5(content), bytes: content.length };
  const events = await run(server, destination, options);
  assertClean(destination);
  assert.equal(kinds(events)[0], 'start');
  assert.deepEqual(kinds(events).slice(-3), ['progress', 'verify', 'done']);
  const last = events[events.length - 3];
  assert.equal(last.received, content.length);
  assert.equal(last.total, content.length);
  assert.ok(last.bytesPerSecond > 0);
  assert.equal(server.requests[0].headers['accept-encoding'], 'identity');
  assert.deepEqual(kinds(await run(server, destination, options)), ['done']);
  assert.equal(server.requests.length, 1);
});

test('a cut connection is continued where it broke', async (t) => {
  const { server, destination } = await setUp(
    t,
    file(content, { etag: '"1"', cutAfter: 100_000 }),
    file(content, { etag: '"1"' }),
  );
  const events = await run(server, destination, { sha256: createHash('sha256').update(content).digest('hex') });
  assertClean(destination);
  assert.equal(server.requests[1].headers.range, 'bytes=100000-');
  assert.equal(server.requests[1].headers['if-range'], '"1"');
  const retry = events.find((event) => event.kind === 'retry');
  assert.ok(
    retry?.kind === 'retry' && retry.attempt === 1 && retry.received === 100_000 && /connection/.test(retry.reason),
  );
});

test('a later call continues what an earlier one left', async (t) => {
  const { server, destination } = await setUp(
    t,
    file(content, { etag: '"1"', cutAfter: 100_000 }),
    file(content, { etag: '"1"' }),
  );
  await assert.rejects(run(server, destination, { retries: 0 }), userError(/Could not download file\.npz/));
  const events = await run(server, destination);
  assertClean(destination);
  assert.ok(events[0].kind === 'start' && events[0].received === 100_000);
});

test('attempts that get further do not count against the retries', async (t) => {
  const cut = file(content, { etag: '"1"', cutAfter: 60_000 });
  const { server, destination } = await setUp(t, cut, cut, cut, cut, file(content, { etag: '"1"' }));
  await run(server, destination, { retries: 1 });
  assertClean(destination);
});

test('a server without ranges is asked for the whole file again', async (t) => {
  const options = { etag: '"1"', ignoreRange: true };
  const { server, destination } = await setUp(
    t,
    file(content, { ...options, cutAfter: 100_000 }),
    file(content, options),
  );
  await run(server, destination, { md5: md5(content) });
  assertClean(destination);
});

test('a file that changed between attempts is not mixed', async (t) => {
  for (const ignoreIfRange of [false, true]) {
    const { server, destination } = await setUp(
      t,
      file(content, { etag: '"1"', cutAfter: 100_000 }),
      file(otherContent, { etag: '"2"', ignoreIfRange }),
    );
    await run(server, destination);
    assertClean(destination, otherContent);
    assert.equal(server.requests.length, ignoreIfRange ? 3 : 2);
  }
});

test('without an ETag only a checksum allows to continue', async (t) => {
  for (const options of [{}, { md5: md5(content) }]) {
    const { server, destination } = await setUp(t, file(content, { cutAfter: 100_000 }), file(content));
    await run(server, destination, options);
    assertClean(destination);
    assert.equal(server.requests[1].headers.range, 'md5' in options ? 'bytes=100000-' : undefined);
  }
});

test('a part that the server refuses to continue is started over', async (t) => {
  const { server, destination } = await setUp(
    t,
    file(content, { etag: '"1"', cutAfter: 100_000 }),
    status(416),
    file(content),
  );
  const events = await run(server, destination);
  assertClean(destination);
  assert.equal(server.requests.length, 3);
  assert.equal(kinds(events).filter((kind) => kind === 'retry').length, 1);
});

test('a part that is complete already is only verified', async (t) => {
  const { server, destination } = await setUp(t, file(content));
  mkdirSync(dirname(destination));
  writeFileSync(`${destination}.part`, content);
  writeFileSync(`${destination}.part.json`, JSON.stringify({ url: server.url, total: content.length }));
  await run(server, destination, { md5: md5(content) });
  assertClean(destination);
  assert.equal(server.requests.length, 0);
});

test('an old part of wrong content is replaced once', async (t) => {
  const { server, destination } = await setUp(t, file(content));
  mkdirSync(dirname(destination));
  writeFileSync(`${destination}.part`, otherContent.subarray(0, 1000));
  writeFileSync(`${destination}.part.json`, JSON.stringify({ url: server.url, total: content.length }));
  await run(server, destination, { md5: md5(content) });
  assertClean(destination);
  assert.deepEqual(
    server.requests.map(({ headers }) => headers.range),
    ['bytes=1000-', undefined],
  );
});

test('a wrong checksum deletes the file and names both', async (t) => {
  const { server, destination } = await setUp(t, file(content));
  const expected = md5(otherContent);
  await assert.rejects(
    run(server, destination, { md5: expected }),
    userError(new RegExp(`wrong MD5: expected ${expected}, found ${md5(content)}.*deleted`)),
  );
  assert.deepEqual(readdirSync(dirname(destination)), []);
  assert.equal(server.requests.length, 1);
});

test('a file of another size is refused before it is received', async (t) => {
  const { server, destination } = await setUp(t, file(content));
  await assert.rejects(run(server, destination, { bytes: 7 }), userError(/300000 bytes, expected are 7/));
  assert.equal(server.requests.length, 1);
});

test('404 is final and says what to do by hand', async (t) => {
  const { server, destination } = await setUp(t, status(404));
  await assert.rejects(run(server, destination, { title: 'BloodMNIST 28×28' }), (error: Error) => {
    assert.match(error.message, /^Could not download BloodMNIST 28×28: the server answered 404 Not Found\. Open http/);
    return error.message.includes(server.url) && error.message.includes(destination);
  });
  assert.equal(server.requests.length, 1);
  assert.deepEqual(readdirSync(dirname(destination)), []);
});

test('500 and 429 are tried again, as often as allowed', async (t) => {
  const { server, destination } = await setUp(t, status(500), status(429, { 'retry-after': '0' }), file(content));
  const events = await run(server, destination);
  assertClean(destination);
  assert.deepEqual(kinds(events).slice(0, 3), ['retry', 'retry', 'start']);
  assert.ok(events[1].kind === 'retry' && events[1].delayMilliseconds === 0);

  const broken = await setUp(t, status(503));
  await assert.rejects(run(broken.server, broken.destination, { retries: 2 }), userError(/503 Service Unavailable/));
  assert.equal(broken.server.requests.length, 3);
});

test('a connection that falls silent is given up and continued', async (t) => {
  const { server, destination } = await setUp(
    t,
    file(content, { etag: '"1"', stallAfter: 50_000 }),
    file(content, { etag: '"1"' }),
  );
  const events = await run(server, destination, { timeoutMilliseconds: 400 });
  assertClean(destination);
  assert.equal(server.requests[1].headers.range, 'bytes=50000-');
  assert.ok(events.some((event) => event.kind === 'retry' && /nothing arrived for 0\.4 s/.test(event.reason)));
});

test('an address that nobody listens at fails after two retries, in one line', async (t) => {
  const { server, destination } = await setUp(t, file(content));
  server.close();
  const retries: number[] = [];
  await assert.rejects(
    run(server, destination, { onProgress: (event) => event.kind === 'retry' && retries.push(event.attempt) }),
    userError(/refuses the connection \(ECONNREFUSED\).*Open .* in a browser and save the file as .*file\.npz/),
  );
  assert.deepEqual(retries, [1, 2]);
});

test('aborting keeps what was received and ends at once', async (t) => {
  const { server, destination } = await setUp(
    t,
    file(content, { etag: '"1"', stallAfter: 50_000 }),
    file(content, { etag: '"1"' }),
  );
  const controller = new AbortController();
  const stopped = new Error('stopped');
  const onProgress = (event: DownloadEvent): void => {
    if (event.kind === 'progress') controller.abort(stopped);
  };
  await assert.rejects(run(server, destination, { signal: controller.signal, onProgress }), stopped);
  assert.deepEqual(readdirSync(dirname(destination)), ['file.npz.part', 'file.npz.part.json']);
  await run(server, destination);
  assertClean(destination);
  await assert.rejects(run(server, destination, { signal: controller.signal }), stopped);
});

test('two calls for one file make one request', async (t) => {
  const { server, destination } = await setUp(t, file(content, { delayMilliseconds: 100 }));
  const [first, second] = await Promise.all([run(server, destination), run(server, destination)]);
  assertClean(destination);
  assert.equal(server.requests.length, 1);
  assert.deepEqual([kinds(first)[0], kinds(second)[0]].sort(), ['start', 'wait']);
});

test('two processes for one file make one request', async (t) => {
  const { server, destination } = await setUp(t, file(content, { delayMilliseconds: 300 }));
  const program = `require('./lib/data/download').downloadFile(${JSON.stringify({ url: server.url, destination, md5: md5(content) })})`;
  const codes = await Promise.all(
    [1, 2].map(() => {
      const child = spawn(process.execPath, ['--import', 'tsx', '--eval', program], {
        cwd: projectRoot,
        stdio: 'inherit',
      });
      return new Promise((resolve) => child.on('close', resolve));
    }),
  );
  assert.deepEqual(codes, [0, 0]);
  assertClean(destination);
  assert.equal(server.requests.length, 1);
});

test('a lock whose process has ended is taken over', async (t) => {
  const ended = spawnSync(process.execPath, ['--version']).pid;
  const old = new Date(Date.now() - 120_000);
  const locks = [
    { pid: ended, host: hostname(), token: 'ended' },
    { pid: process.pid, host: hostname(), token: 'of an earlier process with the same id' },
    { pid: 1, host: 'elsewhere', token: 'silent' },
    'half writ',
  ];
  for (const [index, lock] of locks.entries()) {
    const { server, destination } = await setUp(t, file(content));
    mkdirSync(dirname(destination));
    writeFileSync(`${destination}.lock`, typeof lock === 'string' ? lock : JSON.stringify(lock));
    if (index >= 2) utimesSync(`${destination}.lock`, old, old);
    assert.equal(kinds(await run(server, destination))[0], 'start');
    assertClean(destination);
  }
});
