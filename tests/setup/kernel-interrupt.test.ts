import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../../lib/paths';

const rounds = 300;
/** Runs scripts that a signal may end, says when it is in the middle of one, and counts what came of the signals. */
const scripts = `
const { writeSync } = require('node:fs');
const vm = require('node:vm');
const { onInterrupt } = require(${JSON.stringify(join(projectRoot, 'lib/setup/kernel-interrupt.cjs'))});
const count = { heard: 0, ended: 0 };
onInterrupt(() => count.heard++);
globalThis.say = () => writeSync(1, 'running\\n');
const script = new vm.Script('say(); for (let i = 0; i < 3000; i++);');
setTimeout(async () => {
  for (let round = 1; round <= ${rounds}; round++) {
    try {
      script.runInThisContext({ breakOnSigint: true });
    } catch (error) {
      if (error.code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw error;
      count.ended++;
    }
    // Two signals at once may be one to the system.
    while (count.heard + count.ended < round) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  writeSync(1, JSON.stringify(count));
  process.exit(0);
}, 500);`;

test('a stop at the moment at which a script of a cell ends does not end the kernel', async () => {
  const child = spawn(process.execPath, ['--eval', scripts], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (piece: Buffer) => {
    output += piece.toString();
    if (piece.toString().includes('running')) child.kill('SIGINT');
  });
  const [code, signal] = await new Promise<unknown[]>((resolve) => child.on('close', (...ended) => resolve(ended)));
  assert.deepEqual([code, signal], [0, null]);
  const { heard, ended } = JSON.parse(output.replaceAll('running\n', '')) as Record<'heard' | 'ended', number>;
  assert.equal(heard + ended, rounds, `${heard} heard, ${ended} ended a script`);
});
