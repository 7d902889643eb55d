// Found only by a TypeScript kernel that is not this project's: the project's own starts one folder above and finds lib/notebook.ts.
'use strict';
const project = require('node:path').resolve(__dirname, '../..');
const error = new Error(
  `This notebook needs its project's own kernel: end Jupyter, run \`npm run lab\` in ${project}, and open the notebook there.`,
);
error.stack = error.message; // where it was thrown tells the reader nothing
throw error;
