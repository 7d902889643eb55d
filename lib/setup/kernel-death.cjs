// What a kernel leaves beside Jupyter's connection file while a cell runs, so that the one that is started in its place can say what became
// of it: where the memory runs out, the system kills without a word.
'use strict';
const fs = require('node:fs');
const { memoryBytes } = require('./machine.cjs');

const millisecondsBetween = 2_000;
const charactersShown = 60;

/** @param {string} configPath Jupyter's connection file, which a kernel that is started again gets, too */
function watchCells(configPath) {
  const file = `${configPath}.cell`;
  let before = lastWords(file);
  /** @type {NodeJS.Timeout | undefined} */
  let timer;

  /** @param {number} number @param {string} code */
  function begins(number, code) {
    const [line = ''] = code.split('\n').filter((one) => one.trim() !== '' && !one.startsWith('//'));
    const note = () => {
      const peak = process.resourceUsage().maxRSS * 1024;
      try {
        fs.writeFileSync(file, JSON.stringify({ number, line: line.trim().slice(0, charactersShown), peak }));
      } catch {} // then the next kernel has nothing to say
    };
    note();
    timer = setInterval(note, millisecondsBetween);
    timer.unref();
  }

  function ends() {
    clearInterval(timer);
    fs.rmSync(file, { force: true });
  }
  process.on('exit', ends); // as it was told to

  return {
    begins,
    ends,
    /** Of the kernel before, once; undefined where there was none, or it came to its end between two cells. */
    told() {
      const text = before;
      before = undefined;
      return text;
    },
  };
}

/** @param {string} file @returns {string | undefined} */
function lastWords(file) {
  try {
    const { number, line, peak } = JSON.parse(fs.readFileSync(file, 'utf8'));
    fs.rmSync(file, { force: true });
    const [taken, all] = [peak, memoryBytes()].map((bytes) => (bytes / 2 ** 30).toFixed(1));
    return `The kernel came to its end while cell [${number}] ran (${line}); it had taken up to ${taken} of ${all} GB. Where that is nearly all, the system has killed it: a smaller batchSize needs less. Run the cells again from the first: trainings go on from what was reached.`;
  } catch {
    return undefined;
  }
}

module.exports = { watchCells };
