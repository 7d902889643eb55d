import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createBackbone, vitConfigAt } from '../../lib/models/architecture';
import { dinoUnetBlocks, encodeBlockMaps, encodeMap, mapOfTokens } from '../../lib/models/feature-maps';
import { countParameters, disposeParameters, readParameters } from '../../lib/models/parameters';
import { architectureNames } from '../../lib/models/pretrained';
import { createScope } from '../../lib/models/scope';
import { vitConfigs, type VitConfig, type VitName } from '../../lib/models/vit';
import { translateNames } from '../../lib/models/weight-names';
import { parametersFromCheckpoint } from '../../lib/models/weights-file';
import { tf, type Tensor3D } from '../../lib/tf';
import { userError } from '../data/user-error';
import { assertFingerprint, imageStream, transformerWeights, type Fingerprint } from '../noise';
import { noiseMap } from './segmentation-golden';

interface Golden {
  height: number;
  width: number;
  shapes: Record<string, number[]>;
  map: Fingerprint;
  doubledEmbedding: Fingerprint;
  blocks: Fingerprint[];
  normalizedBlocks: Fingerprint[];
}

const { encoder: golden }: { encoder: Golden } = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/decoders.json'), 'utf8'),
);

/** torchvision's network under its names. */
function noiseEncoder() {
  const { height, width } = golden;
  const backbone = createBackbone('vit_tiny_patch16_224', { size: { height, width } });
  const checkpoint = new Map(
    Object.entries(golden.shapes).map(([name, shape], index) => [
      name,
      { shape, read: () => transformerWeights(name, shape, index) },
    ]),
  );
  const parameters = parametersFromCheckpoint(backbone.table, translateNames(checkpoint, 'vit'), { source: 'noise' });
  const config = vitConfigAt('vit_tiny_patch16_224', { height: golden.height, width: golden.width });
  return { config, parameters };
}

describe('the feature map of a vision transformer', () => {
  it('comes of an encoder with as many values as the study’s', () => {
    assert.equal(countParameters({ table: createBackbone('vit_base_patch16_224').table }), 85_798_656);
  });

  it('is torchvision’s, with positions and the final norm once, and twice as the study had them', () => {
    const { config, parameters } = noiseEncoder();
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const images = noiseMap(imageStream, [2, golden.height, golden.width, 3]);
      const scope = createScope(readParameters(parameters));
      const tensors = tf.memory().numTensors;
      const map = encodeMap(config, images, scope);
      assert.deepEqual(map.shape, [2, 2, 3, 192]);
      assertFingerprint(map.dataSync(), golden.map, 1e-5, 'map');
      const doubled = encodeMap(config, images, scope, { doubledEmbedding: true });
      assertFingerprint(doubled.dataSync(), golden.doubledEmbedding, 1e-5, 'doubled');
      assert.equal(tf.memory().numTensors, tensors + 2);
    });
    assert.equal(tf.memory().numTensors, before);
    disposeParameters(parameters);
  });

  it('is torchvision’s after each block too', () => {
    const { config, parameters } = noiseEncoder();
    tf.tidy(() => {
      const images = noiseMap(imageStream, [2, golden.height, golden.width, 3]);
      const scope = createScope(readParameters(parameters));
      for (const arm of ['as-published', 'corrected'] as const) {
        const selection = dinoUnetBlocks(config, arm);
        const expected = selection.normalizeTokens ? golden.normalizedBlocks : golden.blocks;
        const tensors = tf.memory().numTensors;
        const maps = encodeBlockMaps(config, images, scope, selection);
        assert.equal(tf.memory().numTensors, tensors + 4);
        maps.forEach((map, index) => {
          assert.deepEqual(map.shape, [2, 2, 3, 192]);
          assertFingerprint(
            map.dataSync(),
            expected[selection.blocks[index]],
            1e-5,
            `block ${selection.blocks[index]}`,
          );
        });
      }
    });
    disposeParameters(parameters);
  });

  it('has no class token and no registers in it, and the patches row by row', () => {
    tf.tidy(() => {
      const tokens = tf.range(0, 2 * 11).reshape<Tensor3D>([2, 11, 1]);
      const map = mapOfTokens(tokens, [2, 3]);
      assert.deepEqual(map.shape, [2, 2, 3, 1]);
      assert.deepEqual([...map.dataSync()], [5, 6, 7, 8, 9, 10, 16, 17, 18, 19, 20, 21]);
    });
  });

  it('has no doubled positions where a network adds none', () => {
    const images = noiseMap(1, [1, 32, 32, 3]);
    const before = tf.memory().numTensors;
    const scope = createScope(new Map());
    const dinov3 = vitConfigs.vit_small_patch16_dinov3;
    assert.throws(
      () => encodeMap(dinov3, images, scope, { doubledEmbedding: true }),
      userError(/^The network adds no positions to its tokens: doubledEmbedding is for models that do\.$/),
    );
    assert.equal(tf.memory().numTensors, before);
    images.dispose();
  });
});

describe('the blocks of Dino U-Net', () => {
  it('are in every vision transformer, and the corrected ones reach its end', () => {
    const names = architectureNames().filter((name): name is VitName => name in vitConfigs);
    assert.ok(names.length > 3);
    for (const name of names) {
      const { depth }: VitConfig = vitConfigs[name];
      const published = depth < 12 ? [1, 2, 4, 5] : [2, 5, 8, 11];
      assert.deepEqual(dinoUnetBlocks({ depth }, 'as-published'), { blocks: published, normalizeTokens: false });
      const { blocks, normalizeTokens } = dinoUnetBlocks({ depth }, 'corrected');
      assert.equal(blocks[3], depth - 1);
      assert.ok(normalizeTokens);
    }
    assert.deepEqual(dinoUnetBlocks({ depth: 24 }, 'corrected').blocks, [4, 11, 17, 23]);
  });
});
