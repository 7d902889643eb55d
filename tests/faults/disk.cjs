// Stands between a program and the disk, in this process or by `--require` in another one (FAULT_PLAN): counts the changes of a folder and,
// from a given one on, lets none through. After `kill`, the folder is as `kill -9` within that change leaves it, for whatever the program still
// does reaches nothing; with `SIGKILL`, the process is ended there indeed; a code of an error is what the system answers.
'use strict';
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');
const path = require('node:path');

/** What takes room on the disk, which a full one refuses; it takes away and renames. */
const room = new Set(['write', 'open', 'mkdir', 'copyfile', 'link', 'symlink']);
const fullDisk = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
/** Where nothing can be looked at any more either. */
const unreadable = new Set(['EACCES', 'EIO']);
const originals = { ...fs, promises: { ...fs.promises } };
const realNow = Date.now;

/** @type {{ folder: string, at: number, fraction: number, kind: string, jump?: number } | undefined} */
let plan;
let changes = 0;
let ended = false;
/** @type {Map<number, string>} */
const paths = new Map();

/** Begins to count, and to disturb from the change `at` on, of which the part `fraction` is done still. */
function arm(given) {
  plan = { at: Infinity, fraction: 0, kind: 'none', ...given, folder: `${path.resolve(given.folder)}${path.sep}` };
  changes = 0;
  ended = false;
}

/** Lets everything through again. @returns {number} how many changes there were */
function disarm() {
  plan = undefined;
  Date.now = realNow;
  return changes;
}

/** Whether the disturbance has come about. */
const wasReached = () => plan !== undefined && changes > plan.at;

/**
 * @param {string} call as the system names it
 * @param {string | undefined} file
 * @param {boolean} told whether the system's error names the file, as it does not for an open one
 * @param {() => unknown} act
 * @param {(fraction: number) => void} [part] does a part of it
 */
function step(call, file, told, act, part) {
  if (plan === undefined || file === undefined || !inside(file)) return act();
  if (ended) throw gone();
  const { kind, at } = plan;
  const isReading = call === 'read';
  if (isReading && !unreadable.has(kind)) return act();
  const index = isReading ? changes : changes++;
  if (index < at) return act();
  if (kind === 'clock' && index === at) Date.now = () => realNow() + (plan?.jump ?? 0);
  if (kind === 'kill' || kind === 'SIGKILL') {
    part?.(plan.fraction);
    ended = true;
    if (kind === 'SIGKILL') for (process.kill(process.pid, 'SIGKILL'); ;);
    throw gone();
  }
  if (!/^E[A-Z]+$/.test(kind) || (fullDisk.has(kind) && !room.has(call))) return act();
  if (index === at) part?.(plan.fraction);
  const where = told ? ` '${file}'` : '';
  throw Object.assign(new Error(`${kind}: disturbed, ${call}${where}`), { code: kind, syscall: call, errno: -1, ...(told && { path: file }) }); // prettier-ignore
}

const inside = (file) => `${path.resolve(file)}${path.sep}`.startsWith(plan.folder);
const gone = () => new Error('This process has been ended.');
const text = (file) => (file instanceof URL ? require('node:url').fileURLToPath(file) : Buffer.isBuffer(file) ? String(file) : file); // prettier-ignore
const isNew = (flags) => typeof flags === 'number' ? (flags & (fs.constants.O_CREAT | fs.constants.O_TRUNC)) !== 0 : /[wa]/.test(flags ?? 'r'); // prettier-ignore
const callOf = (flags) => (isNew(flags) ? 'open' : 'read');

/** Half of a folder may be gone when a process ends that deletes it. */
function removePart(file, fraction) {
  if (!fs.statSync(file, { throwIfNoEntry: false })?.isDirectory()) return;
  const names = originals.readdirSync(file);
  for (const name of names.slice(0, Math.floor(names.length * fraction)))
    originals.rmSync(path.join(file, name), { recursive: true, force: true });
}

