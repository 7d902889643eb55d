// Starts the notebook kernel for JupyterLab, VS Code and the command line alike: node kernel.cjs --config-path CONNECTION_FILE
// Stock tslab takes the notebook's folder as the root of all TypeScript; here it is the project's, so that `./lib/notebook` is found.
'use strict';
const path = require('node:path');
const v8 = require('node:v8');

const at = process.argv.indexOf('--config-path');
if (at < 0 || !process.argv[at + 1]) {
  console.error('Jupyter starts this file by itself: open a notebook with `npm run lab`.');
  process.exit(1);
}
const configPath = path.resolve(process.argv[at + 1]);
const notebookFolder = process.cwd();

process.env.NOTEBOOK_KERNEL = '1';
// The compiler leaves some 20 MB of garbage a cell. V8 would wait until the heap has doubled, while a training needs the memory.
v8.setFlagsFromString('--heap-growing-percent=10');
process.chdir(path.resolve(__dirname, '../..'));

// Jupyter puts the kernel into a session of its own; when Jupyter is killed, nothing else would end a training that nobody sees.
const jupyter = Number(process.env.JPY_PARENT_PID);
if (jupyter > 0) {
  setInterval(() => {
    try {
      process.kill(jupyter, 0);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH') process.exit(1);
    }
  }, 500).unref();
}

const { explain, kernelProblem } = require('./kernel-problems.cjs');
const problem = kernelProblem(notebookFolder);
if (problem === undefined) startKernel();
else explain(problem, configPath);

function startKernel() {
  Error.stackTraceLimit = 50; // the library's own functions would leave no room for the lines of cells
  const { sys } = require('@tslab/typescript-for-tslab');
  const { compiledLibrary, useLibrary } = require('./kernel-library.cjs');
  const { ignoreFileChanges, loadConverter, warmUp } = require('./kernel-mends.cjs');
  const { onStop } = require('./kernel-stop.cjs');
  ignoreFileChanges();
  const converter = loadConverter();
  // Without it tslab compiles the sources itself: slowly, but as well.
  const library = compiledLibrary();
  if (library !== undefined) {
    useLibrary(library, sys);
    warmUp(converter, "import * as nb from './lib/notebook';\nnb.show;", loadLibrary);
  }
  // What lib/notebook-kernel.ts finds.
  const kernel = { folder: process.env.NOTEBOOK_FOLDER ?? notebookFolder, onStop, display() {} };
  globalThis[Symbol.for('notebook kernel')] = kernel;
  const { watchCells } = require('./kernel-death.cjs');
  const { createSession } = require('./kernel-session.cjs');
  const { Server } = require('./kernel-server.cjs');
  const session = createSession(converter.createConverter({}), kernel, watchCells(configPath));
  void new Server(session, configPath).init();
}

/** An error comes again in the cell that imports it, and is told there. */
function loadLibrary() {
  try {
    require('../notebook.ts');
  } catch {}
}
