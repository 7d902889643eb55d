// What tslab 1.0.22 does wrong, mended from outside.
'use strict';
const v8 = require('node:v8');
const vm = require('node:vm');
const ts = require('@tslab/typescript-for-tslab');

v8.setFlagsFromString('--expose-gc');
/** @type {() => void} */
const collectGarbage = vm.runInNewContext('gc');
/** From so many bytes of the process on, what the compiler leaves behind is collected after each cell, which takes a tenth of a second. */
const muchMemory = 1e9;

/**
 * @typedef {{ diagnostics: unknown[], hasToplevelAwait?: boolean }} Converted
 * @typedef {{ convert(declarations: string, source: string): Converted }} Converter
 */

/**
 * tslab watches every source file, but breaks ("Unexpected pending rebuildTimer") where one is edited, or a new one appears, between two
 * cells, and reloads only some of what depends on it. A kernel therefore works with the files that it has seen first; whoever edits
 * `lib` restarts it.
 */
function ignoreFileChanges() {
  const nothing = { close() {} };
  ts.sys.watchFile = () => nothing;
  ts.sys.watchDirectory = () => nothing;
}

/**
 * Mends how cells are read.
 * @param {{ createConverter: (...args: unknown[]) => Converter }} converter tslab's module
 */
function mendCells(converter) {
  const { createConverter } = converter;
  converter.createConverter = (...args) => {
    const created = createConverter(...args);
    const { convert } = created;
    created.convert = (declarations, source) => {
      const converted = convert(declarations, expandShorthand(source));
      if (process.memoryUsage.rss() > muchMemory) collectGarbage();
      if (converted.diagnostics.length === 0) converted.hasToplevelAwait ||= awaits(source);
      return converted;
    };
    return created;
  };
}

/**
 * Reads a cell before anybody asks for one, while the notebook is still being looked at; not where a cell came first.
 * @param {{ createConverter: (...args: unknown[]) => Converter }} converter tslab's module
 * @param {string} cell @param {() => void} afterwards
 */
function warmUp(converter, cell, afterwards) {
  const { createConverter } = converter;
  converter.createConverter = (...args) => {
    const created = createConverter(...args);
    const { convert } = created;
    const warming = setTimeout(() => {
      convert('', cell);
      afterwards();
    }, 100);
    created.convert = (declarations, source) => {
      clearTimeout(warming);
      return convert(declarations, source);
    };
    return created;
  };
}

/**
 * tslab takes `{ epochs }` for a new name and not for the variable of an earlier cell, which then "is not defined". Written out as
 * `{ epochs: epochs }`, it finds it.
 * @param {string} source
 */
function expandShorthand(source) {
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
  return insertions.reverse().reduce((text, { at, name }) => `${text.slice(0, at)}${name}: ${text.slice(at)}`, source);
}

/**
 * Whether a cell awaits outside its functions. tslab looks for the compiler's complaint about that, which does not come for
 * `for await` and where `await` stands before a bracket, a template or an operator.
 * @param {string} source
 */
function awaits(source) {
  const visit = (node) => {
    if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier)) return true;
    if (ts.isFunctionLike(node)) return false;
    return ts.forEachChild(node, visit) ?? false;
  };
  // As a module: in a script, `await (x)` calls a function of that name.
  return visit(ts.createSourceFile('cell.ts', `export {};${source}`, ts.ScriptTarget.Latest));
}

module.exports = { awaits, ignoreFileChanges, mendCells, warmUp };
