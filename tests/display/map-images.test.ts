import assert from 'node:assert/strict';
import { test } from 'node:test';

import { componentPixels, heatPixels } from '../../lib/display/map-images';

const pixel = (pixels: Uint8Array, at: number): number[] => [...pixels.subarray(at * 3, at * 3 + 3)];

test('a map goes from viridis’ dark to its light end, whatever its range', () => {
  for (const values of [
    [0, 0.5, 1],
    [-4, 3, 10],
  ]) {
    const pixels = heatPixels(values);
    assert.deepEqual(
      [0, 1, 2].map((at) => pixel(pixels, at)),
      [
        [68, 1, 84],
        [33, 145, 140],
        [253, 231, 37],
      ],
    );
  }
  const brightness = Array.from({ length: 21 }, (_, step) => step);
  const sums = brightness.map((at) => pixel(heatPixels(brightness), at).reduce((total, value) => total + value, 0));
  assert.ok(
    sums.every((sum, at) => at === 0 || sum > sums[at - 1]),
    'lighter with every step',
  );
});

test('a map without differences is dark', () => {
  assert.deepEqual(pixel(heatPixels([3, 3]), 1), [68, 1, 84]);
});

test('each component spreads over its own channel, but for a hundredth at either end', () => {
  const scores = Float32Array.from({ length: 200 * 3 }, (_, index) => {
    const [place, channel] = [Math.floor(index / 3), index % 3];
    return channel === 0 ? place : channel === 1 ? -10 * place : 5;
  });
  scores[199 * 3] = 1e6; // one unusual place
  const pixels = componentPixels(scores);
  assert.deepEqual(pixel(pixels, 0), [0, 255, 0]);
  assert.deepEqual(pixel(pixels, 199), [255, 0, 0]);
  assert.ok(Math.abs(pixel(pixels, 100)[0] - 128) < 3, 'the unusual place has not made all others alike');
});

test('maps with a range in common can be compared', () => {
  assert.deepEqual(heatPixels([1, 2], [0, 4]), heatPixels([0, 1, 2, 4]).subarray(3, 9));
  assert.deepEqual(pixel(heatPixels([4], [0, 4]), 0), [253, 231, 37]);
});
