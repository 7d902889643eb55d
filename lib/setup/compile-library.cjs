// Compiles `lib` for the notebook kernel and prints the folder: node compile-library.cjs
// The folder is there if and only if all of it is. What is wrong with the sources is written beside what was made of them.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
// The kernel's own compiler reads the declarations, so it writes them too.
const ts = require('@tslab/typescript-for-tslab');
const {
  cacheFolder,
  errorsFile,
  libFolder,
  libraryFolder,
  removeOutdated,
  root,
  sourceFiles,
} = require('./kernel-library.cjs');

/** Somebody may be saving files all the while. */
const attempts = 3;

/** @returns {string | undefined} undefined where the sources changed during each attempt */
function compile() {
  fs.mkdirSync(cacheFolder, { recursive: true });
  for (let attempt = 0; attempt < attempts; attempt++) {
    const folder = libraryFolder();
    if (fs.existsSync(folder)) return folder;
    const unfinished = fs.mkdtempSync(`${folder}.unfinished-`);
    try {
      const errors = emit(unfinished);
      if (libraryFolder() !== folder) continue; // the name tells what is inside
      fs.writeFileSync(path.join(unfinished, errorsFile), JSON.stringify(errors, undefined, 1));
      publish(unfinished, folder);
      removeOutdated(folder);
      return folder;
    } finally {
      fs.rmSync(unfinished, { recursive: true, force: true });
    }
  }
  return undefined;
}

/** @param {string} outDir @returns {Record<string, string[]>} what is wrong, by file */
function emit(outDir) {
  const { options } = ts.getParsedCommandLineOfConfigFile(
    path.join(root, 'tsconfig.json'),
    {
      ...{ noEmit: false, declaration: true, rootDir: libFolder, outDir },
      ...{ inlineSourceMap: true, sourceRoot: libFolder },
      ...{ noUnusedLocals: false, noUnusedParameters: false }, // no error to whoever tries something out
    },
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: ({ messageText }) => console.error(messageText) },
  );
  const program = ts.createProgram({ rootNames: sourceFiles().map((name) => path.join(libFolder, name)), options });
  const { diagnostics } = program.emit();
  /** @type {Record<string, string[]>} */
  const errors = {};
  for (const { file, start, messageText } of [...ts.getPreEmitDiagnostics(program), ...diagnostics]) {
    if (file === undefined) continue;
    const { line, character } = file.getLineAndCharacterOfPosition(start);
    const message = ts.flattenDiagnosticMessageText(messageText, ' ');
    const place = `${path.relative(root, file.fileName)} ${line + 1}:${character + 1}`;
    (errors[path.relative(libFolder, file.fileName)] ??= []).push(`${place} - ${message}`);
  }
  return errors;
}

/** Another kernel may have been as quick: its copy is as good as this one. @param {string} unfinished @param {string} folder */
function publish(unfinished, folder) {
  try {
    fs.renameSync(unfinished, folder);
  } catch (error) {
    if (!fs.existsSync(folder)) throw error;
  }
}

const folder = compile();
if (folder === undefined) process.exitCode = 1;
else process.stdout.write(folder);
