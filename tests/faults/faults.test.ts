import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faults, injectFaults, type Fault } from './harness';

test('of some faults of each kind, seeded, nothing is lost and nothing silently wrong', async () => {
  const { injected, skipped } = await injectFaults({ seed: 1, count: 8, kills: 3 });
  for (const fault of Object.keys(faults) as Fault[]) {
    const ofKind = injected.filter((one) => one.fault === fault);
    assert.ok(ofKind.length >= 3 || skipped[fault] !== undefined, fault);
  }
  const bad = injected.filter(({ outcome }) => outcome === 'lost' || outcome === 'silent');
  assert.deepEqual(bad, []);
});
