// Starts the notebook kernel for JupyterLab, VS Code and the command line alike: node kernel.cjs --config-path CONNECTION_FILE
// Stock tslab takes the notebook's folder as the root of all TypeScript; here it is the project's, so that `./lib/notebook` is found.
'use strict';
const path = require('node:path');

const at = process.argv.indexOf('--config-path');
if (at < 0 || !process.argv[at + 1]) {
  console.error('Jupyter starts this file by itself: open a notebook with `npm run lab`.');
  process.exit(1);
}
const configPath = path.resolve(process.argv[at + 1]);

process.env.NOTEBOOK_KERNEL = '1';
// The compiler leaves some 20 MB of garbage a cell. V8 would wait until the heap has doubled, while a training needs the memory.
require('node:v8').setFlagsFromString('--heap-growing-percent=30');
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

ignoreFileChanges();
expandShorthand(require('tslab/dist/converter'));
require('tslab/dist/main').startKernel({ configPath, enableFindLocal: false, jsKernel: false });

/**
 * tslab watches every source file, but breaks ("Unexpected pending rebuildTimer") where one is edited, or a new one appears, between two
 * cells, and reloads only some of what depends on it. A kernel therefore works with the files that it has seen first; whoever edits
 * `lib` restarts it.
 */
function ignoreFileChanges() {
  const { sys } = require('@tslab/typescript-for-tslab');
  const nothing = { close() {} };
  sys.watchFile = () => nothing;
  sys.watchDirectory = () => nothing;
}

/**
 * tslab 1.0.22 takes `{ epochs }` for a new name and not for the variable of an earlier cell, which then "is not defined". Written out
 * as `{ epochs: epochs }`, it finds it.
 * @param {{ createConverter: (...args: unknown[]) => { convert(declarations: string, source: string): unknown } }} converter
 */
function expandShorthand(converter) {
  const ts = require('@tslab/typescript-for-tslab');
  const { createConverter } = converter;
  converter.createConverter = (...args) => {
    const created = createConverter(...args);
    const { convert } = created;
    created.convert = (declarations, source) => convert(declarations, written(source));
    return created;
  };

  /** @param {string} source */
  function written(source) {
    const file = ts.createSourceFile('cell.ts', source, ts.ScriptTarget.Latest);
    /** @type {{ at: number, name: string }[]} */
    const insertions = [];
    const visit = (node) => {
      if (ts.isShorthandPropertyAssignment(node) && !node.objectAssignmentInitializer) {
        insertions.push({ at: node.name.getStart(file), name: node.name.text });
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
    return insertions
      .reverse()
      .reduce((text, { at, name }) => `${text.slice(0, at)}${name}: ${text.slice(at)}`, source);
  }
}
