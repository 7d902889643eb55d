// How far the steps of the set-up are: on a terminal one line that is redrawn, elsewhere a line now and then.
'use strict';
const { AsyncLocalStorage } = require('node:async_hooks');

const terminalMilliseconds = 200;
const sparseMilliseconds = 15_000;

/** The step whose work is being done: steps run side by side, and what they call need not know which it belongs to. */
const current = new AsyncLocalStorage();
/** Steps that run: what is known of how far each is, by its title. @type {Map<string, string>} */
const running = new Map();
/** @type {{ stop(): void, clear(): void } | undefined} */
let display;

/** Says how far the step that calls is, such as `120 of 263 MB`. @param {string} detail */
function tell(detail) {
  const title = current.getStore();
  if (title !== undefined && running.has(title)) running.set(title, detail);
}

/** @param {number} started milliseconds */
function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`;
}

/**
 * Does a step and says how long it took.
 * @param {string} title @param {() => Promise<void>} work @param {(line: string) => void} log
 */
async function timed(title, work, log) {
  const started = Date.now();
  running.set(title, '');
  display ??= show(log);
  try {
    await current.run(title, work);
    display?.clear();
    log(`  ${title.padEnd(32)} ${seconds(started).padStart(8)}`);
  } finally {
    running.delete(title);
    if (running.size === 0) {
      display?.stop();
      display = undefined;
    }
  }
}

/** @param {(line: string) => void} log */
function show(log) {
  const started = Date.now();
  const { stderr } = process;
  const line = () =>
    `  ${[...running].map(([title, detail]) => (detail ? `${title} (${detail})` : title)).join(', ')}: ${Math.round((Date.now() - started) / 1000)} s`;
  const clear = () => stderr.isTTY && stderr.write('\r\u001b[2K');
  const draw = () => {
    if (!stderr.isTTY) return log(`${line()} …`);
    // A line that wraps could not be replaced.
    clear();
    stderr.write(line().slice(0, (stderr.columns || 80) - 1));
  };
  const timer = setInterval(draw, stderr.isTTY ? terminalMilliseconds : sparseMilliseconds);
  return {
    clear,
    stop() {
      clearInterval(timer);
      clear();
    },
  };
}

module.exports = { seconds, tell, timed };
