import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { UserError } from '../../lib/errors';
import {
  renderBloodCell,
  syntheticBloodClasses,
  syntheticBloodCounts,
  syntheticBloodLabels,
} from '../../lib/data/synthetic-blood';

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

  // If a change of the pictures is intended: the hashes are those of `all(28)` and of one neutrophil, printed by this very code.
  it('draws what it drew before', () => {
    const every = (size: number) => classIndices.map((classIndex) => renderBloodCell({ ...cell, classIndex, size }));
    assert.deepEqual(every(28).map(sha256).join('\n'), GOLDEN_28);
    assert.equal(sha256(renderBloodCell({ ...cell, size: 128 })), GOLDEN_128);
  });

  it('draws another cell for another seed, split, class or index', () => {
    const changes = [{ seed: 43 }, { split: 'test' }, { classIndex: 3 }, { index: 1 }] as const;
    for (const change of changes) {
      assert.ok(meanAbsoluteDifference(renderBloodCell(cell), renderBloodCell({ ...cell, ...change })) > 8, JSON.stringify(change));
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
        const same = meanAbsoluteDifference(averaged, at(small, 0));
        const other = meanAbsoluteDifference(averaged, at(small, 1));
        console.log(classIndex, large, small, same.toFixed(2), other.toFixed(2));
      }
    }
  });
});
