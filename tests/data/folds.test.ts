import assert from 'node:assert/strict';
import { test } from 'node:test';

import { splitNames, type Dataset, type Split, type SplitName } from '../../lib/data/dataset';
import { foldOf, segmentationFoldOf } from '../../lib/data/folds';
import type { SegmentationDataset, SegmentationSplit } from '../../lib/data/segmentation-dataset';
import { userError } from './user-error';

const counts = { train: 60, val: 12, test: 28 };
/** The number of an image, which is also its only pixel. */
const start = { train: 0, val: 60, test: 72 };
const label = (image: number): number => (image % 10 === 0 ? 2 : image % 2);
const patient = (image: number): string => `p${Math.floor(image / 4)}`;

function dataset({ grouped = false, several = false } = {}): Dataset {
  const split = (name: SplitName): Split => {
    const images = Array.from({ length: counts[name] }, (_, index) => start[name] + index);
    const rows = several ? images.flatMap((image) => [image % 2, image % 3 === 0 ? 1 : 0]) : images.map(label);
    return {
      name,
      count: counts[name],
      labels: Int32Array.from(rows),
      labelWidth: several ? 2 : 1,
      ...(grouped && { groups: images.map(patient) }),
      weights: Float32Array.from(images),
      readImages: (indices, target) => target.set(Array.from(indices, (index) => images[index])),
    };
  };
  return {
    name: 'toy',
    title: 'Toy',
    height: 1,
    width: 1,
    channels: 1,
    task: several ? 'multi-label' : 'multi-class',
    classNames: several ? ['x', 'y'] : ['a', 'b', 'c'],
    splits: { train: split('train'), val: split('val'), test: split('test') },
    sha256: 'toy',
    synthetic: true,
    license: '',
    citation: '',
    close: () => undefined,
  };
}

function imagesOf({ splits }: Pick<Dataset, 'splits'>, name: SplitName): number[] {
  const { count, readImages } = splits[name];
  const target = new Uint8Array(count);
  readImages(
    Array.from({ length: count }, (_, index) => index),
    target,
  );
  return [...target];
}

test('every image is tested once, with its label, and stratified by class', () => {
  const tested = [0, 1, 2, 3, 4].flatMap((fold) => {
    const folded = foldOf(dataset(), { folds: 5, fold, seed: 3 });
    const all = splitNames.flatMap((name) => imagesOf(folded, name));
    assert.deepEqual(
      [...all].sort((a, b) => a - b),
      Array.from({ length: 100 }, (_, image) => image),
    );
    for (const name of splitNames) {
      const images = imagesOf(folded, name);
      assert.deepEqual([...folded.splits[name].labels], images.map(label));
      assert.deepEqual([...(folded.splits[name].weights ?? [])], images);
    }
    assert.deepEqual(
      splitNames.map((name) => folded.splits[name].count),
      [70, 10, 20],
    );
    assert.deepEqual(
      [0, 1, 2].map((each) => imagesOf(folded, 'test').filter((image) => label(image) === each).length),
      [8, 10, 2],
    );
    assert.match(folded.notes?.[0] ?? '', new RegExp(`^fold ${fold + 1} of 5: .* 20 are tested here`));
    return imagesOf(folded, 'test');
  });
  assert.deepEqual(
    tested.sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, image) => image),
  );
});

test('folds never part a group', () => {
  for (let fold = 0; fold < 4; fold++) {
    const folded = foldOf(dataset({ grouped: true }), { folds: 4, fold });
    const patients = splitNames.map((name) => new Set(imagesOf(folded, name).map(patient)));
    assert.equal(
      patients.reduce((sum, { size }) => sum + size, 0),
      25,
    );
    assert.deepEqual(folded.splits.test.groups, imagesOf(folded, 'test').map(patient));
  }
});

test('several labels an image are spread too', () => {
  for (let fold = 0; fold < 5; fold++) {
    const { splits } = foldOf(dataset({ several: true }), { folds: 5, fold });
    const positives = [0, 1].map(
      (column) => splits.test.labels.filter((value, at) => at % 2 === column && value === 1).length,
    );
    assert.deepEqual([splits.test.labelWidth, positives[0]], [2, 10]);
    assert.ok(Math.abs(positives[1] - 34 / 5) < 1.5, String(positives[1]));
  }
});

test('a fold has an identity of its own', () => {
  const hash = (options: Partial<Parameters<typeof foldOf>[1]>): string =>
    foldOf(dataset(), { folds: 5, fold: 0, ...options }).sha256;
  assert.equal(hash({}), hash({ seed: 0 }));
  const others = [{ fold: 1 }, { folds: 4 }, { seed: 1 }, { validation: 0.2 }].map(hash);
  assert.equal(new Set([hash({}), 'toy', ...others]).size, 6);
  assert.throws(() => hash({ folds: 1 }), userError(/^folds is 1, but must be a whole number, 2 or more/));
  assert.throws(() => hash({ fold: 5 }), userError(/^fold is 5, but must be a whole number from 0 to 4/));
  assert.throws(() => hash({ validation: 1 }), userError(/^validation is 1, but must be above 0 and below 1/));
  assert.throws(
    () => hash({ folds: 101 }),
    userError(/^100 images cannot be divided into fold 0, .*at least 101 are needed/),
  );
});

test('images with masks are divided likewise, those without a lesion evenly', () => {
  const empty = (image: number): boolean => image % 5 === 0;
  const split = (name: SplitName): SegmentationSplit => {
    const images = Array.from({ length: counts[name] }, (_, index) => start[name] + index);
    return {
      name,
      count: counts[name],
      ids: images.map((image) => `image${String(image).padStart(3, '0')}`),
      groups: images.map(patient),
      readImages: (indices, target) => target.set(Array.from(indices).flatMap((index) => [images[index], 0, 0])),
      readMasks: (indices, target) => target.set(Array.from(indices, (index) => Number(!empty(images[index])))),
      nativeMask: (index) => ({ height: 1, width: 1, pixels: Uint8Array.of(images[index]) }),
    };
  };
  const whole = {
    ...dataset(),
    splits: { train: split('train'), val: split('val'), test: split('test') },
    origins: {},
    notes: [],
    broken: [],
  } as unknown as SegmentationDataset;
  const tested = [0, 1, 2, 3, 4].flatMap((fold) => {
    const { splits, origins } = segmentationFoldOf(whole, { folds: 5, fold, seed: 1 });
    assert.deepEqual(origins, { train: 'drawn', val: 'drawn', test: 'drawn' });
    const { ids, readImages, readMasks, nativeMask, count, groups } = splits.test;
    const numbers = ids.map((id) => Number(id.slice(5)));
    assert.ok(Math.abs(numbers.filter(empty).length - 4) <= 1);
    const [pixels, masks] = [new Uint8Array(3 * count), new Uint8Array(count)];
    readImages([...numbers.keys()], pixels);
    readMasks([...numbers.keys()], masks);
    assert.deepEqual(
      [...pixels].filter((_, at) => at % 3 === 0),
      numbers,
    );
    assert.deepEqual(
      [...masks],
      numbers.map((image) => Number(!empty(image))),
    );
    assert.deepEqual(
      numbers.map((_, index) => nativeMask(index).pixels[0]),
      numbers,
    );
    assert.deepEqual(groups, numbers.map(patient));
    const elsewhere = new Set([...splits.train.ids, ...splits.val.ids].map((id) => patient(Number(id.slice(5)))));
    assert.ok(!numbers.some((image) => elsewhere.has(patient(image))));
    return numbers;
  });
  assert.equal(new Set(tested).size, 100);
});
