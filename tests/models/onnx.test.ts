import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createParameters, disposeParameters, importParameters, readParameters } from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { tf } from '../../lib/tf';
import { imageStream, noise } from '../noise';
import { encodeCase, onnxCases, weightsOf } from './onnx-cases';

/** Made by make_onnx.py: what onnxruntime computed with files of these hashes. */
const fixture: Record<string, { sha256: string; shape: number[]; every: number; values: number[] }> = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/onnx.json'), 'utf8'),
);

describe('ONNX graphs', () => {
  for (const [name, onnx] of Object.entries(onnxCases)) {
    const golden = fixture[name];

    it(`are those that onnxruntime has run, and compute what the network does: ${name}`, () => {
      const weights = weightsOf(onnx);
      // A graph that is to be different has to be run anew, by make_onnx.py.
      assert.equal(createHash('sha256').update(encodeCase(onnx, weights)).digest('hex'), golden.sha256);
      const { height, width } = onnx.size;
      const parameters = createParameters(onnx.table, 0);
      importParameters(parameters, weights, name);
      tf.tidy(() => {
        const pixels = Float32Array.from(noise(imageStream, 3 * height * width * 3));
        const logits = onnx.forward(
          tf.tensor4d(pixels, [3, height, width, 3]),
          createScope(readParameters(parameters)),
        );
        assert.deepEqual([logits.shape, logits.shape.slice(1)], [golden.shape, [...onnx.outputShape]]);
        const values = logits.dataSync().filter((_, index) => index % golden.every === 0);
        const largest = Math.max(...golden.values.map(Math.abs));
        values.forEach((value, index) => {
          const error = Math.abs(value - golden.values[index]) / largest;
          assert.ok(error <= 1e-4, `value ${index}: ${value}, onnxruntime ${golden.values[index]}`);
        });
        assert.equal(values.length, golden.values.length);
      });
      disposeParameters(parameters);
    });
  }
});
