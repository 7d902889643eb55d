// Runs files of tests one after the other in one process: starting one for each of them takes longer than most of them run.
'use strict';
const { describe } = require('node:test');
const path = require('node:path');

// A suite for each, so that what a file sets up or clears away before and after its tests concerns these alone.
for (const file of process.argv.slice(2).map((given) => path.resolve(given)))
  describe(path.relative(process.cwd(), file), () => void require(file));
