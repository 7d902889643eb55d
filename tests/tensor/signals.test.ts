import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { tf } from '../../lib/tf';

/** Of /proc: what threads are called and which signals they block is told by Linux only. */
const skip = process.platform !== 'linux';

/** Signals that a notebook, a terminal, a child process or a profiler causes. */
const names = ['SIGINT', 'SIGTERM', 'SIGCHLD', 'SIGWINCH', 'SIGUSR2', 'SIGPROF'] as const;
const mask = names.reduce((bits, name) => bits | (1n << BigInt(constants.signals[name] - 1)), 0n);

function blockedBy(status: string): bigint {
  return BigInt(`0x${/^SigBlk:\s*(\w+)$/m.exec(status)?.[1] ?? ''}`);
}

/** A thread that looks at the main one and sets `seen` to 1 once that blocks the signals; something else in `seen` ends it before. */
const watching = `
  const { parentPort, workerData: { path, mask, seen } } = require('node:worker_threads');
  const { readFileSync } = require('node:fs');
  parentPort.postMessage('ready');
  while (Atomics.load(seen, 0) === 0) {
    const blocked = BigInt('0x' + /^SigBlk:\\s*(\\w+)$/m.exec(readFileSync(path, 'utf8'))[1]);
    if ((blocked & mask) === mask) Atomics.store(seen, 0, 1);
  }
`;

describe('a signal', { skip }, () => {
  it('does not reach the threads of TensorFlow', () => {
    tf.ones([8]).dispose();
    const threads = readdirSync('/proc/self/task')
      .map((thread) => readFileSync(`/proc/self/task/${thread}/status`, 'utf8'))
      .filter((status) => /^Name:\s*tf_/m.test(status));
    assert.ok(threads.length > 0);
    for (const status of threads) assert.equal(blockedBy(status) & mask, mask);
  });

  it('reaches the main thread between operations only', async () => {
    const seen = new Int32Array(new SharedArrayBuffer(4));
    const path = `/proc/self/task/${process.pid}/status`;
    const watcher = new Worker(watching, { eval: true, execArgv: [], workerData: { path, mask, seen } });
    const ended = new Promise((resolve) => watcher.once('exit', resolve));
    await new Promise((resolve) => watcher.once('message', resolve));
    tf.tidy(() => {
      const factor = tf.ones([1024, 1024]);
      for (let product = 0; product < 100 && Atomics.load(seen, 0) === 0; product++) factor.matMul(factor).dispose();
    });
    assert.equal(Atomics.exchange(seen, 0, 2), 1, 'during an operation, the main thread handles signals');
    await ended;
    const still = blockedBy(readFileSync(path, 'utf8')) & mask;
    assert.equal(still, 0n, 'after an operation, the main thread does not handle signals');
  });

  it('leaves memory whole, however often it comes during a training', () => {
    const folder = mkdtempSync(join(tmpdir(), 'signals-'));
    try {
      const program = join(__dirname, 'signalled-training.ts');
      const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', program, folder], {
        encoding: 'utf8',
      });
      assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr);
      const { epochs, signals } = JSON.parse(stdout) as { epochs: number; signals: number };
      assert.equal(epochs, 2);
      assert.ok(signals > 0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
