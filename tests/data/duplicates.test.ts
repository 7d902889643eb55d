import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp, { type Sharp } from 'sharp';

import { comparedImage, findDuplicates, nearDistance, type ComparedImage } from '../../lib/data/duplicates';
import { hashBits, hashDistance, perceptualHashes } from '../../lib/data/perceptual-hash';
import { createRandom } from '../../lib/random';

/** Made by make_perceptual_hash.py. */
const golden = JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', 'perceptual_hash.json'), 'utf8')) as {
  height: number;
  width: number;
  pixels: string;
  hashes: string[];
}[];

const textOf = (hash: Uint32Array): string =>
  Array.from({ length: hashBits }, (_, bit) => (hash[bit >> 5] >>> (bit & 31)) & 1).join('');

for (const { height, width, pixels, hashes: expected } of golden) {
  test(`an image of ${height}×${width} has the hashes that Pillow and SciPy give, turned and mirrored too`, () => {
    const hashes = perceptualHashes(new Uint8Array(Buffer.from(pixels, 'base64')), { height, width, channels: 3 });
    assert.ok(hashes);
    // As it is, to the bit.
    assert.equal(textOf(hashes[0]), expected[0]);
    // Where it is resized, Pillow does one direction first and rounds, so that a few bits of a turned image may differ.
    const most = height === 32 && width === 32 ? 0 : 10;
    hashes.forEach((hash, way) => {
      const different = [...textOf(hash)].filter((bit, at) => bit !== expected[way][at]).length;
      assert.ok(different <= most, `${way}: ${different}`);
    });
  });
}

const size = 48;

/** A picture of its own, coarse and fine. */
function picture(seed: number): Uint8Array {
  const random = createRandom(seed, 'picture');
  const scales = [3, 6, 12, 24].map((cells) => ({
    cells,
    values: Array.from({ length: cells * cells }, () => random.uniform()),
  }));
  return Uint8Array.from({ length: size * size * 3 }, (_, at) => {
    const [x, y] = [Math.floor(at / 3) % size, Math.floor(at / 3 / size)];
    const cell = (cells: number, place: number): number => Math.floor((place * cells) / size);
    const sum = scales.reduce(
      (total, { cells, values }) => total + (300 * values[cell(cells, y) * cells + cell(cells, x)]) / cells,
      0,
    );
    return Math.min(255, Math.round(sum + 10 * (at % 3)));
  });
}

const raw = { raw: { height: size, width: size, channels: 3 } } as const;
const image = { height: size, width: size, channels: 3 };

test('distances are counted in bits', () => {
  const [first, second] = [1, 2].map((seed) => perceptualHashes(picture(seed), image)?.[0] ?? new Uint32Array(8));
  const different = [...textOf(first)].filter((bit, at) => bit !== textOf(second)[at]).length;
  assert.equal(hashDistance(first, second), different);
  assert.ok(different > nearDistance);
  assert.ok(hashDistance(first, second, 3) > 3);
  assert.equal(perceptualHashes(new Uint8Array(size * size * 3).fill(7), image), undefined);
});

test('copies are found: equal, compressed, darker, turned and mirrored', async () => {
  const originals = Array.from({ length: 30 }, (_, seed) => picture(seed));
  const of = (seed: number) => sharp(originals[seed], raw);
  const pixels = async (changed: Sharp) => new Uint8Array(await changed.removeAlpha().raw().toBuffer());
  const copies: [number, Uint8Array][] = [
    [3, originals[3]],
    [5, await pixels(sharp(await of(5).jpeg({ quality: 80 }).toBuffer()))],
    [7, await pixels(of(7).linear(0.9, 8))],
    [9, await pixels(of(9).rotate(90))],
    [11, await pixels(of(11).flop())],
    [13, await pixels(sharp(await of(13).flip().rotate(90).jpeg({ quality: 90 }).toBuffer()))],
  ];
  const images: ComparedImage[] = [
    ...originals.map((each, at) => comparedImage({ split: 'train', name: `${at}`, label: 'a' }, each, image)),
    ...copies.map(([seed, each]) => comparedImage({ split: 'test', name: `copy of ${seed}`, label: 'b' }, each, image)),
  ];
  const pairs = findDuplicates(images);
  assert.deepEqual(
    pairs.map(({ image: at, earlier, equal, turned }) => [at - 30, earlier, equal, turned]),
    [
      [0, 3, true, false],
      [1, 5, false, false],
      [2, 7, false, false],
      [3, 9, false, true],
      [4, 11, false, true],
      [5, 13, false, true],
    ],
  );
  assert.ok(pairs.every(({ distance }) => distance <= nearDistance));
});

test('the nearest of each split is named', () => {
  const [first, other] = [picture(1), picture(2)];
  const nearly = Uint8Array.from(first, (value, at) => (at % 97 === 0 ? value ^ 3 : value));
  const splits = ['train', 'train', 'val', 'test', 'test'] as const;
  const all = [first, other, nearly, first, first].map((pixels, at) =>
    comparedImage({ split: splits[at], name: `${at}`, label: '' }, pixels, image),
  );
  const pairs = findDuplicates(all).map(({ image: at, earlier, equal }) => [at, earlier, equal]);
  assert.deepEqual(pairs, [
    [2, 0, false],
    [3, 0, true],
    [3, 2, false],
    [4, 0, true],
    [4, 3, true],
    [4, 2, false],
  ]);
});
