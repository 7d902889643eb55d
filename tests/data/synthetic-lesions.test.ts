import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { renderLesion, type LesionRequest } from '../../lib/data/synthetic-lesions';
import { UserError } from '../../lib/errors';

const lesion = { size: 64, seed: 42, split: 'train', index: 0 } as const;
const many = (count: number, change: Partial<LesionRequest> = {}) =>
  Array.from({ length: count }, (_, index) => renderLesion({ ...lesion, ...change, index }));

function sha256(...arrays: Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const bytes of arrays) hash.update(bytes);
  return hash.digest('hex');
}

function sum(values: ArrayLike<number>): number {
  return Array.from(values).reduce((total, value) => total + value, 0);
}

function dice(first: ArrayLike<number>, second: ArrayLike<number>): number {
  const both = Array.from(first).filter((value, at) => value === 1 && second[at] === 1).length;
  return (2 * both) / (sum(first) + sum(second));
}

function greyOf(image: Uint8Array): number[] {
  return Array.from({ length: image.length / 3 }, (_, pixel) =>
    Math.round(0.299 * image[3 * pixel] + 0.587 * image[3 * pixel + 1] + 0.114 * image[3 * pixel + 2]),
  );
}

/** What is darker than Otsu's threshold (1979): the one that separates two classes with the greatest variance between them. */
function darkPart(image: Uint8Array): number[] {
  const grey = greyOf(image);
  let best = { threshold: 0, variance: -1 };
  for (let threshold = 0; threshold < 255; threshold++) {
    const dark = grey.filter((value) => value <= threshold);
    const bright = grey.length - dark.length;
    if (dark.length === 0 || bright === 0) continue;
    const difference = sum(dark) / dark.length - (sum(grey) - sum(dark)) / bright;
    const variance = dark.length * bright * difference ** 2;
    if (variance > best.variance) best = { threshold, variance };
  }
  return grey.map((value) => (value <= best.threshold ? 1 : 0));
}

/** Number of pieces that the pixels of one value are in, neighbours above, below and beside. */
function pieces(mask: Uint8Array, size: number, value: number): number {
  const left = Uint8Array.from(mask, (pixel) => (pixel === value ? 1 : 0));
  let found = 0;
  for (let start = left.indexOf(1); start >= 0; start = left.indexOf(1)) {
    found++;
    const open = [start];
    left[start] = 0;
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const column = at % size;
      const neighbours = [at - size, at + size, column > 0 ? at - 1 : -1, column < size - 1 ? at + 1 : -1];
      for (const next of neighbours) {
        if (left[next] !== 1) continue;
        left[next] = 0;
        open.push(next);
      }
    }
  }
  return found;
}

function touchesBorder(mask: Uint8Array, size: number): boolean {
  return mask.some((value, at) => {
    const [row, column] = [Math.floor(at / size), at % size];
    return value === 1 && (row === 0 || column === 0 || row === size - 1 || column === size - 1);
  });
}

