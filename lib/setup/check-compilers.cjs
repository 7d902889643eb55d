// `npm run setup -- --check-compilers`: every C++ compiler that is here builds the addon, with every level of the operations tested.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { compileAddon } = require('./addon.cjs');
const { compilersAmong } = require('./needs.cjs');

/** @param {number} from @param {number} to */
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** By the names that Linux distributions and Homebrew give them. */
const names = [
  'c++',
  'g++',
  'clang++',
  ...numbers(9, 17).map((n) => `g++-${n}`),
  ...numbers(14, 24).map((n) => `clang++-${n}`),
];

/** @param {string} tensorflow the folder of the wheel @param {(line: string) => void} log */
async function checkCompilers(tensorflow, log) {
  const problems = [];
  for (const compiler of compilersAmong(names.map((name) => [name]))) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'compiler-'));
    const started = Date.now();
    const row = [`${compiler.command} ${/\d+\.\d+\.\d+/.exec(compiler.version)?.[0] ?? ''}`.padEnd(20)];
    try {
      const { operations, levels } = (await compileAddon(compiler, tensorflow, folder)).record;
      for (const [name, { works, seconds, problem }] of Object.entries(levels)) {
        const state = !works ? 'left out' : operations !== undefined || problem !== undefined ? 'compiles' : 'works';
        row.push(`${name} ${state} (${seconds.toFixed(0)} s)`.padEnd(24));
        if (problem !== undefined) problems.push(`${compiler.command}, ${name}: ${problem}`);
      }
      if (operations !== undefined) problems.push(`${compiler.command}: ${operations}`);
      row.push(operations === undefined ? 'all operations' : 'no operations');
    } catch (error) {
      row.push('nothing');
      problems.push(`${compiler.command}: ${error instanceof Error ? error.message : error}`);
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
    log([...row, `${((Date.now() - started) / 1000).toFixed(0)} s`].join('  '));
  }
  for (const problem of problems) log(problem);
}

module.exports = { checkCompilers, names };
