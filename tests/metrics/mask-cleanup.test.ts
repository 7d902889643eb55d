import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cleanMask, connectedComponents, fillHoles, largestComponent } from '../../lib/metrics/mask-cleanup';
import { userError } from '../data/user-error';
import { maskOf, readFixture, type RunLengths } from './masks';

interface Cleanup {
  labels: number[];
  areas: number[];
  largest: number[];
  cleaned: number[];
}

interface Fixture {
  cleanups: { name: string; mask: RunLengths; filled: number[]; 4: Cleanup; 8: Cleanup }[];
}

const { cleanups } = readFixture<Fixture>('segmentation_metrics.json');

describe('mask clean-up', () => {
  for (const golden of cleanups) {
    it(`agrees with scipy: ${golden.name}`, () => {
      const mask = maskOf(golden.mask);
      const before = Uint8Array.from(mask.pixels);
      const expected = (runs: number[]): number[] =>
        Array.from(maskOf({ ...golden.mask, runs }).pixels, (value) => (value === 0 ? 0 : 1));
      assert.deepEqual([...fillHoles(mask).pixels], expected(golden.filled));
      for (const connectivity of [4, 8] as const) {
        const { labels, areas, largest, cleaned } = golden[connectivity];
        const components = connectedComponents(mask, { connectivity });
        assert.deepEqual([...components.labels], labels);
        assert.deepEqual(components.areas, areas);
        assert.deepEqual([...largestComponent(mask, { connectivity }).pixels], expected(largest));
        assert.deepEqual([...cleanMask(mask, { connectivity }).pixels], expected(cleaned));
      }
      assert.deepEqual(largestComponent(mask), largestComponent(mask, { connectivity: 8 }));
      assert.deepEqual(mask.pixels, before);
    });
  }

  it('manages as many components as a large mask may have', () => {
    const size = 800;
    const pixels = Uint8Array.from({ length: size * size }, (_, index) => (index + Math.floor(index / size)) % 2);
    const mask = { pixels, height: size, width: size };
    assert.equal(connectedComponents(mask, { connectivity: 4 }).areas.length, (size * size) / 2);
    assert.equal(largestComponent(mask, { connectivity: 4 }).pixels.indexOf(1), 1);
    assert.deepEqual(connectedComponents(mask).areas, [(size * size) / 2]);
  });

  it('says what is wrong', () => {
    assert.throws(() => fillHoles({ pixels: new Uint8Array(3), height: 2, width: 2 }), userError(/3 pixels, but 2×2/));
  });
});
