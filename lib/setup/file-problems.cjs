// What the system says of a file that cannot be written or read, in one line with the folder and the next step.
'use strict';
const { accessSync, constants, existsSync, statfsSync } = require('node:fs');
const path = require('node:path');

const again = 'run the same again, which goes on from what is kept';
/** @type {Readonly<Record<string, string>>} */
const reasons = {
  ENOSPC: `the disk is full: make room, and ${again}`,
  EDQUOT: `the disk quota is used up: make room, and ${again}`,
  EFBIG: `the file would be larger than is allowed here (\`ulimit -f\`): allow more, and ${again}`,
  EROFS: 'the file system can only be read: choose another folder',
  EACCES: 'you have no right to it: make it your own, or choose another folder',
  EPERM: 'you have no right to it: make it your own, or choose another folder',
  ENOTDIR: 'a part of this path is a file and no folder: choose another folder',
  EEXIST: 'there is a file of that name: choose another folder',
  EISDIR: 'there is a folder of that name: choose another name',
  ENOTEMPTY: 'there is a folder of that name: choose another name',
  ENAMETOOLONG: 'the name is too long: choose a shorter one',
  ELOOP: 'a link in this path leads back to itself: choose another folder',
  ENOENT: 'the folder takes no new files: choose another folder',
  EIO: `the disk reports an error: choose another folder, and ${again}`,
};

/**
 * @param {unknown} error
 * @returns {string | undefined} undefined where it is no error of the file system, or has another reason
 */
function fileProblem(error) {
  if (!(error instanceof Error) || typeof error.path !== 'string' || typeof error.code !== 'string') return undefined;
  const written = error.dest ?? error.path;
  const file = written.replace(sibling, '$1');
  const folder = nearestFolder(file);
  const code = trueCode(error, folder);
  if (reasons[code] === undefined) return undefined;
  // Of a file that is to be read, it is for the reader to say what it means.
  if (code === 'ENOENT' && error.syscall !== 'mkdir' && written === file) return undefined;
  return `${file} cannot be ${written === file && isReading(error, file) ? 'read' : 'written'} (${code}${code === 'ENOSPC' ? freeBytes(folder) : ''}): ${reasons[code]}.`;
}

/** The name under which a file or folder is written before it takes its place. */
const sibling = /(?<=^|\/)\.([^/]+)\.[0-9a-f]{12}\.tmp(?=\/|$)/;

/** The system says of a file that cannot be opened not what for. */
function isReading({ syscall }, file) {
  if (syscall !== 'open') return ['read', 'scandir', 'stat', 'lstat', 'access'].includes(syscall);
  try {
    if (existsSync(file)) accessSync(file, constants.R_OK);
    return false;
  } catch {
    return true;
  }
}

/** Node says of a folder that cannot be made on a file system which can only be read that it is not there. */
function trueCode({ code, syscall }, folder) {
  if (code !== 'ENOENT' || syscall !== 'mkdir') return code;
  try {
    accessSync(folder, constants.W_OK);
    return code;
  } catch (error) {
    return error.code;
  }
}

/** @param {string} file */
function nearestFolder(file) {
  let folder = path.dirname(file);
  while (!existsSync(folder) && folder !== path.dirname(folder)) folder = path.dirname(folder);
  return folder;
}

/** @param {string} folder */
function freeBytes(folder) {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return `, ${((bavail * bsize) / 1e6).toFixed(1)} MB are free`;
  } catch {
    return '';
  }
}

module.exports = { fileProblem };
