import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { acquireLock, isLocked, tryAcquireLock, type LockHolder } from '../../lib/data/file-lock';
import { ownProcessStart, processStatus } from '../../lib/data/process-start';
import { projectRoot } from '../../lib/paths';

const folder = mkdtempSync(join(tmpdir(), 'file-lock-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let locks = 0;
const newPath = (): string => join(folder, `lock-${locks++}`);
const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

/** As if its holder had not touched it for a day. */
function age(path: string): void {
  const yesterday = new Date(Date.now() - 24 * 3600 * 1000);
  utimesSync(path, yesterday, yesterday);
}

/** Leaves the lock of somebody else. */
function leave(holder: Partial<LockHolder>): string {
  const path = newPath();
  writeFileSync(path, JSON.stringify({ pid: process.ppid, host: hostname(), token: 'of somebody else', ...holder }));
  return path;
}

/** The arguments of a Node process that holds the lock. */
const holderArguments = (path: string): string[] => ['--import', 'tsx', 'tests/data/file-lock-holder.ts', path];

/** The first line that a process prints. */
async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout);
  const [line] = (await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'close').then(() => ['it has ended']),
  ])) as unknown[];
  return String(line).trim();
}

async function startHolder(context: TestContext, path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, holderArguments(path), {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  context.after(() => child.kill('SIGKILL'));
  assert.equal(await firstLine(child), String(child.pid));
  return child;
}

/** The start of a process that runs. */
function startOf(pid: number): string {
  const status = processStatus(pid);
  assert.ok(!status.ended && status.start !== undefined);
  return status.start;
}

test('the start of a process is known, and its own', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
  try {
    await once(child, 'spawn');
    assert.ok(child.pid !== undefined);
    assert.equal(startOf(child.pid), startOf(child.pid));
    assert.equal(startOf(process.pid), ownProcessStart());
    if (process.platform === 'linux') assert.notEqual(startOf(process.pid), startOf(child.pid));
  } finally {
    child.kill('SIGKILL');
  }
  await once(child, 'close');
  assert.deepEqual(processStatus(child.pid), { ended: true });
});

test('a lock says whose it is', async () => {
  const path = newPath();
  const lock = await acquireLock(path);
  const { pid, host, start } = z.looseObject({ start: z.string() }).parse(readJson(path));
  assert.deepEqual({ pid, host, start }, { pid: process.pid, host: hostname(), start: ownProcessStart() });
  lock.release();
  assert.equal(existsSync(path), false);
});

test('a process that is stopped keeps its locks, however long; one that was killed does not', async (context) => {
  const path = newPath();
  const child = await startHolder(context, path);
  child.kill('SIGSTOP');
  age(path);
  assert.equal(tryAcquireLock(path), undefined);
  assert.equal(isLocked(path), true);
  const controller = new AbortController();
  const waits: unknown[] = [];
  const onWait = (holder: LockHolder | undefined): void => {
    waits.push(holder?.pid);
    setImmediate(() => controller.abort());
  };
  await assert.rejects(acquireLock(path, { onWait, signal: controller.signal, pollMilliseconds: 1 }), /aborted/);
  assert.deepEqual(waits, [child.pid]);
  child.kill('SIGKILL');
  await once(child, 'close');
  assert.equal(isLocked(path), false);
  tryAcquireLock(path)?.release();
  assert.equal(existsSync(path), false);
});

test('this process keeps its locks while it computes without a pause', () => {
  const path = newPath();
  const lock = tryAcquireLock(path);
  age(path);
  assert.equal(tryAcquireLock(path), undefined);
  assert.equal(lock?.isHeld(), true);
  lock.release();
});

test(
  'a killed process whose parent does not ask after it holds nothing',
  { skip: process.platform === 'win32' },
  async (context) => {
    const path = newPath();
    // The shell becomes a program that never waits for its children.
    const script = '"$0" "$@" & exec sleep 600';
    const parent = spawn('sh', ['-c', script, process.execPath, ...holderArguments(path)], {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    context.after(() => parent.kill('SIGKILL'));
    const pid = Number(await firstLine(parent));
    assert.equal(isLocked(path), true);
    process.kill(pid, 'SIGKILL');
    while (!processStatus(pid).ended) await sleep(20);
    assert.doesNotThrow(() => process.kill(pid, 0), 'it is a zombie');
    assert.equal(isLocked(path), false);
  },
);

test('a process id that is in use again holds nothing', () => {
  const start = startOf(process.ppid);
  assert.equal(tryAcquireLock(leave({ start })), undefined);
  assert.ok(tryAcquireLock(leave({ start: 'another time' })));
  assert.ok(tryAcquireLock(leave({ pid: process.pid, start: ownProcessStart() })), 'a left-over of this process');
  assert.ok(tryAcquireLock(leave({ pid: spawnSync(process.execPath, ['-e', '']).pid, start })));
});

test('a process that cannot be asked holds its lock until it has been silent for a minute', () => {
  for (const holder of [{ host: 'another-machine', start: 'its own time' }, { start: undefined }]) {
    const path = leave(holder);
    assert.equal(isLocked(path), true);
    assert.equal(tryAcquireLock(path), undefined);
    age(path);
    assert.equal(isLocked(path), false);
    assert.ok(tryAcquireLock(path));
  }
});
