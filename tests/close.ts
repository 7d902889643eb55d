import assert from 'node:assert/strict';

/** Asserts that no value differs by more than `tolerance` times the largest expected one. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  assert.equal(actual.length, expected.length, `${what}: number of values`);
  let largest = 0;
  for (let index = 0; index < expected.length; index++) largest = Math.max(largest, Math.abs(expected[index]));
  for (let index = 0; index < expected.length; index++) {
    // Written so that NaN fails.
    if (Math.abs(actual[index] - expected[index]) <= tolerance * largest) continue;
    assert.fail(`${what}: value ${index} is ${actual[index]}, expected ${expected[index]} (largest ${largest})`);
  }
}
