import assert from 'node:assert/strict';
import { test } from 'node:test';

import { halfNormalization } from '../../lib/data/normalization';
import { transformBatch, transformFor, type ImageExpectation } from '../../lib/data/transform';
import { createRandom } from '../../lib/random';
import { resizedInput, zeroPaddedInput } from '../../lib/training/input-transforms';
import { userError } from '../data/user-error';

const expected: ImageExpectation = { ...halfNormalization, interpolation: 'bicubic', cropFraction: 0.9 };

function images(count: number, size: number, channels = 3): Uint8Array {
  const random = createRandom(3, 'images', size);
  return Uint8Array.from({ length: count * size * size * channels }, () => random.integer(256));
}

test('images are resized and cut as timm does, in threads where they are large', async () => {
  for (const [from, to] of [
    [28, 28],
    [28, 112],
  ]) {
    const input = resizedInput(expected, { height: to, width: to });
    const bytes = images(5, from);
    const shape = [5, from, from, 3] as const;
    const made = await input.apply(bytes, shape);
    assert.deepEqual(made, transformBatch(bytes, shape, transformFor(expected, { height: to, width: to })));
    assert.equal(input.key, `bicubic ${to}×${to}, crop 0.9`);
    // One image alone, where there are more threads than images, and again.
    assert.deepEqual(
      await input.apply(bytes.slice(0, from * from * 3), [1, from, from, 3]),
      made.slice(0, to * to * 3),
    );
  }
});

test('the whole image at its own size stays as it is', async () => {
  const bytes = images(2, 28);
  const input = resizedInput({ ...expected, cropFraction: 1 }, { height: 28, width: 28 });
  assert.equal(await input.apply(bytes, [2, 28, 28, 3]), bytes);
  assert.equal(await zeroPaddedInput(halfNormalization, { height: 28, width: 28 }).apply(bytes, [2, 28, 28, 3]), bytes);
});

test('padding puts the image in the middle of black', async () => {
  const bytes = Uint8Array.from([1, 2, 3, 4, 11, 12, 13, 14]); // two grey images of 2×2
  const input = zeroPaddedInput(halfNormalization, { height: 5, width: 4 });
  const made = [...(await input.apply(bytes, [2, 2, 2, 1]))];
  // prettier-ignore
  const first = [0, 0, 0, 0,  0, 1, 2, 0,  0, 3, 4, 0,  0, 0, 0, 0,  0, 0, 0, 0];
  assert.deepEqual(made.slice(0, 20), first);
  assert.deepEqual(
    made.slice(20),
    first.map((value) => (value === 0 ? 0 : value + 10)),
  );
  const color = zeroPaddedInput(halfNormalization, { height: 1, width: 3 });
  assert.deepEqual([...(await color.apply(Uint8Array.of(7, 8, 9), [1, 1, 1, 3]))], [0, 0, 0, 7, 8, 9, 0, 0, 0]);
});

test('images that are larger than the input are not padded', () => {
  const input = zeroPaddedInput(halfNormalization, { height: 64, width: 64 });
  assert.throws(
    () => input.apply(new Uint8Array(128 * 64 * 3), [1, 128, 64, 3]),
    userError(/^Images of 128×64 pixels do not fit into an input of 64×64/),
  );
});
