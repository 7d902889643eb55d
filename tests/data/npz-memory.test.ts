/** A file of images is never in memory as a whole: neither when it is opened, nor unpacked, nor read. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { projectRoot } from '../../lib/paths';
import { createRandom } from '../../lib/random';
import { npy, zip } from './zip';

const scratch = mkdtempSync(join(tmpdir(), 'npz-memory-'));
after(() => rmSync(scratch, { recursive: true }));

const side = 224;
const imageBytes = side * side * 3;
const counts = { train: 800, val: 64, test: 64 };

/** Noise over a slope, different in each image: neither constant nor incompressible. */
function images(count: number): Uint8Array {
  const random = createRandom(1, 'images');
  const noise = Uint8Array.from({ length: imageBytes }, () => random.integer(8));
  const bytes = new Uint8Array(count * imageBytes);
  for (let image = 0; image < count; image++) {
    bytes.set(noise, image * imageBytes);
    for (let index = image % 7; index < imageBytes; index += 7) bytes[image * imageBytes + index] += index >> 12;
  }
  return bytes;
}

const content = Object.entries(counts).flatMap(([name, count]) => [
  { name: `${name}_images.npy`, content: npy([count, side, side, 3], images(count)) },
  {
    name: `${name}_labels.npy`,
    content: npy(
      [count, 1],
      Uint8Array.from({ length: count }, (_, index) => index % 2),
    ),
  },
]);

describe('a file of 140 MB of images', () => {
  for (const deflated of [false, true])
    it(`with ${deflated ? 'deflated' : 'stored'} members is trained on with a few batches in memory`, () => {
      const path = join(scratch, `${deflated}.npz`);
      writeFileSync(path, zip(content.map((entry) => ({ ...entry, deflated }))));
      const script = join(__dirname, 'npz-memory-run.ts');
      const args = ['--import', 'tsx', script, path, join(scratch, 'unpacked')];
      const { images, grown } = JSON.parse(
        execFileSync(process.execPath, args, { cwd: projectRoot, encoding: 'utf8' }),
      ) as { images: number; grown: number };
      assert.equal(images, 928);
      assert.ok(grown < 100e6, `the process grew by ${grown} bytes`);
      rmSync(path);
    });
});
