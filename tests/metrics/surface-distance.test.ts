import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Mask } from '../../lib/data/mask';
import { squaredDistanceTransform, unreachable } from '../../lib/metrics/distance-transform';
import { hausdorffDistance } from '../../lib/metrics/surface-distance';
import { createRandom } from '../../lib/random';
import { userError } from '../data/user-error';
import { maskOf, readFixture, type RunLengths } from './masks';

interface Fixture {
  transforms: { name: string; sites: RunLengths; squares: number[] }[];
  pairs: {
    name: string;
    truth: RunLengths;
    prediction: RunLengths;
    surface: { hd95: number; hausdorff: number; median: number; defined: boolean };
  }[];
}

const fixture = readFixture<Fixture>('segmentation_metrics.json');

function noise(height: number, width: number, share: number, name: string): Mask {
  const random = createRandom(1, 'noise', name);
  return {
    pixels: Uint8Array.from({ length: height * width }, () => (random.uniform() < share ? 1 : 0)),
    height,
    width,
  };
}

describe('squared distance transform', () => {
  for (const { name, sites, squares } of fixture.transforms) {
    it(`is scipy's: ${name}`, () => {
      assert.deepEqual([...squaredDistanceTransform(maskOf(sites))], squares);
    });
  }

  it('is the nearest of all sites, tried one by one', () => {
    for (const [height, width, share] of [
      [40, 60, 0.004],
      [60, 40, 0.05],
      [33, 33, 0.6],
    ]) {
      const sites = noise(height, width, share, `${height}`);
      const places = [...sites.pixels.keys()].filter((index) => sites.pixels[index] !== 0);
      const expected = Array.from(sites.pixels, (_, index) =>
        Math.min(
          ...places.map(
            (site) =>
              (Math.floor(site / width) - Math.floor(index / width)) ** 2 + ((site % width) - (index % width)) ** 2,
          ),
        ),
      );
      assert.deepEqual([...squaredDistanceTransform(sites)], expected);
    }
  });

  it('leads nowhere in an empty mask', () => {
    const empty = { pixels: new Uint8Array(6), height: 2, width: 3 };
    assert.deepEqual([...squaredDistanceTransform(empty)], new Array(6).fill(unreachable));
  });

  it('is exact at large distances', () => {
    const [height, width] = [3, 30_000];
    const pixels = new Uint8Array(height * width);
    pixels[0] = 1;
    const squares = squaredDistanceTransform({ pixels, height, width });
    assert.equal(squares[height * width - 1], 29_999 ** 2 + 2 ** 2);
  });

  it('says what is wrong', () => {
    assert.throws(
      () => squaredDistanceTransform({ pixels: new Uint8Array(5), height: 2, width: 3 }),
      userError(/^The mask has 5 pixels, but 2×3 are 6\.$/),
    );
    assert.throws(
      () => squaredDistanceTransform({ pixels: new Uint8Array(0), height: 0, width: 3 }),
      userError(/0×3 pixels large/),
    );
    const long = { pixels: new Uint8Array(50_000), height: 1, width: 50_000 };
    assert.throws(() => squaredDistanceTransform(long), userError(/1×50000 pixels are too many/));
  });
});

function assertDistance(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= 1e-9, `${what} is ${actual}, expected ${expected}`);
}

describe('Hausdorff distance', () => {
  for (const { name, truth, prediction, surface } of fixture.pairs) {
    it(`agrees with brute force and scipy: ${name}`, () => {
      const [first, second] = [maskOf(truth), maskOf(prediction)];
      const options = {
        hd95: {},
        hausdorff: { percentile: 100 },
        median: { percentile: 50 },
      } as const;
      for (const key of ['hd95', 'hausdorff', 'median'] as const) {
        const result = hausdorffDistance(first, second, options[key]);
        assertDistance(result.distance, surface[key], key);
        assert.equal(result.defined, surface.defined);
        assert.deepEqual(hausdorffDistance(second, first, options[key]), result, 'swapped');
      }
    });
  }

  it('has empty masks among the cases', () => {
    assert.equal(fixture.pairs.filter(({ surface }) => !surface.defined).length, 3);
  });

  it('does not depend on where in the image the masks are, but for the border', () => {
    const small = noise(20, 14, 0.4, 'small');
    const other = noise(20, 14, 0.1, 'other');
    const inside = ({ pixels }: Mask, top: number, left: number): Mask => {
      const [height, width] = [41, 37];
      const large = new Uint8Array(height * width);
      for (let row = 0; row < 20; row++)
        large.set(pixels.subarray(row * 14, row * 14 + 14), (row + top) * width + left);
      return { pixels: large, height, width };
    };
    const expected = hausdorffDistance(small, other);
    for (const [top, left] of [
      [0, 0],
      [21, 23],
      [7, 11],
    ])
      assert.deepEqual(hausdorffDistance(inside(small, top, left), inside(other, top, left)), expected);
  });

  it('is the nearest edge pixel whichever way it is searched for', () => {
    // Dense edges far from the other mask's: rows are finished with an envelope. Near ones: by looking left and right.
    for (const shift of [0, 1, 30, 150]) {
      const [height, width] = [40, 200];
      const [first, second] = [noise(height, width, 0, 'none'), noise(height, width, 0, 'none')];
      const random = createRandom(2, 'edges', shift);
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < 40; column++) first.pixels[row * width + column] = random.integer(2);
        if (row % 3 === 0) second.pixels[row * width + Math.min(width - 1, shift + random.integer(40))] = 1;
      }
      const directed = (from: Mask, to: Mask): number[] => {
        const squares = squaredDistanceTransform({ ...to, pixels: edgesOf(to) });
        const edges = edgesOf(from);
        return [...edges.keys()].filter((index) => edges[index] === 1).map((index) => squares[index]);
      };
      const largest = Math.max(...directed(first, second), ...directed(second, first));
      assert.equal(hausdorffDistance(first, second, { percentile: 100 }).distance, Math.sqrt(largest));
    }
  });

  it('says what is wrong', () => {
    const mask = { pixels: new Uint8Array(6), height: 2, width: 3 };
    assert.throws(
      () => hausdorffDistance(mask, { ...mask, height: 3, width: 2 }),
      userError(/^The prediction is 3×2 pixels large, but the truth 2×3: resize/),
    );
    assert.throws(() => hausdorffDistance(mask, mask, { percentile: 101 }), userError(/^The percentile is 101;/));
    assert.throws(() => hausdorffDistance(mask, mask, { percentile: NaN }), userError(/^The percentile is NaN;/));
  });
});

/** Foreground with a neighbour that is background or outside, written without regard to speed. */
function edgesOf({ pixels, height, width }: Mask): Uint8Array {
  const at = (row: number, column: number): number =>
    row < 0 || column < 0 || row >= height || column >= width ? 0 : pixels[row * width + column];
  return pixels.map((value, index) => {
    const [row, column] = [Math.floor(index / width), index % width];
    const around = [at(row - 1, column), at(row + 1, column), at(row, column - 1), at(row, column + 1)];
    return value !== 0 && around.includes(0) ? 1 : 0;
  });
}
