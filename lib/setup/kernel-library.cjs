// The kernel's compiled copy of `lib`: JavaScript and declarations, in node_modules/.cache, in a folder named by a
// hash of all that they depend on. tslab would parse, check and translate every file of `lib` in every kernel, which
// takes seconds and hundreds of megabytes.
'use strict';
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '../..');
const libFolder = path.join(root, 'lib');
const cacheFolder = path.join(root, 'node_modules', '.cache', 'kernel-library');
/** Commands are no part of what notebooks import. */
const leftOut = new Set(['cli', 'setup']);
const errorsFile = 'errors.json';
const millisecondsKept = 7 * 24 * 3600 * 1000;

/** What is wrong with a source; tells the reader of a notebook enough without a stack. */
class SourceError extends Error {
  name = 'UserError';
}

/** All sources of `lib` that notebooks may import, relative to it, in a fixed order. */
function sourceFiles() {
  return fs
    .readdirSync(libFolder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts') && !leftOut.has(name.split(path.sep)[0]))
    .sort();
}

/** Where the copy of the sources as they are now belongs; it may not be there yet. */
function libraryFolder() {
  const hash = createHash('sha256').update(root);
  const inputs = [__filename, path.join(__dirname, 'compile-library.cjs'), path.join(root, 'package-lock.json')];
  for (const file of [...inputs, ...sourceFiles().map((name) => path.join(libFolder, name))]) {
    const content = fs.readFileSync(file);
    hash.update(`\0${file}\0${content.length}\0`).update(content);
  }
  return path.join(cacheFolder, hash.digest('hex').slice(0, 24));
}

/**
 * The folder of the compiled copy, made now if need be, in a process of its own whose memory is free afterwards.
 * @returns {string | undefined} undefined where it cannot be made, because the folder cannot be written
 */
function compiledLibrary() {
  try {
    const folder = libraryFolder();
    if (fs.existsSync(folder)) return folder;
  } catch {
    // A file vanished meanwhile.
  }
  const { status, stdout } = spawnSync(process.execPath, [path.join(__dirname, 'compile-library.cjs')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? stdout : undefined;
}

/** Deletes copies of earlier sources, unless a kernel of this week may still load from them. @param {string} current */
function removeOutdated(current) {
  for (const name of fs.readdirSync(cacheFolder)) {
    const folder = path.join(cacheFolder, name);
    if (folder === current || Date.now() - fs.statSync(folder).mtimeMs < millisecondsKept) continue;
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Lets this process find the compiled copy in place of the sources: the compiler its declarations, `require` its JavaScript.
 * @param {string} folder
 * @param {{ fileExists(path: string): boolean, readFile(path: string, encoding?: string): string | undefined }} sys the compiler's
 */
function useLibrary(folder, sys) {
  const compiled = new Set(fs.readdirSync(folder, { recursive: true }).map(String));
  /** @param {string} file @param {string} extension of the source @param {string} wanted extension */
  const inCopy = (file, extension, wanted) => {
    if (!file.startsWith(libFolder + path.sep) || !file.endsWith(extension)) return undefined;
    const name = `${file.slice(libFolder.length + 1, -extension.length)}${wanted}`;
    return compiled.has(name) ? path.join(folder, name) : undefined;
  };
  const { fileExists, readFile } = sys;
  sys.fileExists = (file) => {
    if (inCopy(file, '.d.ts', '.d.ts') !== undefined) return true;
    return inCopy(file, '.ts', '.d.ts') === undefined && fileExists(file);
  };
  sys.readFile = (file, encoding) => readFile(inCopy(file, '.d.ts', '.d.ts') ?? file, encoding);

  /** @type {Record<string, string[]>} */
  const errors = JSON.parse(fs.readFileSync(path.join(folder, errorsFile), 'utf8'));
  process.setSourceMapsEnabled(true); // errors then name the lines of the sources
  require.extensions['.ts'] = (module, file) => {
    const script = inCopy(file, '.ts', '.js');
    if (script === undefined) throw new Error(`${file} is no part of the library: only files of lib can be imported.`);
    const wrong = errors[path.relative(libFolder, file)];
    if (wrong !== undefined) throw new SourceError(`${wrong.join('\n')}\nCorrect this and restart the kernel.`);
    module._compile(fs.readFileSync(script, 'utf8'), file);
  };
}

module.exports = {
  cacheFolder,
  compiledLibrary,
  errorsFile,
  libraryFolder,
  libFolder,
  removeOutdated,
  root,
  sourceFiles,
  useLibrary,
};
