import assert from 'node:assert/strict';
import { test } from 'node:test';

import { splitNames } from '../../lib/data/dataset';
import { subsetOf, type SegmentationSplit } from '../../lib/data/segmentation-dataset';
import { drawSplits, nestedSubset } from '../../lib/data/splits';
import { userError } from './user-error';

const ids = Array.from({ length: 100 }, (_, index) => `ISIC_${index}`);

test('each id is in exactly one split, whatever order they come in', () => {
  const splits = drawSplits(ids, { seed: 1 });
  assert.deepEqual(
    splitNames.map((name) => splits[name].length),
    [70, 10, 20],
  );
  assert.deepEqual([...splits.train, ...splits.val, ...splits.test].sort(), [...ids].sort());
  for (const name of splitNames) assert.deepEqual(splits[name], [...splits[name]].sort());
  assert.deepEqual(drawSplits([...ids].reverse(), { seed: 1 }), splits);
  assert.notDeepEqual(drawSplits(ids, { seed: 2 }), splits);
});

test('the test images do not depend on how the rest is divided', () => {
  const fractions = { train: 0.5, val: 0.3, test: 0.2 };
  assert.deepEqual(drawSplits(ids, { seed: 1, fractions }).test, drawSplits(ids, { seed: 1 }).test);
});

test('no split that is wanted is empty, and one that is not has nothing', () => {
  for (let count = 3; count < 12; count++) {
    const splits = drawSplits(ids.slice(0, count), { seed: 1 });
    for (const name of splitNames) assert.ok(splits[name].length > 0, `${count} ids, ${name}`);
  }
  const fractions = { train: 0.9, val: 0.1, test: 0 };
  assert.deepEqual(drawSplits(ids, { seed: 1, fractions }).test, []);
  assert.throws(
    () => drawSplits(['a', 'b'], { seed: 1 }),
    userError(/^2 images cannot be divided into train, val, test/),
  );
  const wrong = { train: 0.9, val: 0.2, test: 0.2 };
  assert.throws(
    () => drawSplits(ids, { seed: 1, fractions: wrong }),
    userError(/train 0\.9, val 0\.2, test 0\.2; they must/),
  );
});

test('subsets of one draw are nested, and draws differ', () => {
  for (const draw of [0, 1, 2]) {
    const sizes = [10, 20, 40, 80, 160, 2000];
    const subsets = sizes.map((size) => [...nestedSubset(2000, size, { seed: 9, draw })]);
    subsets.forEach((subset, at) => {
      assert.equal(new Set(subset).size, sizes[at]);
      assert.deepEqual(
        subset,
        [...subset].sort((a, b) => a - b),
      );
      if (at > 0)
        assert.ok(
          subsets[at - 1].every((index) => subset.includes(index)),
          `${sizes[at]}`,
        );
    });
    assert.deepEqual([...nestedSubset(2000, 10, { seed: 9, draw })], subsets[0]);
  }
  const ofDraw = (draw: number): string => nestedSubset(2000, 10, { seed: 9, draw }).join();
  assert.notEqual(ofDraw(0), ofDraw(1));
  assert.equal([...nestedSubset(2000, 10, { seed: 9 })].join(), ofDraw(0));
  for (const size of [0, 11, 2.5])
    assert.throws(
      () => nestedSubset(10, size, { seed: 1 }),
      userError(/cannot be taken from 10: give a whole number from 1 to 10/),
    );
});

test('the subset of a split reads what the split reads', () => {
  const asked: number[][] = [];
  const note = (indices: ArrayLike<number>): void => void asked.push(Array.from(indices));
  const split: SegmentationSplit = {
    name: 'train',
    count: 100,
    ids,
    readImages: note,
    readMasks: note,
    nativeMask: (index) => ({ height: 1, width: 1, pixels: Uint8Array.of(index) }),
  };
  const subset = subsetOf(split, [4, 50, 7]);
  assert.deepEqual([subset.name, subset.count, ...subset.ids], ['train', 3, 'ISIC_4', 'ISIC_50', 'ISIC_7']);
  subset.readImages([2, 0], new Uint8Array());
  subset.readMasks([1], new Uint8Array());
  assert.deepEqual(asked, [[7, 4], [50]]);
  assert.equal(subset.nativeMask(1).pixels[0], 50);
  assert.throws(() => subsetOf(split, [100]), /train has 100 images, so there is no image 100/);
});
