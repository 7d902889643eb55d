import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { errorCode } from '../errors';
import { named, writeWhole } from '../files';
import { ownProcessStart, processStatus } from './process-start';

/** Who holds a lock. `start` tells a process from a later one of the same id, the token one holder in a process from the next. */
const holderSchema = z.object({
  pid: z.number().int(),
  host: z.string(),
  token: z.string(),
  start: z.string().optional(),
});
export type LockHolder = z.infer<typeof holderSchema>;

export interface LockOptions {
  /** Called once where somebody else holds the lock. */
  readonly onWait?: (holder: LockHolder | undefined) => void;
  readonly signal?: AbortSignal;
  readonly pollMilliseconds?: number;
}

export interface FileLock {
  release(): void;
  /** False once somebody has taken the lock over: a process of another machine, to which this one was silent for too long. */
  isHeld(): boolean;
}

export interface SilenceOption {
  /** How long a holder that cannot be asked, as it is on another machine, may be silent, in milliseconds; a minute by default. */
  readonly silenceMilliseconds?: number;
}

/** A holder touches its lock this often, unless it is stopped or computes without a pause … */
const heartbeatMilliseconds = 5_000;
/** … and one on another machine that has not for this long is gone. */
const silenceMilliseconds = 60_000;
/** Creating a lock and writing its holder into it takes far less than this. */
export const creationMilliseconds = 5_000;

/** Locks that this process holds: path by token. */
const held = new Map<string, string>();

/**
 * Waits until `path` can be created and keeps it until `release`, so that only one process at a time does what the lock stands for.
 * A lock whose process has ended is taken over, and one of another machine that is silent for a minute: on the same machine, a process
 * keeps its locks however long it is stopped or busy. The folder of `path` must exist. Rejects with the signal's reason on abort.
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<FileLock> {
  const { onWait, signal, pollMilliseconds = 200 } = options;
  let waiting = false;
  for (;;) {
    signal?.throwIfAborted();
    const token = tryCreate(path);
    if (token !== undefined) return hold(path, token);
    if (isStale(path) && removeStale(path, silenceMilliseconds)) continue;
    if (!waiting) onWait?.(readHolder(path));
    waiting = true;
    // The sleep rejects with an error of its own; the loop throws the signal's reason.
    await sleep(pollMilliseconds, undefined, { signal }).catch(() => undefined);
  }
}

/** `acquireLock` without waiting: undefined where somebody holds the lock. */
export function tryAcquireLock(path: string, options: SilenceOption = {}): FileLock | undefined {
  const silence = options.silenceMilliseconds ?? silenceMilliseconds;
  let token = tryCreate(path);
  if (token === undefined && isStale(path, silence) && removeStale(path, silence)) token = tryCreate(path);
  return token === undefined ? undefined : hold(path, token);
}

/** Whether somebody holds the lock, who is not known to be gone. */
export function isLocked(path: string, options: SilenceOption = {}): boolean {
  return ageMilliseconds(path) !== undefined && !isStale(path, options.silenceMilliseconds);
}

function tryCreate(path: string): string | undefined {
  const token = randomUUID();
  const holder: LockHolder = { pid: process.pid, host: hostname(), token, start: ownProcessStart() };
  let file: number;
  try {
    file = openSync(path, 'wx');
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return undefined;
    throw error;
  }
  // Known as held before it can be read, or another call in this process would take it for a left-over of an earlier one.
  held.set(token, path);
  try {
    named(path, () => writeWhole(file, Buffer.from(JSON.stringify(holder))));
  } catch (error) {
    held.delete(token);
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  return token;
}

function hold(path: string, token: string): FileLock {
  removeAtExit();
  const heartbeat = setInterval(() => touch(path, token), heartbeatMilliseconds);
  heartbeat.unref();
  return {
    release() {
      clearInterval(heartbeat);
      releaseToken(path, token);
    },
    isHeld: () => held.has(token) && readHolder(path)?.token === token,
  };
}

/** Removes the lock unless somebody has taken it over meanwhile. */
function releaseToken(path: string, token: string): void {
  held.delete(token);
  try {
    if (readHolder(path)?.token === token) rmSync(path, { force: true });
  } catch {
    // It is void as soon as this process has ended, and says nothing of what was done under it.
  }
}

let exitHandled = false;

/** Interrupting a command runs no `finally`, but its locks should go with it. */
function removeAtExit(): void {
  if (exitHandled) return;
  exitHandled = true;
  process.once('exit', () => {
    for (const [token, path] of [...held]) releaseToken(path, token);
  });
}

function isStale(path: string, silence = silenceMilliseconds): boolean {
  const age = ageMilliseconds(path);
  if (age === undefined) return false; // released just now
  const holder = readHolder(path);
  if (holder === undefined) return age > creationMilliseconds;
  if (holder.host !== hostname()) return age > silence;
  if (holder.pid === process.pid) return !held.has(holder.token);
  const status = processStatus(holder.pid);
  if (status.ended) return true;
  // Only where the operating system does not say which process it is, there is nothing to go by but its silence.
  const known = holder.start !== undefined && status.start !== undefined;
  return known ? holder.start !== status.start : age > silence;
}

/**
 * True where the lock may be tried again at once. Two processes may find the same lock stale: without a lock for the removal,
 * the slower one would remove the lock that the faster one has created meanwhile.
 */
function removeStale(path: string, silence: number): boolean {
  const removal = `${path}.removal`;
  try {
    closeSync(openSync(removal, 'wx'));
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    const age = ageMilliseconds(removal);
    if (age !== undefined && age > creationMilliseconds) rmSync(removal, { force: true });
    return false;
  }
  try {
    if (isStale(path, silence)) rmSync(path, { force: true });
    return true;
  } finally {
    rmSync(removal, { force: true });
  }
}

/** Whether a lock is there that says of nobody that he holds it: it is being created, or whoever did was killed within that moment. */
export function isNobodys(path: string): boolean {
  return ageMilliseconds(path) !== undefined && readHolder(path) === undefined;
}

function readHolder(path: string): LockHolder | undefined {
  try {
    return holderSchema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    return undefined; // gone, or not written yet
  }
}

function ageMilliseconds(path: string): number | undefined {
  const status = statSync(path, { throwIfNoEntry: false });
  return status === undefined ? undefined : Date.now() - status.mtimeMs;
}

function touch(path: string, token: string): void {
  const now = new Date();
  try {
    if (readHolder(path)?.token === token) utimesSync(path, now, now);
  } catch {
    // Removed by hand: the checksum of the finished file still decides.
  }
}
