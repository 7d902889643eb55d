import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  checkResizedCrop,
  drawResizedCrop,
  drawWindow,
  resizeCrops,
  type ResizedCropOptions,
} from '../../lib/data/resized-crop';
import type { CropWindow } from '../../lib/tensor/resample-bytes';
import { userError } from './user-error';

type Pair = [number, number];

/** Made by make_resized_crop.py. */
const fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/resized_crop.json'), 'utf8')) as {
  distribution: { area: number; logarithm: number; absoluteLogarithm: number };
  windows: { image: Pair; scale: Pair; ratio: Pair; numbers: number[]; window: CropWindow }[];
  resized: {
    from: [number, number, number];
    window: CropWindow;
    to: Pair;
    mirrored: boolean;
    bicubic: string;
    bilinear: string;
  }[];
};

/** What make_resized_crop.py makes, too. */
function pattern([height, width, channels]: readonly [number, number, number]): Uint8Array {
  return Uint8Array.from({ length: height * width * channels }, (_, index) => {
    const value = Math.imul(index, 2654435761) >>> 24;
    return value > 160 ? 255 : value;
  });
}

const study: ResizedCropOptions = {
  scale: [0.8, 1],
  ratio: [3 / 4, 4 / 3],
  interpolation: 'bicubic',
  horizontalFlip: 0.5,
};
const square = { height: 28, width: 28 };

describe('a random window', () => {
  it("is torchvision's for the same random numbers, and takes as many of them", () => {
    for (const { image, scale, ratio, numbers, window } of fixture.windows) {
      const left = [...numbers];
      const uniform = (): number => left.shift() ?? NaN;
      const random = { uniform, integer: (limit: number) => Math.floor(uniform() * limit) };
      const [height, width] = image;
      assert.deepEqual(drawWindow({ scale, ratio }, { height, width }, random), window);
      assert.equal(left.length, 0);
    }
  });

  it('depends on seed, epoch and image alone, and on each of them', () => {
    const draw = { seed: 1, epoch: 2, index: 3 };
    const one = drawResizedCrop(study, square, draw);
    assert.deepEqual(drawResizedCrop(study, square, { ...draw }), one);
    for (const change of [{ seed: 2 }, { epoch: 3 }, { index: 4 }])
      assert.notDeepEqual(drawResizedCrop(study, square, { ...draw, ...change }), one);
    const never = drawResizedCrop({ ...study, horizontalFlip: 0 }, square, draw);
    assert.deepEqual(never, { ...one, mirrored: false });
  });

  it("has torchvision's distribution", () => {
    const draws = Array.from({ length: 4000 }, (_, index) =>
      drawResizedCrop(study, { height: 500, width: 500 }, { seed: 5, epoch: 0, index }),
    );
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    const areas = draws.map(({ height, width }) => (height * width) / 250_000);
    assert.ok(Math.min(...areas) > 0.798 && Math.max(...areas) <= 1);
    const { area, logarithm, absoluteLogarithm } = fixture.distribution;
    assert.ok(Math.abs(mean(areas) - area) < 0.003, `area ${mean(areas)}`);
    const logarithms = draws.map(({ height, width }) => Math.log(width / height));
    assert.ok(Math.abs(mean(logarithms) - logarithm) < 0.006, `ratio ${mean(logarithms)}`);
    const absolute = mean(logarithms.map(Math.abs));
    assert.ok(Math.abs(absolute - absoluteLogarithm) < 0.003, `absolute ${absolute}`);
    const mirrored = mean(draws.map((draw) => Number(draw.mirrored)));
    assert.ok(Math.abs(mirrored - 0.5) < 0.03, `mirrored ${mirrored}`);
  });

  it('refuses shares, ratios and probabilities that are none', () => {
    const refused = (change: Partial<ResizedCropOptions>, message: RegExp): void =>
      assert.throws(() => checkResizedCrop({ ...study, ...change }), userError(message));
    refused({ scale: [0, 1] }, /^scale is 0 to 1, but/);
    refused({ scale: [0.9, 0.8] }, /scale is 0\.9 to 0\.8/);
    refused({ scale: [0.5, 1.2] }, /at most 1/);
    refused({ ratio: [2, 1] }, /ratio is 2 to 1/);
    refused({ ratio: [1, Infinity] }, /ratio is 1 to Infinity/);
    refused({ horizontalFlip: 1.5 }, /horizontalFlip is 1\.5/);
    checkResizedCrop(study);
  });
});

describe('resized windows', () => {
  for (const interpolation of ['bicubic', 'bilinear'] as const)
    it(`are torchvision's of Pillow images, byte for byte: ${interpolation}`, () => {
      for (const { from, window, to, mirrored, [interpolation]: expected } of fixture.resized) {
        const [height, width, channels] = from;
        const crops = [
          { ...window, mirrored },
          { ...window, mirrored: !mirrored },
        ];
        const bytes = new Uint8Array([...pattern(from), ...pattern(from)]);
        const size = { height: to[0], width: to[1] };
        const result = resizeCrops({ bytes, shape: [2, height, width, channels], crops, size, interpolation });
        const wanted = new Uint8Array(Buffer.from(expected, 'base64'));
        assert.deepEqual(result.subarray(0, wanted.length), wanted, from.join('×'));
        assert.notDeepEqual(result.subarray(wanted.length), wanted, 'the other one is mirrored the other way');
      }
    });

  it('are refused where bytes, windows and shape do not fit together', () => {
    const task = { bytes: pattern([4, 4, 1]), crops: [], size: square, interpolation: 'bicubic' } as const;
    assert.throws(
      () => resizeCrops({ ...task, shape: [1, 4, 4, 1] }),
      /16 bytes and 0 windows are not those of 1×4×4×1/,
    );
  });
});
