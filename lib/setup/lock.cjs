// Keeps two set-ups in the same folder from working at once. (file-lock.ts, which does the same for the rest, needs packages.)
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { MissingNeed } = require('./needs.cjs');
const { read, root } = require('./tools.cjs');

const lockFile = path.join(root, '.set-up.lock');
/** Whoever holds the lock touches it this often … */
const heartbeatMilliseconds = 2_000;
/** … and is gone where it has not for so long, and cannot be asked: because it is on another machine, or not known. */
const silenceMilliseconds = 60_000;
/** Creating a lock and writing its holder into it takes far less than this. */
const creationMilliseconds = 5_000;

/** @typedef {{ pid: number, host: string, start: string | undefined, since: string }} Holder */

/**
 * Waits until no other set-up works in this folder. One that was killed is noticed, also where its number is another process's by now.
 * @param {(line: string) => void} log
 * @returns {Promise<() => void>} what ends it
 */
async function lock(log) {
  /** @type {Holder} */
  const holder = {
    pid: process.pid,
    host: os.hostname(),
    start: startOf(process.pid),
    since: new Date().toISOString(),
  };
  const content = JSON.stringify(holder);
  for (let waited = false; ;) {
    if (create(content)) return keep(content);
    const other = read(lockFile);
    if (other === undefined) continue; // released just now
    if (isStale(other)) {
      takeAway(other);
      continue;
    }
    if (!waited) log(`Waiting for another set-up in this folder${describe(other)}.`);
    waited = true;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** @param {string} content @returns {boolean} */
function create(content) {
  try {
    fs.writeFileSync(lockFile, content, { flag: 'wx' });
    return true;
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'EEXIST') return false;
    if (code === 'ENOSPC')
      throw new MissingNeed(`The disk is full (${root}): free some space and run the same command again.`);
    throw new MissingNeed(
      `${root} cannot be written (${code ?? message}): make the folder writable, or copy the project to one that is, and run the same command again.`,
    );
  }
}

/** @param {string} content */
function keep(content) {
  const heartbeat = setInterval(() => {
    const now = new Date();
    try {
      if (read(lockFile) === content) fs.utimesSync(lockFile, now, now);
    } catch {} // removed by hand
  }, heartbeatMilliseconds);
  heartbeat.unref();
  const release = () => {
    clearInterval(heartbeat);
    try {
      if (read(lockFile) === content) fs.rmSync(lockFile, { force: true });
    } catch {} // it is void as soon as this process has ended
  };
  process.once('exit', release); // Ctrl+C runs no `finally`
  return release;
}

/** @param {string} content of the lock */
function isStale(content) {
  const silence = Date.now() - (fs.statSync(lockFile, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  const holder = parse(content);
  if (holder === undefined) return silence > creationMilliseconds;
  if (holder.host !== os.hostname()) return silence > silenceMilliseconds;
  if (!isAlive(holder.pid)) return true;
  const start = startOf(holder.pid);
  return start === undefined || holder.start === undefined ? silence > silenceMilliseconds : start !== holder.start;
}

/** Removes the lock of a set-up that was killed. @returns {boolean} whether nobody is at work, that is, none is left */
function clearStale() {
  const other = read(lockFile);
  if (other !== undefined && isStale(other)) takeAway(other);
  return !fs.existsSync(lockFile);
}

/** Removes that very lock, and none that somebody else has created since. @param {string} content */
function takeAway(content) {
  const aside = `${lockFile}.${process.pid}`;
  try {
    fs.renameSync(lockFile, aside);
    if (read(aside) !== content) fs.linkSync(aside, lockFile);
  } catch {} // somebody was quicker
  fs.rmSync(aside, { force: true });
}

/** @param {string} content @returns {Holder | undefined} */
function parse(content) {
  try {
    const holder = JSON.parse(content);
    return typeof holder?.pid === 'number' && typeof holder.host === 'string' ? holder : undefined;
  } catch {
    return undefined; // not written yet, or not by this project
  }
}

/** @param {string} content */
function describe(content) {
  const holder = parse(content);
  if (holder === undefined) return '';
  const seconds = Math.round((Date.now() - Date.parse(holder.since)) / 1000);
  return ` (process ${holder.pid} on ${holder.host}, for ${seconds} s)`;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/** When a process was started, in the operating system's words: numbers are used again. @param {number} pid @returns {string | undefined} */
function startOf(pid) {
  if (process.platform !== 'linux') {
    const { status, stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
    return status === 0 ? stdout.trim() : undefined;
  }
  // The second field is the program's name in brackets, in which anything may stand.
  const fields = read(`/proc/${pid}/stat`)
    ?.replace(/^.*\) /s, '')
    .split(' ');
  const boot = read('/proc/sys/kernel/random/boot_id')?.trim();
  return fields === undefined || boot === undefined ? undefined : `${boot} ${fields[19]}`;
}

module.exports = { clearStale, lock };
