// Runs cells one after the other and answers as Jupyter expects.
'use strict';
const { inspect } = require('node:util');
const cells = require('./kernel-cells.cjs');
const { errorContent, errorText } = require('./kernel-errors.cjs');
const { onInterrupt } = require('./kernel-interrupt.cjs');
const { createOutput, streamWriter } = require('./kernel-output.cjs');
const stopping = require('./kernel-stop.cjs');

/** Milliseconds in which Jupyter has sent the rest of a Run All, which a cell that fails ends. */
const restArrives = 200;

/** Types that do not fit, each with its place. */
class TypeErrors extends Error {
  name = 'TypeErrors';
}

/**
 * @param {import('./kernel-mends.cjs').Converter} converter tslab's
 * @param {{ describe?: (value: unknown) => object | undefined }} kernel what the library finds of the kernel
 * @param {ReturnType<import('./kernel-death.cjs').watchCells>} watch
 */
function createSession(converter, kernel, watch) {
  const { createExecutor } = require('tslab/dist/executor');
  let number = 0;
  /** @type {unknown[]} */
  let failures = [];
  let last;
  const reading = {
    ...converter,
    convert(_declarations, source) {
      const converted = converter.convert(cells.declared(), source);
      if (converted.diagnostics.length === 0) converted.output = cells.begin(converted, source, number);
      return converted;
    },
    inspect: (_declarations, source, at) => converter.inspect(cells.declared(), source, at),
    complete: (_declarations, source, at) => converter.complete(cells.declared(), source, at),
  };
  const told = [];
  const executor = createExecutor(
    process.cwd(),
    { node: reading, browser: reading, close: () => converter.close() },
    {
      log: (value) => (last = value),
      error: (first, ...rest) => (rest.length > 0 ? told.push(typeErrorText(...rest)) : failures.push(first)),
    },
  );
  Object.assign(globalThis.__tslab__, {
    exports: cells.watch(executor.locals),
    guard: stopping.guard,
    guardEach: stopping.guardEach,
  });
  let output = createOutput(() => {});
  onInterrupt(() => {
    if (!stopping.stop()) return;
    // What the cell itself awaits has ended, and with it the cell, unless it waits for something else.
    const stopped = number;
    setImmediate(() => number === stopped && executor.interrupt());
  });
  process.on('uncaughtException', (error) => late('UncaughtException', error));
  process.on('unhandledRejection', (reason) => late('UnhandledPromiseRejection', reason));

  /** What no cell waits for is told below the cell that ran last. @param {string} kind @param {unknown} error */
  function late(kind, error) {
    if (error instanceof stopping.Stopped) return;
    output.write('stderr', `${kind}: ${errorText(error)}\n`);
  }

  /** @param {{ code: string, silent?: boolean }} request @param {(type: string, content: object) => void} publish */
  async function run({ code, silent = false }, publish) {
    if (!silent) publish('execute_input', { code, execution_count: ++number });
    output = createOutput(silent ? () => {} : publish);
    const { write, send } = output;
    for (const name of ['stdout', 'stderr']) process[name].write = streamWriter((text) => write(name, text));
    kernel.display = (message, update) => send(update ? 'update_display_data' : 'display_data', message);
    require('tslab/dist/jupyter').lastWriteDisplayData = kernel.display;
    [failures, last] = [[], undefined];
    told.length = 0;
    stopping.cellBegins();
    const before = silent ? undefined : watch.told();
    if (before !== undefined) write('stderr', `${before}\n`);
    watch.begins(number, code);
    try {
      await executor.execute(code);
      if (failures.length === 0) await showLast(send);
    } catch (error) {
      failures.push(error);
    }
    watch.ends();
    cells.end();
    if (told.length > 0) failures.push(new TypeErrors(told.join('\n')));
    output.end();
    const [failure] = failures.map(asStopped);
    if (failure !== undefined) send('error', errorContent(failure));
    const stopped = stopping.wasPressed() ? new stopping.Stopped() : undefined;
    const error = failure ?? stopped;
    if (error === undefined) return { status: 'ok', execution_count: number, payload: [], user_expressions: {} };
    return { status: 'error', execution_count: number, ...errorContent(error) };
  }

  /** What the last expression of a cell gives. */
  async function showLast(send) {
    const value = await stopping.guard(last);
    if (value === undefined || value === null) return;
    const text = () => ({ 'text/plain': typeof value === 'string' ? value : inspect(value) });
    const data = (await value[Symbol.for('Jupyter.display')]?.()) ?? kernel.describe?.(value) ?? text();
    send('execute_result', { data, metadata: {}, execution_count: number });
  }

  let turn = Promise.resolve();
  let aborting = false;
  return {
    executor,
    /** Runs a cell when those before it have ended; where one of them fails, it is not run. */
    execute(request, publish) {
      const mine = turn.then(async () => {
        if (aborting) return { status: 'aborted' };
        const reply = await run(request, publish);
        if (reply.status === 'error' && request.stop_on_error !== false) {
          aborting = true;
          setTimeout(() => (aborting = false), restArrives);
        }
        return reply;
      });
      turn = mine.catch(() => {});
      return mine;
    },
  };
}

/** As tslab hands it out. @param {string} file @param {number} line @param {number} column @param {string} message */
function typeErrorText(file, line, column, message) {
  return `${file}${line}:${column} - ${message}`;
}

/** V8's error of a computation that it ended, and tslab's, become the kernel's own. @param {unknown} error */
function asStopped(error) {
  if (error?.code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED') stopping.stoppedWithin();
  else if (error?.message !== 'Interrupted asynchronously') return error;
  return new stopping.Stopped();
}

module.exports = { createSession };
