// What the steps of the set-up have in common: files, hashes, and running programs with their output in a log.
'use strict';
const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { explain } = require('./failures.cjs');
const needs = require('./needs.cjs');
const { tell } = require('./progress.cjs');

const root = path.resolve(__dirname, '../..');
const logFile = path.join(root, 'set-up.log');
/** Where the programs of the set-up put what they need for a moment: `/tmp` may be small, or full. */
const temporaryFolder = path.join(root, '.set-up.tmp');

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

/** @param {string[]} files one that is not there counts as empty */
function hashOf(...files) {
  const hash = createHash('sha256');
  for (const file of files.map((name) => path.resolve(root, name)))
    if (fs.existsSync(file)) hash.update(fs.readFileSync(file));
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

/**
 * Runs a command with its output in the log file; a failure becomes one line.
 * @param {string} command @param {string[]} args
 * @param {{ source?: { name: string, mirror: string }, onLine?: (line: string) => string | undefined }} [options] `source`: where the
 *   command gets packages; `onLine`: what a line of its output tells of how far it is
 */
function run(command, args, { source, onLine } = {}) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, TMPDIR: fs.existsSync(temporaryFolder) ? temporaryFolder : process.env.TMPDIR };
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env });
    let output = '';
    let rest = '';
    const collect = (piece) => {
      output += piece;
      try {
        fs.appendFileSync(logFile, piece);
      } catch {} // where the disk is full, the program says so, too
      const lines = (rest + piece).split(/[\r\n]/);
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const told = onLine?.(line);
        if (told !== undefined) tell(told);
      }
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => reject(new needs.MissingNeed(`${command} cannot be started: ${error.message}.`)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(undefined);
      else reject(new needs.MissingNeed(explain({ command, args, output, signal, source }, root, logFile)));
    });
  });
}

module.exports = { root, hashOf, linkTarget, logFile, packageVersion, read, run, stampIs, startLog, temporaryFolder };
