import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { corrupt, corruptionKinds } from '../../lib/data/corrupt';
import { corruptions, shiftImage, type CorruptedBatch, type CorruptionKind } from '../../lib/data/corruptions';
import type { Dataset } from '../../lib/data/dataset';
import { openDataset } from '../../lib/data/open';
import { createRandom } from '../../lib/random';
import { tf } from '../../lib/tf';
import { userError } from './user-error';

/** Made by make_corruptions.py. */
const fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/corruptions.json'), 'utf8')) as {
  height: number;
  width: number;
  cases: { kind: CorruptionKind; parameter: unknown; values: number[] }[];
  grey: number[];
  greyContrast: number[];
};
const { height, width } = fixture;

/** The fixture's picture. */
function picture(): Uint8Array {
  const bytes = new Uint8Array(height * width * 3);
  for (let at = 0; at < height * width; at++) {
    const [y, x] = [Math.floor(at / width), at % width];
    const inside = (x - 9) ** 2 + (y - 10) ** 2 < 40;
    bytes.set([(x * 9) % 256, (y * 7 + x * 2) % 256, inside ? 200 : 60 + x], at * 3);
  }
  return bytes;
}

const batchOf = (bytes: Uint8Array, channels: number): CorruptedBatch => ({
  bytes,
  shape: [bytes.length / (height * width * channels), height, width, channels],
  random: (image) => createRandom(0, image),
});

/** Two pictures at once: nothing of one gets into the other. */
function apply(kind: CorruptionKind, parameter: unknown) {
  const upsideDown = picture().reverse();
  const both = new Uint8Array([...picture(), ...upsideDown]);
  return corruptions[kind].apply(batchOf(both, 3), parameter);
}

describe('corruptions are those of MedMNIST-C', () => {
  for (const { kind, parameter, values } of fixture.cases) {
    it(`${kind}, ${JSON.stringify(parameter)}`, async () => {
      let result: Uint8Array;
      if (kind === 'stain_shift') {
        const { factors, more } = parameter as { factors: number[]; more: number[] };
        result = new Uint8Array(values.length);
        shiftImage(
          picture(),
          result,
          3,
          factors.map((factor, stain) => ({ factor, more: more[stain] })),
        );
      } else {
        const before = tf.memory().numTensors;
        result = (await apply(kind, parameter)).subarray(0, values.length);
        assert.equal(tf.memory().numTensors, before);
      }
      const errors = values.map((value, at) => Math.abs(value - result[at]));
      const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
      // Another version of the JPEG library rounds otherwise in places; a blur's values are compared before they are cut to whole numbers.
      const limits = { jpeg_compression: [0.5, 12], defocus_blur: [0.6, 1.01], stain_shift: [0.01, 1] }[
        kind as string
      ] ?? [0, 0];
      assert.ok(mean <= limits[0] && Math.max(...errors) <= limits[1], `mean ${mean}, most ${Math.max(...errors)}`);
    });
  }

  it('contrast of grey images', () => {
    const result = corruptions.contrast_down.apply(batchOf(Uint8Array.from(fixture.grey), 1), 0.5);
    assert.deepEqual([...(result as Uint8Array)], fixture.greyContrast);
  });

  it('noise has its deviation, and impulses their share', async () => {
    const grey = batchOf(new Uint8Array(height * width * 60).fill(128), 1);
    const noisy = Array.from(await corruptions.gaussian_noise.apply(grey, 0.08), (value) => value - 127.5);
    const deviation = Math.sqrt(noisy.reduce((sum, value) => sum + value * value, 0) / noisy.length);
    assert.ok(Math.abs(deviation / (255 * 0.08) - 1) < 0.02, String(deviation));
    const impulses = await corruptions.impulse_noise.apply(grey, 0.17);
    const [black, white] = [0, 255].map(
      (value) => impulses.filter((found) => found === value).length / impulses.length,
    );
    assert.ok(Math.abs(black - 0.085) < 0.005 && Math.abs(white - 0.085) < 0.005, `${black} ${white}`);
  });
});

describe('a corrupted dataset', () => {
  const open = (): Promise<Dataset> => openDataset('synthetic-blood', { syntheticImages: 300 });
  const read = ({ splits, height, width, channels }: Dataset, split: 'val' | 'test', indices: number[]) => {
    const target = new Uint8Array(indices.length * height * width * channels);
    splits[split].readImages(indices, target);
    return target;
  };

  it('has other test images, the same by the same seed, and all else as it was', async () => {
    const data = await open();
    const seen = new Set([data.sha256]);
    for (const kind of corruptionKinds) {
      const errors: number[] = [];
      for (const severity of [1, 5]) {
        const worse = await corrupt(data, { kind, severity });
        const indices = [0, 70, 3];
        const [before, after] = [read(data, 'test', indices), read(worse, 'test', indices)];
        errors.push(before.reduce((sum, value, at) => sum + Math.abs(value - after[at]), 0) / before.length);
        assert.deepEqual(read(worse, 'val', [1]), read(data, 'val', [1]));
        assert.equal(worse.splits.test.labels, data.splits.test.labels);
        assert.ok(!seen.has(worse.sha256));
        assert.equal(worse.derivedFrom, data);
        seen.add(worse.sha256);
        assert.deepEqual(read(await corrupt(data, { kind, severity }), 'test', indices), after);
      }
      assert.ok(errors[0] > 0.2 && errors[1] > errors[0], `${kind}: ${errors.join(' ')}`);
    }
    const [first, second] = await Promise.all(
      [1, 2].map((seed) => corrupt(data, { kind: 'gaussian_noise', severity: 3, seed })),
    );
    assert.notDeepEqual(read(first, 'test', [0]), read(second, 'test', [0]));
    assert.match(first.title, /, gaussian noise 3 of 5$/);
    data.close();
  });

  it('is refused for kinds and severities that there are not', async () => {
    const data = await open();
    const refused = (options: object, message: RegExp) =>
      assert.rejects(corrupt(data, { kind: 'pixelate', severity: 1, ...options }), userError(message));
    await refused(
      { kind: 'pixilate' },
      /^There is no corruption "pixilate", did you mean "pixelate"\? There are pixelate, jpeg_/,
    );
    await refused({ severity: 0 }, /^severity is 0, but must be a whole number from 1, the mildest, to 5\.$/);
    await refused({ severity: 2.5 }, /^severity is 2\.5/);
    data.close();
  });
});
