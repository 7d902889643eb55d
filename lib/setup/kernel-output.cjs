// What a cell prints, on its way to Jupyter: put together, because Jupyter drops what comes in too many messages, and cut where it is
// more than a notebook can show.
'use strict';
const { StringDecoder } = require('node:string_decoder');

/** Characters that a cell may print, and how many of its last ones are shown beyond. */
const most = 500_000;
const lastShown = 2_000;
const millisecondsTogether = 100;

/**
 * @param {(type: string, content: object) => void} publish sends a message to Jupyter
 * @returns {{ write(name: 'stdout' | 'stderr', text: string): void, send(type: string, content: object): void, end(): void }} `send`
 *   keeps the order with what was printed before; after `end`, all is sent
 */
function createOutput(publish) {
  let pending = { name: 'stdout', text: '' };
  let room = most;
  let cut = { characters: 0, last: '' };
  let sent = 0;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;

  function flush() {
    clearTimeout(timer);
    timer = undefined;
    if (pending.text === '') return;
    publish('stream', pending);
    pending = { name: pending.name, text: '' };
    sent = Date.now();
  }

  function add(name, text) {
    if (pending.name !== name) flush();
    pending = { name, text: pending.text + text };
    // A computation that never pauses lets no timer run.
    if (Date.now() - sent >= millisecondsTogether) flush();
    else timer ??= setTimeout(flush, millisecondsTogether);
  }

  function write(name, text) {
    const shown = text.slice(0, room);
    const rest = text.slice(room);
    if (shown !== '') add(name, shown);
    room -= shown.length;
    if (rest === '') return;
    if (cut.characters === 0) {
      add('stderr', `\n[Cut here: a cell shows ${most} characters. Write what is longer to a file.]\n`);
    }
    cut.characters += rest.length;
    cut.last += rest;
    if (cut.last.length > 10 * lastShown) cut.last = cut.last.slice(-lastShown);
  }

  return {
    write,
    send(type, content) {
      flush();
      publish(type, content);
    },
    end() {
      const { characters, last } = cut;
      cut = { characters: 0, last: '' };
      if (characters > lastShown)
        add('stderr', `[${characters - lastShown} characters are left out here; the last ones are:]\n`);
      if (characters > 0) add('stdout', last.slice(-lastShown));
      flush();
    },
  };
}

/** In place of a stream's `write`. @param {(text: string) => void} write */
function streamWriter(write) {
  const decoder = new StringDecoder('utf8');
  return (chunk, encoding, callback) => {
    write(typeof chunk === 'string' ? chunk : decoder.write(chunk));
    const done = typeof encoding === 'function' ? encoding : callback;
    if (done) process.nextTick(done);
    return true;
  };
}

module.exports = { createOutput, streamWriter };
