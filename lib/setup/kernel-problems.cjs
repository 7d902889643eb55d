// Why the notebook kernel cannot work here, told in the first cell that is run.
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { movedFrom, missingSteps, python, root } = require('./setup.cjs');

/**
 * One line that says what is wrong and what to do; undefined where nothing is.
 * @param {string} notebookFolder where Jupyter starts the kernel
 */
function kernelProblem(notebookFolder) {
  const other = projectAround(notebookFolder);
  if (other !== undefined && other !== fs.realpathSync(root)) {
    return `This notebook is in ${other}, but its kernel belongs to ${root}: end Jupyter, run \`npm run lab\` in ${other}, and open the notebook there.`;
  }
  const nextStep = `run \`npm run setup\` in ${root}, then restart the kernel (Kernel > Restart Kernel).`;
  const missing = missingSteps();
  if (missing.length === 0) return undefined;
  const moved = movedFrom();
  if (moved !== undefined)
    return `This project was set up in ${moved} and has been moved to ${root} since: ${nextStep}`;
  return `This project is not set up (missing or outdated: ${missing.join(', ')}): ${nextStep}`;
}

/** The nearest folder above that holds this project or a copy of it. @param {string} folder */
function projectAround(folder) {
  for (let at = fs.realpathSync(folder); ; at = path.dirname(at)) {
    if (fs.existsSync(path.join(at, 'lib', 'setup', 'kernel.cjs'))) return at;
    if (at === path.dirname(at)) return undefined;
  }
}

/**
 * Answers cells with the problem until the kernel is ended. Not by tslab, which may be what is missing.
 * @param {string} problem @param {string} configPath
 */
function explain(problem, configPath) {
  console.error(problem);
  const script = path.join(__dirname, 'explain_kernel.py');
  for (const command of [python, 'python3']) {
    const { error, status } = spawnSync(command, [script, problem, '-f', configPath], { stdio: 'inherit' });
    if (error === undefined && status === 0) return;
  }
  process.exitCode = 1;
}

module.exports = { explain, kernelProblem };
