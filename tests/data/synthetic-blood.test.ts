import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { SplitName } from '../../lib/data/dataset';
import {
  renderBloodCell,
  syntheticBloodClasses,
  syntheticBloodCounts,
  syntheticBloodLabels,
} from '../../lib/data/synthetic-blood';
import { UserError } from '../../lib/errors';

const classIndices = syntheticBloodClasses.map((_, index) => index);
const cell = { classIndex: 6, size: 28, seed: 42, split: 'train', index: 0 } as const;

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Mean over blocks of factor × factor pixels, a number a channel. */
function boxAverage(pixels: Uint8Array, size: number, factor: number): Float64Array {
  const smaller = size / factor;
  const means = new Float64Array(smaller * smaller * 3);
  for (let at = 0; at < pixels.length; at++) {
    const [row, column, channel] = [Math.floor(at / (size * 3)), Math.floor(at / 3) % size, at % 3];
    const block = Math.floor(row / factor) * smaller + Math.floor(column / factor);
    means[block * 3 + channel] += pixels[at] / factor ** 2;
  }
  return means;
}

function meanAbsoluteDifference(first: ArrayLike<number>, second: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < first.length; at++) sum += Math.abs(first[at] - second[at]);
  return sum / first.length;
}

function countPerClass(labels: Int32Array): number[] {
  return classIndices.map((classIndex) => labels.filter((label) => label === classIndex).length);
}

