import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  countParameters,
  createParameters,
  disposeParameters,
  readParameters,
  trainableNames,
} from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { unetConfigs, unetForward, unetParameters } from '../../lib/models/unet';
import { tf, type Scalar, type Tensor } from '../../lib/tf';
import { lossAndGradients } from '../../lib/training/gradients';
import { userError } from '../data/user-error';
import { imageStream } from '../noise';
import { assertSameShapes, checkPass, noiseMap, noiseParameters, type GoldenPass } from './segmentation-golden';

interface Fixture {
  parameters: number;
  shapes: Record<string, number[]>;
  passes: (GoldenPass & { size: [number, number] })[];
}

const fixture: Fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/unet.json'), 'utf8'));
/** As in the fixture's script. */
const [batch, classes, small] = [3, 2, { widths: [4, 6, 8] }];

describe('U-Net', () => {
  it('has as many trained values as published, and PyTorch’s names and shapes', () => {
    const { unet_base32: published } = unetConfigs;
    assert.equal(countParameters({ table: unetParameters(published) }), 7_763_041);
    assert.equal(fixture.parameters, 7_763_041);
    assert.equal(countParameters({ table: unetParameters(published, { channels: 1 }) }), 7_763_041 - 2 * 9 * 32);
    assertSameShapes(unetParameters(small, { classes }), fixture.shapes);
  });

  for (const golden of fixture.passes) {
    const { size, training } = golden;
    it(`computes what PyTorch’s does, ${training ? 'training' : 'evaluation'} at ${size.join('×')}`, () => {
      const parameters = noiseParameters(unetParameters(small, { classes }));
      const images = () => [noiseMap(imageStream, [batch, ...size, 3])];
      checkPass(parameters, golden, images, ([x], scope) => {
        const { logits, encoder, decoder } = unetForward(x, scope, small);
        return {
          logits,
          ...Object.fromEntries(encoder.map((stage, level) => [`encoder ${level}`, stage])),
          ...Object.fromEntries(decoder.map((stage, level) => [`decoder ${level}`, stage])),
        };
      });
      disposeParameters(parameters);
    });
  }

  it('starts from values with which a training step lowers the loss', () => {
    const before = tf.memory().numTensors;
    const parameters = createParameters(unetParameters(small), 3);
    const names = trainableNames(parameters);
    const losses: number[] = [];
    for (let step = 0; step < 2; step++) {
      tf.tidy(() => {
        const images = noiseMap(imageStream, [batch, 16, 16, 3]);
        const masks = images.slice([0, 0, 0, 0], [batch, 16, 16, 1]).greater(0).toFloat();
        const { loss, gradients } = lossAndGradients(parameters, names, (scope) => ({
          loss: tf.losses.sigmoidCrossEntropy<Tensor, Scalar>(masks, unetForward(images, scope, small).logits),
        }));
        losses.push(loss.dataSync()[0]);
        for (const [name, gradient] of gradients) {
          const variable = parameters.variables.get(name);
          variable?.assign(variable.read().sub(gradient.mul(0.1)));
        }
      });
    }
    assert.ok(losses[1] < losses[0], losses.join(', '));
    disposeParameters(parameters);
    assert.equal(tf.memory().numTensors, before);
  });

  it('holds no intermediates of a pass longer than their level needs them', () => {
    const parameters = createParameters(unetParameters(small), 3);
    tf.tidy(() => {
      const scope = createScope(readParameters(parameters));
      const images = noiseMap(imageStream, [batch, 16, 16, 3]);
      const tensors = tf.memory().numTensors;
      const { encoder, decoder } = unetForward(images, scope, small);
      // The levels' outputs, and of the last convolution its result without and with the bias.
      assert.equal(tf.memory().numTensors, tensors + encoder.length + decoder.length + 2);
    });
    disposeParameters(parameters);
  });

  it('says which images are too small', () => {
    const parameters = createParameters(unetParameters(small), 3);
    const before = tf.memory().numTensors;
    const forward = () =>
      tf.tidy(() => unetForward(tf.zeros([1, 3, 9, 3]), createScope(readParameters(parameters)), small).logits);
    assert.throws(forward, userError(/^Images of 3×9 are too small for a U-Net of 3 levels: take 4×4 or more\.$/));
    assert.equal(tf.memory().numTensors, before);
    disposeParameters(parameters);
  });
});