describe('renderLesion', () => {
  it('returns an image and a mask, from 48 to 512 pixels', () => {
    for (const size of [48, 97, 128, 512]) {
      const { image, mask } = renderLesion({ ...lesion, size });
      assert.equal(image.length, size * size * 3);
      assert.equal(mask.length, size * size);
      assert.deepEqual([...new Set(mask)].sort(), [0, 1]);
    }
  });

  it('draws the same bytes for the same arguments, whatever was drawn before', () => {
    const first = renderLesion(lesion);
    renderLesion({ ...lesion, size: 100, index: 3 });
    renderLesion({ ...lesion, index: 7 });
    assert.deepEqual(renderLesion(lesion), first);
  });

  // Printed by this very code; to be replaced only when the pictures are meant to change.
  const goldenHashes = [
    '34934ab444b368808e39d37bd772cdc6e191568460c8598441a01c1376b28761',
    '65e06cb9f920807b612c49e7b51181fee232f7be43792e18b8c4b4660e0ccdc9',
    '56f99e7a46f33eb9daf671415189723216aa6cb4ad4d5af49e684b79d2c35d3f',
    '6e1825244c7ce8e989a664aa14173f7d1f0be0907fad0158f6972706487ccda8',
  ];

  it('draws what it drew before', () => {
    const hashes = [0, 1, 2].map((index) => renderLesion({ ...lesion, index }));
    const drawn = [...hashes, renderLesion({ ...lesion, size: 128, index: 3 })];
    assert.deepEqual(
      drawn.map(({ image, mask }) => sha256(image, mask)),
      goldenHashes,
    );
  });

  it('draws another lesion for another seed, split or index', () => {
    const { image, mask } = renderLesion(lesion);
    for (const change of [{ seed: 43 }, { split: 'test' }, { index: 1 }] as const) {
      const other = renderLesion({ ...lesion, ...change });
      assert.ok(dice(mask, other.mask) < 0.9, JSON.stringify(change));
      assert.ok(sum(image.map((value, at) => Math.abs(value - other.image[at]))) / image.length > 5);
    }
  });

  it('shows the same lesion at every size', () => {
    for (let index = 0; index < 6; index++) {
      const [small, large] = [64, 256].map((size) => renderLesion({ ...lesion, size, index }));
      const inside = Uint8Array.from(
        small.mask,
        (_, at) => large.mask[(4 * Math.floor(at / 64) + 2) * 256 + 4 * (at % 64) + 2],
      );
      assert.ok(dice(inside, small.mask) > 0.94, `mask ${index}: ${dice(inside, small.mask)}`);
      let difference = 0;
      for (let at = 0; at < 64 * 64 * 3; at++) {
        const [row, column, channel] = [Math.floor(at / 192), Math.floor(at / 3) % 64, at % 3];
        let mean = 0;
        for (let inner = 0; inner < 16; inner++)
          mean += large.image[((4 * row + (inner >> 2)) * 256 + 4 * column + (inner & 3)) * 3 + channel] / 16;
        difference += Math.abs(mean - small.image[at]) / (64 * 64 * 3);
      }
      // The sensor's noise, drawn anew for each size, makes up to 3 grey levels; another lesion makes 20 and more.
      assert.ok(difference < 5, `image ${index}: ${difference} grey levels`);
    }
  });

  it('draws lesions of many sizes, in one piece and without holes, some of which reach out of the picture', () => {
    for (const size of [48, 64]) {
      const masks = many(150, { size }).map(({ mask }) => mask);
      const parts = masks.map((mask) => sum(mask) / mask.length).sort((a, b) => a - b);
      assert.ok(parts[0] > 0.005 && parts[15] < 0.06 && parts[75] > 0.08 && parts[140] > 0.3, parts.join(' '));
      const touching = masks.filter((mask) => touchesBorder(mask, size)).length;
      assert.ok(touching > 10 && touching < 75, `${touching} of 150 reach the border`);
      // A hole is a part of the outside that does not reach the border; a lesion across the picture may cut the outside into corners.
      masks.forEach((mask, index) => {
        assert.equal(pieces(mask, size, 1), 1, `${index} at ${size}`);
        assert.ok(touchesBorder(mask, size) || pieces(mask, size, 0) === 1, `${index} at ${size} has a hole`);
      });
    }
  });

  it('has its mask where the lesion is', () => {
    const contrast = (image: Uint8Array, mask: ArrayLike<number>): number => {
      const grey = greyOf(image);
      const inside = grey.filter((_, at) => mask[at] === 1);
      return (sum(grey) - sum(inside)) / (grey.length - inside.length) - sum(inside) / inside.length;
    };
    const all = many(60);
    const own = all.map(({ image, mask }) => contrast(image, mask));
    const others = all.map(({ image }, index) => contrast(image, all[(index + 1) % all.length].mask));
    assert.ok(
      own.filter((value) => value > 0).length > 50,
      `${own.filter((value) => value <= 0).length} brighter than the skin`,
    );
    assert.ok(sum(own) / 60 > 2 * (sum(others) / 60), `${sum(own) / 60} against ${sum(others) / 60}`);
    // Some are hardly to be seen.
    assert.ok(own.filter((value) => value < 20).length >= 5);
  });

  it('is no task for a threshold', () => {
    const scores = many(120, { seed: 7, split: 'test' }).map(({ image, mask }) => dice(darkPart(image), mask));
    const mean = sum(scores) / scores.length;
    assert.ok(mean > 0.4 && mean < 0.75, `Otsu's threshold gets a Dice of ${mean}`);
  });

  it('has the colours of skin', () => {
    const images = many(100).map(({ image }) => image);
    const means = [0, 1, 2].map(
      (channel) => sum(images.map((image) => sum(image.filter((_, at) => at % 3 === channel)))) / (100 * 64 * 64),
    );
    const [red, green, blue] = means;
    // Dermoscopic archives have means of about 180, 150 and 140.
    assert.ok(Math.abs(red - 180) < 20 && Math.abs(green - 150) < 30 && Math.abs(blue - 140) < 30, means.join(' '));
    assert.ok(red > green && green > 0.9 * blue);
  });

  it('says what is wrong with an argument and what is allowed', () => {
    const wrong: [object, string][] = [
      [{ size: 47 }, 'size is 47; allowed are whole numbers from 48 to 512'],
      [{ size: 513 }, 'size is 513; allowed are whole numbers from 48 to 512'],
      [{ seed: -1 }, 'seed is -1; allowed are whole numbers from 0 to 9007199254740991'],
      [{ index: 0.5 }, 'index is 0.5; allowed are whole numbers from 0 to 9007199254740991'],
      [{ split: 'tset' }, 'split is "tset"; allowed are train, val, test, did you mean "test"?'],
    ];
    for (const [change, message] of wrong)
      assert.throws(() => renderLesion({ ...lesion, ...change }), new UserError(message));
  });
});
