import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inLanes, type LaneOptions } from '../../lib/cli/lanes';

/** Each item's work takes as many turns of the event loop as it is long; what begins and ends is told in order. */
async function told(items: readonly string[], options: LaneOptions<string>): Promise<string[]> {
  const events: string[] = [];
  const work = async (item: string): Promise<void> => {
    events.push(`${item} begins`);
    for (let turn = 0; turn < 10 * item.length; turn++) await new Promise(setImmediate);
    if (item.startsWith('x')) throw new Error(item);
    events.push(`${item} ends`);
  };
  await inLanes(items, work, options).catch((error: Error) => events.push(`failed: ${error.message}`));
  return events;
}

test('the next begins when a lane is free, in the order of the items', async () => {
  assert.deepEqual(await told(['aaaa', 'b', 'c'], { lanes: 2 }), [
    ...['aaaa begins', 'b begins', 'b ends', 'c begins', 'c ends', 'aaaa ends'],
  ]);
  assert.deepEqual(await told(['aaaa', 'b'], { lanes: 1 }), ['aaaa begins', 'aaaa ends', 'b begins', 'b ends']);
  assert.deepEqual(await told([], { lanes: 2 }), []);
});

test('what needs another waits for it, while what needs nothing is done', async () => {
  const after = (item: string): string[] => (item === 'c' ? ['aaaa', 'not among them'] : []);
  assert.deepEqual(await told(['aaaa', 'c', 'b'], { lanes: 2, after }), [
    ...['aaaa begins', 'b begins', 'b ends', 'aaaa ends', 'c begins', 'c ends'],
  ]);
});

test('where one fails, what has begun comes to its end and no other begins', async () => {
  assert.deepEqual(await told(['aaaa', 'x', 'xx', 'b'], { lanes: 2 }), [
    ...['aaaa begins', 'x begins', 'aaaa ends', 'failed: x'],
  ]);
});

test('one at least is done at a time, however little memory there is', async () => {
  assert.deepEqual(await told(['a', 'b'], { bytesEach: 1e15 }), ['a begins', 'a ends', 'b begins', 'b ends']);
});
