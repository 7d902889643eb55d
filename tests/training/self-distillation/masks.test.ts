import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../../lib/random';
import { drawMasks } from '../../../lib/training/self-distillation/masks';

describe('masks', () => {
  it('hide as many patches of as many images as asked for, and say which', () => {
    const [images, rows, columns] = [40, 8, 6];
    const { masked, positions, weights } = drawMasks(
      images,
      [rows, columns],
      { share: 0.5, ratio: [0.1, 0.5] },
      createRandom(1),
    );
    const counts = Array.from({ length: images }, (_, image) =>
      masked.subarray(image * rows * columns, (image + 1) * rows * columns).reduce((sum, value) => sum + value, 0),
    );
    assert.equal(counts.filter((count) => count > 0).length, 20);
    assert.ok(Math.max(...counts) <= 24 && Math.max(...counts) > 12, counts.join(', '));
    assert.deepEqual(
      [...positions],
      [...masked.keys()].filter((at) => masked[at] === 1),
    );
    positions.forEach((position, index) =>
      assert.equal(weights[index], Math.fround(1 / counts[Math.floor(position / (rows * columns))])),
    );
  });

  it('are other ones with another seed, and none where none are wanted', () => {
    const draw = (seed: number, share = 1) => drawMasks(4, [4, 4], { share, ratio: [0.3, 0.3] }, createRandom(seed));
    assert.deepEqual(draw(1), draw(1));
    assert.notDeepEqual(draw(1).masked, draw(2).masked);
    assert.equal(draw(1, 0).positions.length, 0);
  });
});
