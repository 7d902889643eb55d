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

// A suite for each, so that what a file sets up or clears away before and after its tests concerns these alone.
for (const file of process.argv.slice(2).map((given) => path.resolve(given)))
  describe(path.relative(folder, file), { timeout }, () => {
    after(restore);
    require(file);
  });
