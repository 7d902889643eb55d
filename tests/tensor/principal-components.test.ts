import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { principalComponents } from '../../lib/tensor/principal-components';
import { tf } from '../../lib/tf';
import { assertClose } from '../close';

interface Golden {
  count: number;
  width: number;
  kept: number;
  rows: number[];
  components: number[];
  scores: number[];
  explained: number[];
}

const { components: cases }: { components: Golden[] } = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/token_maps.json'), 'utf8'),
);

for (const golden of cases) {
  test(`components equal numpy’s: ${golden.count} rows of ${golden.width}`, () => {
    const rows = Float32Array.from(golden.rows);
    const before = tf.memory().numTensors;
    const found = principalComponents(rows, golden.width, golden.kept);
    assert.equal(tf.memory().numTensors, before);
    assertClose(found.components, golden.components, 2e-5, 'components');
    assertClose(found.scores, golden.scores, 2e-5, 'scores');
    assertClose(found.explained, golden.explained, 1e-5, 'explained');
    assert.deepEqual(rows, Float32Array.from(golden.rows), 'the rows are the caller’s');
  });
}

test('rows that do not vary have scores of 0', () => {
  const { scores } = principalComponents(new Float32Array(12).fill(2), 3, 2);
  assert.deepEqual([...scores].map(Math.abs), new Array(8).fill(0));
});

test('too few rows and too many components are refused', () => {
  assert.throws(() => principalComponents(new Float32Array(3), 3, 1), /3 values are not two or more rows of 3/);
  assert.throws(() => principalComponents(new Float32Array(7), 3, 1), /7 values are not two or more rows of 3/);
  for (const kept of [0, 4, 1.5])
    assert.throws(() => principalComponents(new Float32Array(6), 3, kept), /There are no .* components/);
});
