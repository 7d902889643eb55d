import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { disposeParameters, readParameters, type ParameterTable } from '../../lib/models/parameters';
import { resnetForward, resnetParameters, type ResnetConfig } from '../../lib/models/resnet';
import { createScope } from '../../lib/models/scope';
import { vitConfigs, vitForward, vitParameters, type VitConfig } from '../../lib/models/vit';
import { parametersFromCheckpoint } from '../../lib/models/weights-file';
import { tf, type Tensor2D, type Tensor4D } from '../../lib/tf';
import { attentionRollout } from '../../lib/training/attention-rollout';
import { gradCamMaps } from '../../lib/training/grad-cam';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { imageStream, noise, transformerWeights } from '../noise';

interface Golden {
  tensors: Record<string, [index: number, shape: number[]]>;
  height: number;
  width: number;
}
/** Made by make_explanations.py. */
const fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/explanations.json'), 'utf8')) as {
  gradCam: Golden & { likeliest: number[]; maps: Record<string, number[]> };
} & Record<'vit' | 'dinov3', Golden & { rollout: number[] }>;
const [batch, classes] = [2, 5];

function load(table: ParameterTable, { tensors }: Golden) {
  const checkpoint = Object.entries(tensors).map(([name, [index, shape]]) => {
    return [name, { shape, read: () => transformerWeights(name, shape, index) }] as const;
  });
  return parametersFromCheckpoint(table, new Map(checkpoint), { source: 'noise' });
}

function imagesOf({ height, width }: Golden): Tensor4D {
  const values = Float32Array.from(noise(imageStream, batch * height * width * 3));
  return tf.tensor4d(values, [batch, height, width, 3]);
}

describe('Grad-CAM', () => {
  const config: ResnetConfig = { depths: [1, 1, 1, 1], block: 'basic' };
  const golden = fixture.gradCam;
  const forward = (images: Tensor4D, scope: Parameters<typeof resnetForward>[1]) =>
    resnetForward(images, scope, config).logits as Tensor2D;

  it('gives the maps of pytorch-grad-cam, at any depth, and leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    const parameters = load(resnetParameters(config, { classes }), golden);
    const { height, width } = golden;
    for (const [key, expected] of Object.entries(golden.maps)) {
      const [layer, target] = key.split(' ');
      const classIndex = target === 'likeliest' ? undefined : Number(target);
      tf.tidy(() => {
        const request = { forward, values: readParameters(parameters), layer, classIndex };
        const { maps, classes: found } = gradCamMaps(imagesOf(golden), request);
        assert.deepEqual([...found], classIndex === undefined ? golden.likeliest : [classIndex, classIndex]);
        assert.equal(maps.length, batch * height * width);
        const chosen = maps.filter(
          (_, at) => Math.floor((at % (height * width)) / width) % 7 === 0 && (at % width) % 9 === 0,
        );
        assert.equal(chosen.length, expected.length);
        chosen.forEach((value, at) =>
          assert.ok(Math.abs(value - expected[at]) < 1e-4, `${key} at ${at}: ${value} ${expected[at]}`),
        );
      });
    }
    disposeParameters(parameters);
    assert.equal(tf.memory().numTensors, before);
  });

  it('refuses layers and classes that there are not', () => {
    const parameters = load(resnetParameters(config, { classes }), golden);
    const before = tf.memory().numTensors;
    const ask = (request: object) => () =>
      tf.tidy(() => {
        const values = readParameters(parameters);
        gradCamMaps(imagesOf(golden), { forward, values, layer: 'layer4', ...request });
      });
    assert.throws(
      ask({ layer: 'layer5' }),
      userError(/^There is no layer "layer5": choose layer1, layer2, layer3, layer4\.$/),
    );
    assert.throws(ask({ classIndex: 5 }), userError(/^classIndex is 5, but must be a whole number from 0 to 4\.$/));
    assert.equal(tf.memory().numTensors, before);
    disposeParameters(parameters);
  });
});

describe('attention roll-out', () => {
  const base = { patchSize: 8, width: 24, depth: 3, heads: 3 };
  const configs: Record<'vit' | 'dinov3', VitConfig> = {
    vit: { ...vitConfigs.vit_tiny_patch16_224, ...base, grid: [4, 4] },
    dinov3: { ...vitConfigs.vit_small_patch16_dinov3, ...base, width: 32, heads: 2, depth: 2 },
  };
  for (const name of ['vit', 'dinov3'] as const) {
    it(`follows the class token through all blocks: ${name}`, () => {
      const [config, golden] = [configs[name], fixture[name]];
      const before = tf.memory().numTensors;
      const parameters = load(vitParameters(config, { classes }), golden);
      tf.tidy(() => {
        const attentionOf = Array.from({ length: config.depth }, (_, index) => index);
        const scope = createScope(readParameters(parameters));
        const { attentions, prefixTokens } = vitForward(imagesOf(golden), scope, config, { attentionOf });
        assertClose(attentionRollout(attentions, prefixTokens), golden.rollout, 1e-5, name);
      });
      disposeParameters(parameters);
      assert.equal(tf.memory().numTensors, before);
    });
  }

  it('of uniform attention to one patch alone gives that patch what is left of the class token', () => {
    tf.tidy(() => {
      // Three tokens; all look at the last one.
      const attention = tf.tensor4d([0, 0, 1, 0, 0, 1, 0, 0, 1], [1, 1, 3, 3]);
      assertClose(attentionRollout([attention, attention], 1), [0, 0.75], 1e-7, 'rollout');
      // Where the head is given the mean of the two patches, the last of which is made of itself alone.
      assertClose(attentionRollout([attention, attention], 1, 'mean'), [0.125, 0.875], 1e-7, 'of the mean');
    });
  });
});
