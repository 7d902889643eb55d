import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { take } from '../../lib/data/take';
import { dataIdentity, splitsHash } from '../../lib/runs/identity';
import { toySegmentation } from '../training/toy-segmentation';
import { userError } from './user-error';

const data = toySegmentation({ counts: { train: 40, val: 8, test: 5 } });

describe('a part of a dataset', () => {
  it('has nested training images for each seed and draw, and all test images', () => {
    const ids = (train: number, seed: number, draw = 0) => new Set(take(data, { train, seed, draw }).splits.train.ids);
    for (const draw of [0, 1]) {
      const [small, large] = [ids(5, 3, draw), ids(20, 3, draw)];
      assert.deepEqual([small.size, large.size], [5, 20]);
      assert.ok([...small].every((id) => large.has(id)));
    }
    assert.notDeepEqual(ids(5, 3), ids(5, 3, 1));
    assert.notDeepEqual(ids(5, 3), ids(5, 4));
    const { splits } = take(data, { train: 5, val: 2, seed: 3 });
    assert.deepEqual([splits.val.count, splits.test], [2, data.splits.test]);
    const pixels = new Uint8Array(data.height * data.width);
    const expected = new Uint8Array(pixels.length);
    splits.train.readMasks([4], pixels);
    data.splits.train.readMasks([data.splits.train.ids.indexOf(splits.train.ids[4])], expected);
    assert.deepEqual(pixels, expected);
  });

  it('has an identity of its own, and says what it was taken from', () => {
    const parts = [
      take(data, { train: 5, seed: 3 }),
      take(data, { train: 5, seed: 4 }),
      take(data, { train: 5, val: 2, seed: 3 }),
    ];
    const identities = [data, ...parts].map((one) => JSON.stringify(dataIdentity(one)));
    assert.equal(new Set(identities).size, 4);
    assert.equal(splitsHash(take(data, { seed: 9 })), splitsHash(data));
    assert.equal(take(parts[0], { train: 2, seed: 1 }).whole, data);
  });

  it('is refused where there are not as many images', () => {
    assert.throws(
      () => take(data, { train: 41, seed: 1 }),
      userError(/^train is 41, but squares has 40 such images: give a whole number from 1 to 40/),
    );
    assert.throws(() => take(data, { val: 0, seed: 1 }), userError(/^val is 0/));
    assert.throws(() => take(data, { train: 1.5, seed: 1 }), userError(/^train is 1\.5/));
  });
});
