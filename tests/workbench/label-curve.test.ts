import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fewLabelled, takeFew } from '../../lib/data/few-labels';
import { tf } from '../../lib/tf';
import { labelChart, labelCurve, pixelFeatures } from '../../lib/workbench/label-curve';
import { userError } from '../data/user-error';
import { cells } from '../studies/cells';

test('a few images of each class are chosen by the seed, nested, and all of a class that has no more', () => {
  const labels = Int32Array.from({ length: 40 }, (_, index) => (index < 3 ? 2 : index % 2));
  const split = { labels, labelWidth: 1 };
  const of = (perClass: number, seed = 1) => [...fewLabelled(split, { perClass, seed })];
  const counts = (indices: number[]) =>
    [0, 1, 2].map((label) => indices.filter((index) => labels[index] === label).length);
  assert.deepEqual(
    [1, 2, 5].map((perClass) => counts(of(perClass))),
    [
      [1, 1, 1],
      [2, 2, 2],
      [5, 5, 3],
    ],
  );
  assert.ok(of(2).every((index) => of(5).includes(index)));
  assert.deepEqual(
    of(5),
    [...of(5)].sort((a, b) => a - b),
  );
  assert.notDeepEqual(of(5), of(5, 2));
  assert.throws(() => of(0), userError(/^perClass is 0, but must be a whole number from 1/));
  assert.throws(() => fewLabelled({ labels, labelWidth: 2 }, { perClass: 1, seed: 1 }), userError(/one class/));
});

test('such data have those images and no others, another identity, and the same test images', () => {
  const data = cells();
  const few = takeFew(data, { perClass: 2, seed: 3 });
  const indices = fewLabelled(data.splits.train, { perClass: 2, seed: 3 });
  assert.deepEqual([few.splits.train.count, few.splits.test], [6, data.splits.test]);
  assert.notEqual(few.sha256, data.sha256);
  assert.match(takeFew(data, { perClass: 1, seed: 3 }).title, /, 1 image a class$/);
  assert.notEqual(few.sha256, takeFew(data, { perClass: 2, seed: 4 }).sha256);
  const bytes = 28 * 28 * 3;
  const [own, whole] = [new Uint8Array(bytes), new Uint8Array(bytes)];
  few.splits.train.readImages([4], own);
  data.splits.train.readImages([indices[4]], whole);
  assert.deepEqual(own, whole);
  assert.equal(few.splits.train.labels[4], data.splits.train.labels[indices[4]]);
  const repeated = takeFew(data, { perClass: 2, seed: 3, atLeast: 13 });
  assert.equal(repeated.splits.train.count, 18, 'each comes three times');
  repeated.splits.train.readImages([16], own);
  assert.deepEqual([own, repeated.splits.train.labels[16]], [whole, few.splits.train.labels[4]]);
  assert.notEqual(repeated.sha256, few.sha256);
});

test('a curve has an accuracy for each seed, and leaves nothing on the device', async () => {
  const before = tf.memory().numTensors;
  const budget = { perClass: [1, 8], seeds: [1, 2, 3] };
  const curve = (await labelCurve(pixelFeatures(cells()), budget)) ?? [];
  assert.deepEqual(
    curve.map(({ perClass, accuracies }) => [perClass, accuracies.length]),
    [
      [1, 3],
      [8, 3],
    ],
  );
  assert.ok(
    curve[1].accuracies.every((accuracy) => accuracy > 0.9),
    'brightness tells the classes',
  );
  assert.equal(await labelCurve(undefined, budget), undefined);
  assert.equal(tf.memory().numTensors, before);
  const { figure } = labelChart({ pixels: curve, stopped: undefined });
  assert.equal(figure.data.length, 1);
});
