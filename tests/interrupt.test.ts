import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { interruptible } from '../lib/interrupt';

/** Resolves when the signal has been delivered, at the latest. */
async function stop(): Promise<void> {
  process.kill(process.pid, 'SIGINT');
  await new Promise((resolve) => setTimeout(resolve, 50));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
}

describe('interruptible', () => {
  // What the kernel does of itself; without it, a signal too many would end this process.
  let calls: string[] = [];
  const kernel = [() => calls.push('first'), () => calls.push('second')];
  let others: NodeJS.SignalsListener[] = [];

  before(() => {
    others = process.listeners('SIGINT');
    for (const listener of kernel) process.on('SIGINT', listener);
  });
  after(() => {
    for (const listener of kernel) process.removeListener('SIGINT', listener);
  });
  afterEach(async () => {
    assert.deepEqual(process.listeners('SIGINT'), [...others, ...kernel]);
    calls = [];
    await stop();
    assert.deepEqual(calls, ['first', 'second'], 'the kernel does not hear of stops any more');
    calls = [];
  });

  it('returns what the task returns', async () => {
    const result = await interruptible(async (signal) => {
      await new Promise(setImmediate);
      return { aborted: signal.aborted };
    });
    assert.deepEqual(result, { aborted: false });
    assert.deepEqual(calls, []);
  });

  it('ends the task softly: its signal is aborted, and its result comes', async () => {
    const result = await interruptible(async (signal) => {
      assert.equal(signal.aborted, false);
      setImmediate(() => void stop());
      await aborted(signal);
      return 'what was reached';
    });
    assert.equal(result, 'what was reached');
    assert.deepEqual(calls, [], 'the kernel would have failed the cell');
  });

  it('ends hard at the second stop', async () => {
    let signals = 0;
    const endless = interruptible(async (signal) => {
      signal.addEventListener('abort', () => signals++);
      await new Promise(() => undefined);
    });
    let settled = false;
    const outcome = endless.then(
      () => undefined,
      (error: Error) => {
        settled = true;
        return error.message;
      },
    );
    await new Promise(setImmediate);
    await stop();
    assert.deepEqual([signals, settled], [1, false]);
    await stop();
    assert.equal(await outcome, 'Stopped.');
    assert.deepEqual([signals, calls], [1, []]);
  });

  it('gives a listener for one signal back as that', async () => {
    let heard = 0;
    process.once('SIGINT', () => heard++);
    await interruptible(async (signal) => {
      setImmediate(() => void stop());
      await aborted(signal);
    });
    assert.equal(heard, 0);
    await stop();
    await stop();
    assert.equal(heard, 1);
  });

  it('passes on the error of the task', async () => {
    const failing = interruptible(async () => {
      await new Promise(setImmediate);
      throw new Error('on purpose');
    });
    await assert.rejects(failing, /on purpose/);
    await assert.rejects(
      interruptible(() => {
        throw new Error('at once');
      }),
      /at once/,
    );
  });

  it('has a signal of its own for each task', async () => {
    const first = await interruptible(async (signal) => {
      setImmediate(() => void stop());
      await aborted(signal);
      return signal;
    });
    const second = await interruptible(async (signal) => signal);
    assert.deepEqual([first.aborted, second.aborted], [true, false]);
  });
});
