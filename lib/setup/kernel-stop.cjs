// What Jupyter's stop button does. A task of the library that can be stopped softly is told first; a second stop, or one without such a
// task, ends whatever cells are waiting for. The synchronous part of a cell is ended by V8.
'use strict';

class Stopped extends Error {
  name = 'Stopped';
  constructor() {
    super('The cell was stopped.');
  }
}

/** @type {Set<(error: Error) => void>} */
const waiting = new Set();
/** @type {Set<() => boolean>} */
const tasks = new Set();
let stops = 0;
/** Whether the stop button was pressed since the running cell began. */
let pressed = false;
let openScopes = 0;

function cellBegins() {
  pressed = false;
  openScopes = tensorflow()?.scopeStack.length ?? 0;
}

/** What SIGINT calls, as soon as nothing else is being computed. @returns whether the cell ends now, and not with its tasks */
function stop() {
  pressed = true;
  const ending = [...tasks].filter((task) => task()); // not `some`: all of them end
  if (ending.length === 0) endWaiting();
  return ending.length === 0;
}

/** After V8 has ended a computation somewhere in its middle. */
function stoppedWithin() {
  pressed = true;
  for (const task of tasks) task();
  endWaiting();
  mendTensorflow();
}

function endWaiting() {
  stops++;
  const rejects = [...waiting];
  waiting.clear();
  for (const reject of rejects) reject(new Stopped());
}

/**
 * A task that can end softly. In a cell that was stopped before, it ends at once.
 * @param {() => boolean} task called at a stop; false where it has been stopped already
 * @returns {() => void} to be called when the task has ended
 */
function onStop(task) {
  tasks.add(task);
  if (pressed) task();
  return () => tasks.delete(task);
}

/** What a cell awaits, until a stop. @template T @param {T | PromiseLike<T>} [value] @returns {Promise<T>} */
function guard(value) {
  return new Promise((resolve, reject) => {
    waiting.add(reject);
    Promise.resolve(value)
      .finally(() => waiting.delete(reject))
      .then(resolve, reject);
  });
}

/** What a cell iterates by `for await`, until a stop. @param {AsyncIterable<unknown>} items */
async function* guardEach(items) {
  const before = stops;
  for await (const item of items) {
    if (stops !== before) throw new Stopped();
    yield item;
  }
}

/** The state of TensorFlow.js, if it has been loaded. */
function tensorflow() {
  return globalThis._tfengine?.state;
}

/** V8 ends a computation without its `catch` and `finally`: what TensorFlow.js has opened by then is still open. */
function mendTensorflow() {
  const state = tensorflow();
  if (state === undefined) return;
  Object.assign(state, { kernelDepth: 0, gradientDepth: 0, activeTape: null, numDataMovesStack: [] });
  while (state.scopeStack.length > openScopes) globalThis._tfengine.endScope();
}

module.exports = { Stopped, cellBegins, guard, guardEach, onStop, stop, stoppedWithin, wasPressed: () => pressed };
