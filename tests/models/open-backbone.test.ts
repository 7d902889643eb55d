import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import { checkBackbone, classifier, openBackbone } from '../../lib/models/open-backbone';
import { exportParameters, importParameters, createParameters, disposeParameters } from '../../lib/models/parameters';
import { initialParameters } from '../../lib/models/initial-values';
import { writeSafetensors } from '../../lib/tensor/safetensors';
import { tf } from '../../lib/tf';
import { input } from '../../lib/training/input-transforms';
import { userError } from '../data/user-error';

const folder = mkdtempSync(join(tmpdir(), 'backbone-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const model = 'vit_mini_patch4';

describe('a backbone', () => {
  it('has random weights by the seed alone, and nothing on the device', async () => {
    const before = tf.memory().numTensors;
    const open = (seed: number) => openBackbone({ model, weights: 'random', size: 28, seed });
    const [one, same, other] = [await open(1), await open(1), await open(2)];
    assert.equal(one.weights.sha256, same.weights.sha256);
    assert.notEqual(one.weights.sha256, other.weights.sha256);
    assert.deepEqual([one.weights.source, one.seed, one.title], ['random', 1, 'mini ViT']);
    assert.equal(tf.memory().numTensors, before);
  });

  it('takes the weights of a file, and says whose they are', async () => {
    const drawn = await openBackbone({ model: 'resnet18', weights: 'random', seed: 3 });
    const file = join(folder, 'mine.safetensors');
    const tensors = [...drawn.values].map(
      ([name, values]) => [name, { shape: drawn.table[name].shape, values }] as const,
    );
    writeSafetensors(file, new Map(tensors));
    const read = await openBackbone({ model: 'resnet18', weights: file });
    assert.deepEqual(read.values, drawn.values);
    assert.deepEqual([read.weights.source, read.seed], ['mine.safetensors', undefined]);
    assert.match(read.weights.sha256, /^[0-9a-f]{64}$/);
  });

  it('is refused where it cannot be had, before anything is loaded', () => {
    const check = (given: Partial<Parameters<typeof checkBackbone>[0]>) => () =>
      checkBackbone({ model, weights: 'random', size: 28, ...given });
    check({})();
    assert.throws(check({ model: 'vit_tiny' }), userError(/^There is no model "vit_tiny"/));
    const without = { model: 'vit_tiny_patch16_224', size: 224, weights: 'embedded' };
    assert.throws(
      check(without),
      userError(
        /^No weights of vit_tiny_patch16_224 come with the project: take weights=embedded with vit_mini_patch4,/,
      ),
    );
    assert.throws(check({ size: 30 }), userError(/do not divide into patches/));
    const file = join(folder, 'none.safetensors');
    const missing = { model: 'vit_tiny_patch16_224', size: 224, weights: file };
    assert.throws(check(missing), userError(/^There are no weights ".*none\.safetensors"/));
    writeFileSync(file, '');
    check(missing)();
  });
});

describe('a classifier on a backbone', () => {
  it('starts from the backbone’s values, with a new head, and knows its layers', async () => {
    const backbone = await openBackbone({ model, weights: 'random', size: 28, seed: 1 });
    const network = classifier(backbone, { classes: 3, input: input({ backbone, crop: 0.9 }) });
    assert.deepEqual(network.table['head.weight'].shape, [3, 192]);
    assert.equal(network.initial, backbone.values);
    assert.equal(network.transform?.key, 'bicubic 28×28, crop 0.9');
    assert.equal(network.weights.sha256, backbone.weights.sha256);
    const names = ['cls_token', 'blocks.0.norm1.weight', 'blocks.3.mlp.fc1.weight', 'head.bias'];
    assert.deepEqual(
      names.map((name) => network.layerOf?.(name)),
      [0, 1, 4, 7],
    );
    const parameters = initialParameters(network.table, 7, network.initial);
    const values = exportParameters(parameters);
    assert.deepEqual(values.get('norm.weight'), backbone.values.get('norm.weight'));
    const drawn = createParameters(network.table, 7);
    assert.deepEqual(values.get('head.weight'), exportParameters(drawn).get('head.weight'));
    importParameters(drawn, values, 'all');
    for (const one of [parameters, drawn]) disposeParameters(one);
  });

  it('has its rate of stochastic depth in what tells trainings apart, not in what a saved model says', async () => {
    const backbone = await openBackbone({ model, weights: 'random', size: 28, seed: 1 });
    const options = { classes: 3, input: input({ backbone }) };
    const network = classifier(backbone, { ...options, stochasticDepth: 0.1 });
    assert.deepEqual(network.spec, classifier(backbone, options).config);
    assert.deepEqual(network.config, { ...network.spec, stochasticDepth: 0.1 });
    assert.throws(
      () => classifier(backbone, { ...options, stochasticDepth: 1 }),
      userError(/^stochasticDepth is 1, but must be at least 0 and below 1\.$/),
    );
    const resnet = await openBackbone({ model: 'resnet18', weights: 'random', seed: 1 });
    assert.throws(
      () => classifier(resnet, { classes: 3, input: input({ backbone: resnet }), stochasticDepth: 0.1 }),
      userError(/^resnet18 has no branches that stochasticDepth could leave out: /),
    );
  });
});

describe('an input', () => {
  it('is resized and cut, or as it is on black, for a backbone or of a size', async () => {
    const backbone = await openBackbone({ model, weights: 'random', size: 28, seed: 1 });
    const keys = [{ backbone }, { backbone, crop: 0.9 }, { backbone, mode: 'zero-padded' }, { size: 64 }] as const;
    assert.deepEqual(
      keys.map((given) => input(given).key),
      ['bicubic 28×28, crop 1', 'bicubic 28×28, crop 0.9', 'zero-padded 28×28', 'bicubic 64×64, crop 1'],
    );
    const bytes = new Uint8Array(28 * 28 * 3).fill(9);
    assert.equal(await input({ size: 28 }).apply(bytes, [1, 28, 28, 3]), bytes);
    assert.throws(() => input({ size: 28, crop: 1.1 }), userError(/^crop is 1\.1, but must be a share/));
    assert.throws(() => input({}), userError(/^input needs the backbone/));
  });
});
