import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { disposeParameters, readParameters, type ParameterTable } from '../../lib/models/parameters';
import { resnetForward, resnetParameters } from '../../lib/models/resnet';
import { createScope, type Scope } from '../../lib/models/scope';
import { swinForward, swinParameters, type SwinConfig } from '../../lib/models/swin';
import { vitConfigs, vitForward, vitParameters, type VitConfig } from '../../lib/models/vit';
import { translateNames, type Checkpoint, type CheckpointTensor } from '../../lib/models/weight-names';
import { parametersFromCheckpoint } from '../../lib/models/weights-file';
import { tf, type Tensor, type Tensor4D } from '../../lib/tf';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { imageStream, noise, transformerWeights } from '../noise';

/** Made by make_weight_names.py. */
interface Golden {
  size: number;
  shapes: Record<string, number[]>;
  renamed: Record<string, string>;
  values: number[];
}
const fixture: Record<string, Golden> = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/weight_names.json'), 'utf8'),
);
const [batch, classes] = [2, 5];

type Family = 'resnet' | 'vit' | 'swin';
interface Case {
  readonly family: Family;
  readonly table: ParameterTable;
  run(images: Tensor4D, scope: Scope): Tensor | undefined;
}

const vitCase = (config: VitConfig, heads: number, output: 'logits' | 'pooled'): Case => ({
  family: 'vit',
  table: vitParameters(config, { classes: heads }),
  run: (images, scope) => vitForward(images, scope, config)[output],
});
const resnetCase = (config: Parameters<typeof resnetForward>[2]): Case => ({
  family: 'resnet',
  table: resnetParameters(config, { classes }),
  run: (images, scope) => resnetForward(images, scope, config).logits,
});
const swinConfig: SwinConfig = { patchSize: 4, window: 4, width: 16, depths: [2, 2], heads: [2, 4], normEpsilon: 1e-5 };
const swin: Case = {
  family: 'swin',
  table: swinParameters(swinConfig, { classes }),
  run: (images, scope) => swinForward(images, scope, swinConfig).logits,
};
const base = { patchSize: 8, width: 24, depth: 2, heads: 3, grid: [4, 4] } as const;
/** As in the fixture's script. */
const cases: Record<string, Case> = {
  vit: vitCase({ ...vitConfigs.vit_tiny_patch16_224, ...base }, classes, 'logits'),
  dinov2: vitCase({ ...vitConfigs.vit_small_patch14_dinov2, ...base, patchSize: 7 }, 0, 'pooled'),
  dinov3: vitCase(
    { ...vitConfigs.vit_small_patch16_dinov3, ...base, width: 32, heads: 2, grid: undefined },
    0,
    'pooled',
  ),
  swin,
  'swin of torchvision': swin,
  resnet: resnetCase({ depths: [2, 2, 2, 2], block: 'basic', width: 8 }),
  'resnet of bottlenecks': resnetCase({ depths: [1, 1, 1, 1], block: 'bottleneck', width: 4 }),
};

function checkpointOf({ shapes }: Golden): Map<string, CheckpointTensor> {
  return new Map(
    Object.entries(shapes).map(([name, shape], index) => [
      name,
      { shape, read: () => transformerWeights(name, shape, index) },
    ]),
  );
}

function assertComputes(name: string, checkpoint: Checkpoint): void {
  const { family, table, run } = cases[name];
  const { size, values } = fixture[name];
  const parameters = parametersFromCheckpoint(table, translateNames(checkpoint, family), { source: name });
  tf.tidy(() => {
    const pixels = Float32Array.from(noise(imageStream, batch * size * size * 3));
    const output = run(tf.tensor4d(pixels, [batch, size, size, 3]), createScope(readParameters(parameters)));
    assert.ok(output);
    assertClose(output.dataSync(), values, 5e-6, name);
  });
  disposeParameters(parameters);
}

describe('weights of other libraries compute what they do there', () => {
  for (const name of Object.keys(cases)) {
    it(`${name}: under the names of its files`, () => {
      const before = tf.memory().numTensors;
      assertComputes(name, checkpointOf(fixture[name]));
      assert.equal(tf.memory().numTensors, before);
    });

    it(`${name}: under the names of a state dict, within a training's module`, () => {
      const stored = checkpointOf(fixture[name]);
      const renamed = new Map(Object.entries(fixture[name].renamed).map(([own, file]) => [file, own]));
      for (const wrapper of ['module.', 'model.', 'module.model.', '_orig_mod.', 'backbone.', 'model.backbone.']) {
        assertComputes(
          name,
          new Map([...stored].map(([file, tensor]) => [wrapper + (renamed.get(file) ?? file), tensor])),
        );
      }
    });
  }
});

describe('biases of query, key and value', () => {
  const vector = (value: number): CheckpointTensor => ({ shape: [2], read: () => new Float32Array(2).fill(value) });
  const layer = (query: number, value: number): Checkpoint =>
    new Map([
      ['embeddings.register_tokens', vector(1)],
      ['layer.0.attention.q_proj.bias', vector(query)],
      ['layer.0.attention.v_proj.bias', vector(value)],
    ]);

  it('are zero where one of the three has none', () => {
    const bias = translateNames(layer(3, 4), 'vit').get('blocks.0.attn.qkv.bias');
    assert.deepEqual(bias?.shape, [6]);
    assert.deepEqual([...(bias?.read() ?? [])], [3, 3, 0, 0, 4, 4]);
  });

  it('are left out where DINOv3’s are zero, as in timm', () => {
    assert.deepEqual([...translateNames(layer(0, 0), 'vit').keys()], ['reg_token']);
  });
});

describe('names that cannot be translated', () => {
  const tensor: CheckpointTensor = { shape: [1], read: () => new Float32Array(1) };

  it('of two networks in one file are named', () => {
    assert.throws(
      () =>
        translateNames(
          new Map([
            ['module.cls_token', tensor],
            ['backbone.cls_token', tensor],
          ]),
          'vit',
          'dino.safetensors',
        ),
      userError(
        /^dino\.safetensors has both module\.cls_token and backbone\.cls_token, each of them the model’s cls_token: save/,
      ),
    );
  });

  it('of a part of query, key and value are listed as they are', () => {
    const found = translateNames(new Map([['layer.0.attention.q_proj.weight', tensor]]), 'vit');
    assert.deepEqual([...found.keys()], ['blocks.0.attn.query.weight']);
  });
});
