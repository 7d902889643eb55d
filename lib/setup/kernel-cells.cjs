// What the kernel keeps of the cells that it has read: which variables a cell sets, and which of its lines a line of its JavaScript is.
'use strict';
const { SourceMap } = require('node:module');
const ts = require('@tslab/typescript-for-tslab');

/**
 * @typedef {{ output: string, declOutput: string, lastExpressionVar?: string, maps: string[] }} Converted maps: from the
 *   source to the output, one for each step
 * @typedef {{ number: number, lines: string[], maps: string[] }} Cell
 */

/** By the name under which V8 knows the cell's script. @type {Map<string, Cell>} */
const cells = new Map();
/** Declarations of all variables that there are, as TypeScript. */
let declarations = '';
/** Of the cell that runs. @type {{ names: string[], declarations: string } | undefined} */
let running;
/** @type {Set<PropertyKey>} */
const assigned = new Set();

/**
 * A cell is about to run. Its JavaScript begins by setting all its variables to nothing, also those of earlier cells; here they keep
 * their values until the cell sets them.
 * @param {Converted} converted @param {string} source @param {number} number of the cell, as its prompt shows it
 * @returns {string} the JavaScript to run
 */
function begin({ output, declOutput, lastExpressionVar, maps }, source, number) {
  /** @type {string[]} */
  let names = [];
  const erasing = /(?<=^Object\.defineProperty\(exports, "__esModule".*\n)(?:exports\..* = void 0;\n)+/m;
  const kept = output.replace(erasing, (lines) => {
    names = [...lines.matchAll(/exports\.([^\s=]+) =/g)]
      .map(([, name]) => name)
      .filter((name) => name !== lastExpressionVar);
    return '\n'.repeat(lines.split('\n').length - 1);
  });
  assigned.clear();
  running = { names, declarations: declOutput };
  const script = `cell-${cells.size + 1}.ts`;
  cells.set(script, { number, lines: source.split('\n'), maps });
  return `${kept}\n//# sourceURL=${script}`;
}

/** The cell has ended: what it has set is there, also where it failed. */
function end() {
  if (running === undefined) return;
  const unset = new Set(running.names.filter((name) => !assigned.has(name)));
  const before = declarations;
  declarations = running.declarations;
  if (unset.size > 0) {
    const isUnset = (name) => unset.has(name);
    declarations = select(declarations, (name) => !isUnset(name)) + select(before, isUnset, false);
  }
  running = undefined;
}

/** The variables of cells, as the JavaScript of cells sees them. @param {object} variables */
function watch(variables) {
  return new Proxy(variables, {
    defineProperty(target, name, attributes) {
      assigned.add(name);
      return Reflect.defineProperty(target, name, attributes);
    },
  });
}

/**
 * Of declarations, those of some variables. An import is taken whole.
 * @param {string} text @param {(name: string) => boolean} wanted @param {boolean} types whether those that declare no variable are taken
 */
function select(text, wanted, types = true) {
  const file = ts.createSourceFile('declarations.d.ts', text, ts.ScriptTarget.Latest, true);
  return file.statements.map((statement) => selected(statement, wanted, types)).join('\n') + '\n';
}

function selected(statement, wanted, types) {
  const whole = statement.getText();
  if (ts.isVariableStatement(statement)) {
    const { declarations: all, flags } = statement.declarationList;
    const left = all.filter(({ name }) => wanted(name.getText())).map((each) => each.getText());
    const word = flags & ts.NodeFlags.Const ? 'const' : flags & ts.NodeFlags.Let ? 'let' : 'var';
    return left.length === 0 ? '' : `declare ${word} ${left.join(', ')};`;
  }
  if (ts.isImportDeclaration(statement)) {
    const { name, namedBindings } = statement.importClause ?? {};
    const bound = [name, ...(namedBindings?.elements?.map((each) => each.name) ?? [namedBindings?.name])];
    const names = bound.filter((each) => each !== undefined).map((each) => each.text);
    const chosen = types ? names.every(wanted) : names.some(wanted);
    return chosen ? whole : '';
  }
  if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) return types ? whole : '';
  const declared = statement.name?.text;
  return (declared === undefined ? types : wanted(declared)) ? whole : '';
}

/**
 * The place in a cell of a place in its script, both counted from 1; undefined where the script is no cell's.
 * @param {string} script @param {number} line @param {number} column
 */
function placeInCell(script, line, column) {
  const cell = cells.get(script);
  if (cell === undefined) return undefined;
  let at = { originalLine: line - 1, originalColumn: column - 1 };
  // The last step's result is what runs.
  for (const map of [...cell.maps].reverse()) {
    at = new SourceMap(JSON.parse(map)).findEntry(at.originalLine, at.originalColumn);
    if (at.originalLine === undefined) return undefined;
  }
  // tslab puts a line before the cell.
  return { cell: cell.number, line: at.originalLine, text: cell.lines[at.originalLine - 1]?.trim() ?? '' };
}

module.exports = { begin, declared: () => declarations, end, placeInCell, watch };
