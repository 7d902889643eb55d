// The levels of the project's own operations, which are sets of instructions: how each is compiled, and whether it works here.
'use strict';
const { spawn } = require('node:child_process');
const path = require('node:path');
const { root, run } = require('./tools.cjs');

const kernelsFolder = path.join(root, 'lib', 'tensor', 'kernels');

// By their flags and not as -march=x86-64-v3, which compilers know from g++ 11 and clang 12 on only.
const v3 = ['-mavx2', '-mfma', '-mf16c', '-mbmi', '-mbmi2', '-mlzcnt', '-mmovbe', '-mpopcnt'];
const v4 = [...v3, '-mavx512f', '-mavx512bw', '-mavx512cd', '-mavx512dq', '-mavx512vl'];

/** For each architecture by Node's name of it, the lowest first; the others have the plain level alone. */
const levelsOf = {
  x64: { plain: [], v3, v4, 'v4-bf16': [...v4, '-mavx512bf16'] },
  arm64: { neon: [], 'neon-bf16': ['-march=armv8.2-a+bf16'] },
};

/** @returns {[name: string, flags: string[]][]} */
function levels(architecture = process.arch) {
  return Object.entries(levelsOf[/** @type {'x64'} */ (architecture)] ?? { plain: [] });
}

/** Fusing products and sums is left to the sources, so that compilers agree. @param {string} level @param {string[]} flags */
const levelFlags = (level, flags) => [
  ...['-std=c++17', '-O3', '-fPIC', '-w', '-ffp-contract=off', '-fno-exceptions', '-fno-rtti', '-fvisibility=hidden'],
  ...flags,
  `-DNOTEBOOKS_LEVEL=${tableOf(level)}`,
];

/** The name of a level's table in C++. @param {string} level */
const tableOf = (level) => level.replace(/-/g, '_');

/** @typedef {{ command: string, args: string[] }} Compiler */

/** @param {Compiler} compiler @param {string} level @param {string[]} flags @param {string} object */
async function compileLevel({ command, args }, level, flags, object) {
  const source = path.join(kernelsFolder, 'arithmetic', 'level.cc');
  await run(command, [...args, ...levelFlags(level, flags), '-c', source, '-o', object]);
}

/** What chooses among these levels when the addon is loaded. @param {Compiler} compiler @param {string[]} names @param {string} object */
async function compileChoice({ command, args }, names, object) {
  const list = names.map((name) => `LEVEL(${tableOf(name)})`).join(' ');
  const source = path.join(kernelsFolder, 'levels.cc');
  await run(command, [
    ...args,
    '-std=c++17',
    '-O2',
    '-fPIC',
    '-w',
    `-DNOTEBOOKS_LEVELS=${list}`,
    '-c',
    source,
    '-o',
    object,
  ]);
}

/** In the message where the level is another processor's. */
const notHere = 'which this processor does not have';

/**
 * Runs the operations of an addon at a level, or only loads it where the level is `off`, in a process that may crash.
 * @param {string} addon @param {string} level
 * @returns {Promise<string | undefined>} what is wrong
 */
function testLevel(addon, level) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [path.join(__dirname, 'self-test', 'run.cjs'), addon], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 600_000, // of what takes a second: code that never ends is wrong too
      killSignal: 'SIGKILL',
      env: { ...process.env, NOTEBOOKS_KERNELS: level, TF_CPP_MIN_LOG_LEVEL: '3', CUDA_VISIBLE_DEVICES: '-1' },
    });
    let output = '';
    child.stderr.on('data', (piece) => (output += piece));
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => {
      const last = output.trim().split('\n').pop() ?? '';
      if (code === 0) resolve(undefined);
      else if (signal !== null) resolve(`it ended with ${signal}`);
      else resolve(last || `it ended with code ${code}`);
    });
  });
}

module.exports = { levels, compileLevel, compileChoice, testLevel, notHere, kernelsFolder };
