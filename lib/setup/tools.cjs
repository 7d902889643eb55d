// What the steps of the set-up have in common: files, hashes, running programs with their output in a log, and the lock.
'use strict';
const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const needs = require('./needs.cjs');

const root = path.resolve(__dirname, '../..');
const logFile = path.join(root, 'set-up.log');
const lockFile = path.join(root, '.set-up.lock');

function startLog() {
  fs.writeFileSync(logFile, '');
}

/** @param {string} file @returns {string | undefined} */
function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** @param {string} file @param {string} key */
function stampIs(file, key) {
  return read(file) === key;
}

/** @param {string[]} files */
function hashOf(...files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(read(path.resolve(root, file)) ?? '');
  return hash.digest('hex');
}

/** @param {string} folder */
function packageVersion(folder) {
  return JSON.parse(read(path.join(folder, 'package.json')) ?? '{}').version;
}

/** @param {string} link */
function linkTarget(link) {
  try {
    return fs.readlinkSync(link);
  } catch {
    return undefined;
  }
}

/** @param {number} started milliseconds */
function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`;
}

/** @param {string} title @param {() => Promise<void>} work @param {(line: string) => void} log */
async function timed(title, work, log) {
  const started = Date.now();
  await work();
  log(`  ${title.padEnd(32)} ${seconds(started).padStart(8)}`);
}

/**
 * Runs a command with its output in the log file; a failure becomes one line.
 * @param {string} command @param {string[]} args @param {{ unreachable?: string }} [options]
 */
function run(command, args, { unreachable } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (piece) => {
      output += piece;
      fs.appendFileSync(logFile, piece);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => reject(new needs.MissingNeed(`${command} cannot be started: ${error.message}.`)));
    child.on('close', (code) => {
      if (code === 0) resolve(undefined);
      else reject(new needs.MissingNeed(explain(command, args, output, unreachable)));
    });
  });
}

/** @param {string} command @param {string[]} args @param {string} output @param {string | undefined} unreachable */
function explain(command, args, output, unreachable) {
  if (/ENOSPC|No space left/.test(output)) {
    return `The disk is full (${root}): free some space and run the same command again.`;
  }
  const offline =
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT|NewConnectionError|Max retries|Connection (refused|error|broken)|name resolution|ReadTimeoutError|Could not find a version/;
  if (unreachable && offline.test(output)) return unreachable;
  const last =
    output
      .trim()
      .split('\n')
      .filter((line) => /error/i.test(line))
      .pop() ?? output.trim().split('\n').pop();
  return `\`${path.basename(command)} ${args.slice(0, 3).join(' ')} …\` failed (${last?.trim()}); all of its output is in ${logFile}.`;
}

/**
 * Keeps two set-ups in the same folder from working at once.
 * @param {(line: string) => void} log
 */
async function lock(log) {
  for (let waited = false; ; waited = true) {
    try {
      fs.writeFileSync(lockFile, String(process.pid), { flag: 'wx' });
      return () => fs.rmSync(lockFile, { force: true });
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') {
        throw new needs.MissingNeed(
          `${root} cannot be written: make the folder writable, and run the same command again.`,
        );
      }
      const owner = Number(read(lockFile));
      if (!isAlive(owner)) {
        fs.rmSync(lockFile, { force: true });
        continue;
      }
      if (!waited) log(`Waiting for another set-up (process ${owner}) in this folder.`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

module.exports = { root, hashOf, linkTarget, lock, packageVersion, read, run, seconds, stampIs, startLog, timed };
