import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { initialParameters } from '../../lib/models/initial-values';
import { disposeParameters, readParameters } from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { tf } from '../../lib/tf';
import { imageStream, noise } from '../noise';
import { timmCases, writeCase } from './timm-cases';

/** Made by make_timm_models.py: what timm computed with files of these hashes. */
const fixture: Record<string, { timm: object; sha256: string; logits: number[] }> = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/timm_models.json'), 'utf8'),
);
const folder = mkdtempSync(join(tmpdir(), 'timm-models-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('saved models that timm has opened with strict=True', () => {
  for (const name of timmCases) {
    it(`are written as they were then, and give timm's logits: ${name}`, async () => {
      const { description, network, read } = await writeCase(name, join(folder, name));
      const golden = fixture[name];
      assert.equal(description.weights.sha256, golden.sha256);
      assert.deepEqual(description.timm, golden.timm);
      const { height, width } = description.input;
      const parameters = initialParameters(network.table, 0, read());
      tf.tidy(() => {
        const pixels = Float32Array.from(noise(imageStream, 2 * height * width * 3));
        const images = tf.tensor4d(pixels, [2, height, width, 3]);
        const logits = network.forward(images, createScope(readParameters(parameters))).dataSync();
        const largest = Math.max(1, ...golden.logits.map(Math.abs));
        golden.logits.forEach((value, index) =>
          assert.ok(Math.abs(value - logits[index]) < 2e-4 * largest, `${index}: ${logits[index]}, timm ${value}`),
        );
      });
      disposeParameters(parameters);
    });
  }
});