const calls = { rename: 'rename', link: 'link', unlink: 'unlink', rm: 'rm', rmdir: 'rmdir', mkdir: 'mkdir', utimes: 'utime', truncate: 'truncate', copyFile: 'copyfile', symlink: 'symlink', chmod: 'chmod' }; // prettier-ignore
for (const [name, call] of Object.entries(calls)) {
  const part = (file) => (name === 'rm' ? (fraction) => removePart(file, fraction) : undefined);
  const target = (args) => text(['link', 'copyFile', 'symlink'].includes(name) ? args[1] : args[0]);
  fs[`${name}Sync`] = (...args) => step(call, target(args), true, () => originals[`${name}Sync`](...args), part(target(args))); // prettier-ignore
  fs.promises[name] = async (...args) => step(call, target(args), true, () => originals.promises[name](...args), part(target(args))); // prettier-ignore
}

fs.openSync = (file, flags, mode) =>
  step(callOf(flags), text(file), true, () => {
    const opened = originals.openSync(file, flags, mode);
    paths.set(opened, text(file));
    return opened;
  });
fs.closeSync = (file) => {
  paths.delete(file);
  originals.closeSync(file);
};
fs.writeSync = (file, ...args) => {
  const [buffer, offset = 0, length = buffer.length - offset, position = null] = args;
  const part = (fraction) => {
    const bytes = Math.floor(length * fraction);
    if (bytes > 0 && typeof buffer !== 'string') originals.writeSync(file, buffer, offset, bytes, position);
  };
  return step('write', paths.get(file), false, () => originals.writeSync(file, ...args), part);
};
fs.ftruncateSync = (file, size) => step('ftruncate', paths.get(file), false, () => originals.ftruncateSync(file, size));
fs.fsyncSync = (file) => step('fsync', paths.get(file), false, () => originals.fsyncSync(file));
for (const name of ['writeFileSync', 'appendFileSync'])
  fs[name] = (file, content, options) =>
    typeof file === 'number'
      ? originals[name](file, content, options)
      : step('open', text(file), true, () => originals[name](file, content, options), (fraction) => originals[name](file, Buffer.from(content).subarray(0, Math.floor(content.length * fraction)), options)); // prettier-ignore
for (const name of ['readFileSync', 'readdirSync'])
  fs[name] = (file, options) =>
    typeof file === 'number' ? originals[name](file, options) : step('read', text(file), true, () => originals[name](file, options)); // prettier-ignore

/** Those that call back, which streams use. */
fs.open = (file, flags, mode, done) => {
  const back = [flags, mode, done].find((arg) => typeof arg === 'function');
  const given = typeof flags === 'function' ? 'r' : flags;
  later(back, () =>
    step(callOf(given), text(file), true, () =>
      originals.open(file, given, typeof mode === 'function' ? 0o666 : (mode ?? 0o666), (error, opened) => {
        if (!error) paths.set(opened, text(file));
        back(error, opened);
      }),
    ),
  );
};
for (const name of ['write', 'writev'])
  fs[name] = (file, ...args) => later(args.at(-1), () => step('write', paths.get(file), false, () => originals[name](file, ...args))); // prettier-ignore

function later(back, act) {
  try {
    act();
  } catch (error) {
    process.nextTick(back, error);
  }
}

fs.promises.writeFile = async (file, ...args) => step('open', text(file), true, () => originals.promises.writeFile(file, ...args)); // prettier-ignore
for (const name of ['readFile', 'readdir'])
  fs.promises[name] = async (file, ...args) => step('read', text(file), true, () => originals.promises[name](file, ...args)); // prettier-ignore
fs.promises.open = async (file, flags, mode) => {
  const handle = await step(callOf(flags), text(file), true, () => originals.promises.open(file, flags, mode));
  for (const [name, call] of [
    ['write', 'write'],
    ['writev', 'write'],
    ['writeFile', 'write'],
    ['appendFile', 'write'],
    ['truncate', 'ftruncate'],
    ['sync', 'fsync'],
  ]) {
    // prettier-ignore
    const act = handle[name].bind(handle);
    const part = (args) => (fraction) => {
      const [buffer, offset = 0, length = buffer?.length - offset, position = null] = args;
      const bytes = Math.floor(length * fraction);
      if (name === 'write' && Buffer.isBuffer(buffer) && bytes > 0) originals.writeSync(handle.fd, buffer, offset, bytes, position); // prettier-ignore
    };
    handle[name] = async (...args) => step(call, text(file), false, () => act(...args), part(args));
  }
  return handle;
};
syncBuiltinESMExports();

if (process.env.FAULT_PLAN) arm(JSON.parse(process.env.FAULT_PLAN));
module.exports = { arm, disarm, wasReached };
