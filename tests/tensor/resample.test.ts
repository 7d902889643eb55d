import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { resizeBicubic } from '../../lib/tensor/resample';
import { assertClose } from '../close';
import { imageStream, noise } from '../noise';

interface Plane {
  from: [number, number];
  to: [number, number];
  channels: number;
  values: number[];
}

const { planes }: { planes: Plane[] } = JSON.parse(readFileSync(join(__dirname, '../fixtures/resample.json'), 'utf8'));

describe('bicubic resizing', () => {
  for (const { from, to, channels, values } of planes) {
    it(`equals PyTorch’s with antialiasing: ${from.join('×')} to ${to.join('×')}`, () => {
      const pixels = Float32Array.from(noise(imageStream, from[0] * from[1] * channels));
      const resized = resizeBicubic(
        pixels,
        { height: from[0], width: from[1], channels },
        { height: to[0], width: to[1] },
      );
      assertClose(resized, values, 3e-6, 'pixels');
    });
  }

  it('keeps what is constant', () => {
    const resized = resizeBicubic(
      new Uint8Array(60).fill(7),
      { height: 4, width: 5, channels: 3 },
      { height: 9, width: 2 },
    );
    assertClose(resized, new Float32Array(54).fill(7), 1e-6, 'pixels');
    assert.equal(resized.length, 54);
  });
});
