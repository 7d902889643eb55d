import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faults, injectFaults } from './harness';

test('of some faults of each kind, seeded, nothing is lost and nothing silently wrong', async () => {
  const reports = await injectFaults({ seed: 1, count: 8 });
  for (const fault of Object.keys(faults) as (keyof typeof faults)[]) {
    const report = reports[fault];
    assert.deepEqual(report?.bad, [], fault);
    assert.ok(report.injected >= 3 || report.skipped !== undefined, fault);
  }
});
