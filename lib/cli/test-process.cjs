// Runs files of tests one after the other in one process: starting one for each of them takes longer than most of them run.
'use strict';
const { after, describe } = require('node:test');
const path = require('node:path');

// Far more than a file takes on a machine that computes much else at the same time, so that only what hangs ends by it.
const timeout = 2_700_000;
const folder = process.cwd();
const environment = { ...process.env };

/** What a file changes of the process concerns no other file. */
function restore() {
  process.chdir(folder);
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
}

const files = process.argv.slice(2).map((given) => path.resolve(given));
let ended = 0;

// A suite for each, so that what a file sets up or clears away before and after its tests concerns these alone.
for (const file of files)
  describe(path.relative(folder, file), { timeout }, () => {
    after(() => {
      restore();
      ended++;
    });
    require(file);
  });

// An end by force must not pass for one where all has run.
const isWhole = !process.execArgv.some((argument) => argument.startsWith('--test-name-pattern'));
process.on('exit', () => {
  if (isWhole && ended < files.length) process.exitCode ||= 1;
});