function moments(images: Uint8Array[], channel: number): { mean: number; deviation: number } {
  const values = images.flatMap((image) => Array.from(image).filter((_, at) => at % 3 === channel));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

describe('renderBloodCell', () => {
  it('returns rows of red, green and blue bytes', () => {
    for (const size of [28, 64]) {
      const pixels = renderBloodCell({ ...cell, size });
      assert.ok(pixels instanceof Uint8Array);
      assert.equal(pixels.length, size * size * 3);
    }
  });

  it('draws the same bytes for the same arguments, whatever was drawn before', () => {
    const first = renderBloodCell(cell);
    renderBloodCell({ ...cell, size: 64, classIndex: 0 });
    renderBloodCell({ ...cell, index: 7, classIndex: 1 });
    assert.deepEqual(renderBloodCell(cell), first);
  });

  // Printed by this very code; to be replaced only when the pictures are meant to change.
  const goldenHashes = [
    '38fba2ad0a5ff14405e8578529cf95ccb2324ee8b144eb8feb3415756d21c0ad',
    'c54622994a421accab7312feb26110c5fa832ed4f914a4fdfd5003c1216633bb',
    '095b2336f7ce0635e5cb3f79caa0dcd904401ee498c7de997270db001aa50b74',
    '5a620a95f4a2bbbf590c0a3b76ca2352a08b4ff430f6cead907e013678b81206',
    '07026a9a79400ad21a9d20e937edff12e1d667f86f64a1cd8207695a71ba3cd4',
    'c08ff1770f53ef92b364f09b6938e768e2771c921cae679b3886e3d1e74426eb',
    '79a7139c0b4001448255ca108e0cfc345a56c2839d140f363ab3696f07831510',
    'b4d58c0cbc060ffc8e8a24ce4331eb1575f1936997992bcfcf0b3bf7a2ba2119',
    '978d201ee9854d289c45fb2f589565402337305e2bf0024b58bbd38bb8a6c736',
  ];

  it('draws what it drew before', () => {
    const pictures = classIndices.map((classIndex) => renderBloodCell({ ...cell, classIndex }));
    assert.deepEqual([...pictures, renderBloodCell({ ...cell, size: 128 })].map(sha256), goldenHashes);
  });

  it('draws another cell for another seed, split, class or index', () => {
    const changes = [{ seed: 43 }, { split: 'test' }, { classIndex: 3 }, { index: 1 }] as const;
    for (const change of changes) {
      assert.ok(
        meanAbsoluteDifference(renderBloodCell(cell), renderBloodCell({ ...cell, ...change })) > 8,
        JSON.stringify(change),
      );
    }
  });

  it('shows the same cell at every size', () => {
    for (const classIndex of classIndices) {
      const at = (size: number, index: number) => renderBloodCell({ ...cell, classIndex, size, index });
      for (const [large, small] of [
        [224, 28],
        [128, 64],
      ]) {
        const averaged = boxAverage(at(large, 0), large, large / small);
        // The sensor's noise, drawn anew for each size, alone makes up to 2 grey levels; another cell makes 30 and more.
        const same = meanAbsoluteDifference(averaged, at(small, 0));
        assert.ok(same < 3, `class ${classIndex}, ${large} averaged to ${small}: ${same} grey levels`);
        const other = meanAbsoluteDifference(averaged, at(small, 1));
        assert.ok(other > 20, `class ${classIndex}, another cell: ${other} grey levels`);
      }
    }
  });

  it('uses the range of a stained smear: a bright background, dark nuclei, less contrast in blue', () => {
    const labels = syntheticBloodLabels({ count: 200, seed: 5, split: 'val' });
    const pixels = Array.from(labels, (classIndex, index) =>
      renderBloodCell({ ...cell, split: 'val', classIndex, index }),
    );
    const [red, green, blue] = [0, 1, 2].map((channel) => moments(pixels, channel));
    // BloodMNIST's train split: mean 0.816, 0.669, 0.695 and deviation 0.215, 0.242, 0.117 of 255.
    for (const [measured, mean, deviation] of [
      [red, 208, 55],
      [green, 171, 62],
      [blue, 177, 30],
    ] as const) {
      assert.ok(Math.abs(measured.mean - mean) < 15, `mean ${measured.mean}, expected about ${mean}`);
      assert.ok(
        Math.abs(measured.deviation - deviation) < 12,
        `deviation ${measured.deviation}, expected about ${deviation}`,
      );
    }
  });

  it('says what is wrong with an argument and what is allowed', () => {
    const wrong: [object, string][] = [
      [{ classIndex: 8 }, 'classIndex is 8; allowed are whole numbers from 0 to 7'],
      [{ size: 7 }, 'size is 7; allowed are whole numbers from 8 to 1024'],
      [{ size: 28.5 }, 'size is 28.5; allowed are whole numbers from 8 to 1024'],
      [{ index: -1 }, 'index is -1; allowed are whole numbers from 0 to 9007199254740991'],
      [{ seed: NaN }, 'seed is NaN; allowed are whole numbers from 0 to 9007199254740991'],
      [{ split: 'tran' }, 'split is "tran"; allowed are train, val, test, did you mean "train"?'],
    ];
    for (const [change, message] of wrong) {
      assert.throws(() => renderBloodCell({ ...cell, ...change }), new UserError(message));
    }
  });
});

describe('syntheticBloodLabels', () => {
  it("has BloodMNIST's class balance", () => {
    const { splits, trainClasses } = syntheticBloodCounts;
    const labels = syntheticBloodLabels({ count: splits.train, seed: 42, split: 'train' });
    assert.deepEqual(countPerClass(labels), [...trainClasses]);
    const fewer = countPerClass(syntheticBloodLabels({ count: 1000, seed: 42, split: 'train' }));
    assert.deepEqual(fewer, [71, 182, 91, 170, 71, 83, 195, 137]);
  });

  it('has every class and the number of labels asked for', () => {
    for (let count = 8; count <= 150; count++) {
      const images = countPerClass(syntheticBloodLabels({ count, seed: 1, split: 'val' }));
      assert.ok(Math.min(...images) >= 1, `${count} labels: ${images.join(' ')}`);
      assert.equal(
        images.reduce((sum, value) => sum + value),
        count,
      );
    }
  });

  it('shuffles by seed and split', () => {
    const labels = (seed: number, split: SplitName) => syntheticBloodLabels({ count: 100, seed, split });
    assert.deepEqual(labels(1, 'train'), labels(1, 'train'));
    assert.notDeepEqual(labels(1, 'train'), labels(2, 'train'));
    assert.notDeepEqual(labels(1, 'train'), labels(1, 'test'));
  });

  it('says what is wrong with an argument and what is allowed', () => {
    const message = 'count is 7; allowed are whole numbers from 8 to 10000000';
    assert.throws(() => syntheticBloodLabels({ count: 7, seed: 1, split: 'train' }), new UserError(message));
  });
});
