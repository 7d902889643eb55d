// What a reader is told of an error: its message and the lines of their cells that led to it, but none of the kernel's own.
'use strict';
const path = require('node:path');
const { inspect } = require('node:util');
const { fileProblem } = require('./file-problems.cjs');
const { placeInCell } = require('./kernel-cells.cjs');
const { Stopped } = require('./kernel-stop.cjs');

const libFolder = path.resolve(__dirname, '..') + path.sep;
const frame = /^\s+at (?:async )?(?:(.*) \()?(.+?):(\d+):(\d+)\)?$/;
/** Functions of the library above the first line of a cell, and lines of cells. */
const most = { library: 3, cells: 8 };

/** The same, after an error's name has been put where Jupyter wants it. @param {unknown} error */
function errorContent(error) {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: inspect(error) };
  return { ename: name, evalue: message, traceback: errorText(error).split('\n') };
}

/** @param {unknown} error @returns {string} lines */
function errorText(error) {
  if (!(error instanceof Error)) return `Thrown: ${inspect(error)}`;
  // Their messages say all: what to do, or in which lines.
  if (error.name === 'UserError' || error.name === 'TypeErrors') return error.message;
  const problem = fileProblem(error);
  if (problem !== undefined) return problem;
  const title = error instanceof Stopped ? error.message : `${error.name}: ${error.message}`;
  const cause = error.cause === undefined ? [] : [`Caused by ${errorText(error.cause)}`];
  return [title, ...placesOf(error.stack ?? ''), ...cause].join('\n');
}

/** @param {string} stack */
function placesOf(stack) {
  const places = { library: [], cells: [] };
  const lines = stack.split('\n');
  lines.forEach((line, at) => {
    const [, name, file, row, column] = frame.exec(line) ?? [];
    // What is called from there is the cell as a whole.
    if (file === undefined || lines[at + 1]?.includes('(node:vm:')) return;
    const place = placeInCell(file, Number(row), Number(column));
    if (place !== undefined) {
      const inside = name === undefined || /^(eval|Object\.<anonymous>)$/.test(name) ? '' : `${name}, `;
      places.cells.push(`    at ${inside}line ${place.line} of cell [${place.cell}]: ${place.text}`);
    } else if (places.cells.length === 0 && file.startsWith(libFolder) && !file.startsWith(__dirname)) {
      places.library.push(
        `    at ${name === undefined ? '' : `${name}, `}${path.join('lib', path.relative(libFolder, file))}:${row}`,
      );
    }
  });
  return [...places.library.slice(0, most.library), ...places.cells.slice(0, most.cells)];
}

module.exports = { errorContent, errorText };
