import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  drawProcedural,
  proceduralKindOf,
  proceduralShares,
  type ProceduralKind,
} from '../../lib/data/procedural-images';
import { renderBloodCell } from '../../lib/data/synthetic-blood';
import { userError } from './user-error';

const kinds = Object.keys(proceduralShares) as ProceduralKind[];
const size = 64;

const drawn = (kind: ProceduralKind, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => drawProcedural({ seed: 3, index, size, shares: { [kind]: 1 } }));

function meanAndDeviation(values: ArrayLike<number>): [mean: number, deviation: number] {
  let [sum, squares] = [0, 0];
  for (let at = 0; at < values.length; at++) {
    sum += values[at];
    squares += values[at] ** 2;
  }
  const mean = sum / values.length;
  return [mean, Math.sqrt(Math.max(0, squares / values.length - mean ** 2))];
}

/** Power of each frequency, 1 to size / 2 − 1, over the rows and channels of some pictures. */
function powerSpectrum(images: readonly Uint8Array[]): number[] {
  return Array.from({ length: size / 2 - 1 }, (_, index) => {
    const step = (2 * Math.PI * (index + 1)) / size;
    let power = 0;
    for (const image of images)
      for (let line = 0; line < size; line += 4) {
        let [real, imaginary] = [0, 0];
        for (let column = 0; column < size; column++) {
          const value = image[3 * (line * size + column) + 1];
          real += value * Math.cos(step * column);
          imaginary += value * Math.sin(step * column);
        }
        power += real ** 2 + imaginary ** 2;
      }
    return power;
  });
}

function slopeOfLogarithms(values: readonly number[]): number {
  const points = values.map((value, index) => [Math.log(index + 1), Math.log(value)] as const);
  const [meanX] = meanAndDeviation(points.map(([x]) => x));
  const [meanY] = meanAndDeviation(points.map(([, y]) => y));
  const product = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return product / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}

describe('drawn images', () => {
  it('are the same for the same seed, index and size, and others for others', () => {
    const requests = Array.from({ length: 30 }, (_, index) => ({ seed: 11, index, size: 48 }));
    const first = requests.map(drawProcedural);
    const again = [...requests].reverse().map(drawProcedural).reverse();
    first.forEach((image, index) => assert.deepEqual(image, again[index], `image ${index}`));
    const all = [...first, ...requests.map((request) => drawProcedural({ ...request, seed: 12 }))];
    assert.equal(new Set(all.map((image) => Buffer.from(image).toString('base64'))).size, all.length);
    for (const image of first) assert.equal(image.length, 48 * 48 * 3);
  });

  it('come in the shares that are asked for', () => {
    const counts = new Map<string, number>();
    const total = 4000;
    for (let index = 0; index < total; index++) {
      const kind = proceduralKindOf({ seed: 1, index });
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    const sum = Object.values(proceduralShares).reduce((before, share) => before + share, 0);
    for (const kind of kinds) {
      const expected = proceduralShares[kind] / sum;
      const deviation = Math.sqrt((expected * (1 - expected)) / total);
      assert.ok(Math.abs((counts.get(kind) ?? 0) / total - expected) < 4 * deviation, kind);
    }
    assert.equal(proceduralKindOf({ seed: 1, index: 0, shares: { orbits: 2 } }), 'orbits');
  });

  for (const kind of kinds)
    it(`show something, and not always the same: ${kind}`, () => {
      const images = drawn(kind, 24);
      const spreads = images.map((image) => meanAndDeviation(image)[1]).sort((a, b) => a - b);
      assert.ok(spreads[12] > 12, `half of them have a deviation of at most ${spreads[12]}`);
      const [, between] = meanAndDeviation(images.map((image) => meanAndDeviation(image)[0]));
      assert.ok(between > (kind === 'blood' ? 3 : 15), `mean brightness deviates by ${between}`);
    });

  it('have the falling spectrum of photographs, whose power goes with about f⁻²', () => {
    const images = Array.from({ length: 150 }, (_, index) => drawProcedural({ seed: 4, index, size }));
    const slope = slopeOfLogarithms(powerSpectrum(images));
    assert.ok(slope < -1.2 && slope > -2.8, `slope ${slope}`);
  });

  it('take no more than a few times as long as a blood cell', () => {
    const time = (draw: (index: number) => Uint8Array): number => {
      const before = process.cpuUsage();
      for (let index = 0; index < 60; index++) draw(index);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const mixed = (index: number): Uint8Array => drawProcedural({ seed: 6, index, size });
    const blood = (index: number): Uint8Array =>
      renderBloodCell({ classIndex: index % 8, size, seed: 6, split: 'val', index });
    const ratios = [0, 1, 2].map(() => time(mixed) / time(blood));
    assert.ok(Math.min(...ratios) < 8, `ratios ${ratios.join(', ')}`);
  });

  it('refuse what cannot be drawn', () => {
    const draw =
      (change: object): (() => void) =>
      () =>
        void drawProcedural({ seed: 0, index: 0, size, ...change });
    assert.throws(draw({ size: 20 }), userError(/size is 20; allowed .* 48 to 512/));
    assert.throws(draw({ seed: -1 }), userError(/seed is -1/));
    assert.throws(draw({ shares: {} }), userError(/Nothing is to be drawn/));
  });
});
