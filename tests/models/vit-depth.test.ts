import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createBackbone, loadBackbone } from '../../lib/models/backbone';
import { dinoUnetBlocks, encodeBlockMaps } from '../../lib/models/feature-maps';
import {
  countParameters,
  createParameters,
  disposeParameters,
  exportParameters,
  readParameters,
} from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { vitConfigs } from '../../lib/models/vit';
import { writeSafetensors } from '../../lib/tensor/safetensors';
import { tf, type Tensor4D } from '../../lib/tf';
import { userError } from '../data/user-error';

const scratch = mkdtempSync(join(tmpdir(), 'vit-depth-'));
after(() => rmSync(scratch, { recursive: true }));

const name = 'vit_tiny_patch16_224';
const size = 32;

describe('a vision transformer that is cut after a block', () => {
  it('has the study’s 151,937,024 values where ViT-L ends after block 11, and all without a cut', () => {
    const count = (depth?: number): number => countParameters(createBackbone('vit_large_patch16_dinov3', { depth }));
    assert.equal(count(12), 151_937_024);
    assert.equal(count(24), 303_079_424);
    assert.equal(count(), 303_079_424);
  });

  it('gives the maps of the whole network, to the last bit, and loads from its file without the rest', async () => {
    const whole = createBackbone(name, { size });
    const parameters = createParameters(whole.table, 3);
    const file = join(scratch, 'whole.safetensors');
    const values = exportParameters(parameters);
    writeSafetensors(
      file,
      new Map([...values].map(([key, value]) => [key, { shape: whole.table[key].shape, values: value }])),
    );
    const before = tf.memory().numTensors;
    const cut = await loadBackbone({ name, weights: file, size, depth: 6 });
    assert.equal(cut.parameters.variables.size, Object.keys(cut.backbone.table).length);
    assert.ok(!('blocks.6.norm1.weight' in cut.backbone.table) && 'blocks.5.norm1.weight' in cut.backbone.table);
    tf.tidy(() => {
      const images: Tensor4D = tf.randomNormal([2, size, size, 3], 0, 1, 'float32', 5);
      const selection = { blocks: [2, 5], normalizeTokens: true };
      const config = { ...vitConfigs[name], grid: [2, 2] as const, depth: 6 };
      const expected = encodeBlockMaps(
        { ...config, depth: vitConfigs[name].depth },
        images,
        createScope(readParameters(parameters)),
        selection,
      );
      const actual = encodeBlockMaps(config, images, createScope(readParameters(cut.parameters)), selection);
      expected.forEach((map, index) => {
        assert.deepEqual(actual[index].dataSync(), map.dataSync());
      });
    });
    disposeParameters(cut.parameters);
    assert.equal(tf.memory().numTensors, before);
    disposeParameters(parameters);
  });

  it('is published with blocks of its first half alone', () => {
    const { blocks } = dinoUnetBlocks({ depth: 24 }, 'as-published');
    assert.deepEqual(blocks, [2, 5, 8, 11]);
  });

  it('has at least one block and no more than the network, which is no other kind', () => {
    for (const depth of [0, 13, 1.5, NaN])
      assert.throws(
        () => createBackbone(name, { depth }),
        userError(
          new RegExp(`^The depth is ${depth}, but ${name} has 12 blocks: give a whole number from 1 to 12\\.$`),
        ),
      );
    assert.throws(
      () => createBackbone('resnet18', { depth: 2 }),
      userError(/^resnet18 cannot be cut after a block: it is a resnet, only a vit can\.$/),
    );
  });
});
