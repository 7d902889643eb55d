// Hears the stop button at any moment. Node takes its own handler of SIGINT away while V8 runs a script that the signal may end, and after
// it leaves, for some microseconds, the system's: a stop then ends the process, with all that its cells have computed. The handler stays
// where a script that the signal may end is always being run, which a thread does here; a script of a cell is asked before it.
'use strict';
const { Worker } = require('node:worker_threads');

// Two scripts, one within the other: the inner one ends at each signal, and the outer one is there meanwhile.
const listening = `
const vm = require('node:vm');
const { parentPort } = require('node:worker_threads');
const wait = new vm.Script('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)');
const run = (script) => {
  try {
    script.runInThisContext({ breakOnSigint: true });
  } catch {
    parentPort.postMessage('stop');
  }
};
globalThis.waitForSignal = () => run(wait);
for (;;) run(new vm.Script('for (;;) waitForSignal()'));
`;

/**
 * @param {() => void} stop called for each SIGINT that comes while the main thread runs no script that V8 may end. No other listener of
 *   SIGINT may be added to the process: Node would take the handler away with it
 */
function onInterrupt(stop) {
  new Worker(listening, { eval: true }).on('message', stop).unref();
}

module.exports = { onInterrupt };
