import assert from 'node:assert/strict';
import { test } from 'node:test';
import { overlapping } from '../../lib/cli/overlapping';

/** Tells what happens, and lets the test say when the second part of an item ends. */
function recorded() {
  const events: string[] = [];
  const ends = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  const work = async (item: string, onFirstPart: () => void): Promise<void> => {
    events.push(`${item} begins`);
    await new Promise(setImmediate);
    if (item.startsWith('broken')) throw new Error(item);
    const secondPart = new Promise<void>((resolve, reject) => ends.set(item, { resolve, reject }));
    onFirstPart();
    await secondPart;
    events.push(`${item} ends`);
  };
  const endOf = async (item: string) => {
    for (;;) {
      const end = ends.get(item);
      if (end !== undefined) return end;
      await new Promise(setImmediate);
    }
  };
  return { events, work, endOf };
}

test('the next begins while the second part of the one before is under way', async () => {
  const { events, work, endOf } = recorded();
  const all = overlapping(['a', 'b', 'c'], work);
  await endOf('b');
  assert.deepEqual(events.slice(0, 2), ['a begins', 'b begins']);
  for (const item of ['c', 'b', 'a']) (await endOf(item)).resolve();
  await all;
  assert.deepEqual(events, ['a begins', 'b begins', 'c begins', 'c ends', 'b ends', 'a ends']);
});

test('what fails in its first part ends the row, and the second part before it comes to its end', async () => {
  const { events, work, endOf } = recorded();
  const all = overlapping(['a', 'broken', 'c'], work);
  const failed = assert.rejects(all, { message: 'broken' });
  const { resolve } = await endOf('a');
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  assert.deepEqual(events, ['a begins', 'broken begins']);
  resolve();
  await failed;
  assert.deepEqual(events, ['a begins', 'broken begins', 'a ends']);
});

test('where a second part fails, what has begun comes to its end and no other begins', async () => {
  const events: string[] = [];
  let openGate: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (openGate = resolve));
  const all = overlapping(['a', 'b', 'c'], async (item, onFirstPart) => {
    events.push(`${item} begins`);
    if (item === 'b') await gate;
    onFirstPart();
    await new Promise(setImmediate);
    if (item === 'a') throw new Error('no page');
    events.push(`${item} ends`);
  });
  const failed = assert.rejects(all, { message: 'no page' });
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  assert.deepEqual(events, ['a begins', 'b begins']);
  openGate();
  await failed;
  assert.deepEqual(events, ['a begins', 'b begins', 'b ends']);
});

test('work that never tells of its first part is done one by one', async () => {
  const events: string[] = [];
  await overlapping(['a', 'b'], async (item) => {
    events.push(`${item} begins`);
    await new Promise(setImmediate);
    events.push(`${item} ends`);
  });
  assert.deepEqual(events, ['a begins', 'a ends', 'b begins', 'b ends']);
  await overlapping([], () => assert.fail());
});
