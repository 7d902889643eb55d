import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { openBackbone } from '../../lib/models/open-backbone';
import { tf, type Tensor2D } from '../../lib/tf';
import { input } from '../../lib/training/input-transforms';
import { classAttention, tokenMaps } from '../../lib/training/token-maps';
import { insideBlock } from '../../lib/workbench/inside-block';
import { sameNumbers } from '../../lib/workbench/networks';
import { tokenImages } from '../../lib/workbench/token-images';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { cells } from '../studies/cells';

interface Golden {
  shape: [number, number, number, number];
  prefix: number;
  weights: number[];
  ofClass: number[];
}

const { attention }: { attention: Golden[] } = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/token_maps.json'), 'utf8'),
);

test('the class token’s attention is the mean of the heads’ first rows, as numpy has it', () => {
  for (const { shape, prefix, weights, ofClass } of attention) {
    const tensor = tf.tensor4d(weights, shape);
    const before = tf.memory().numTensors;
    assertClose(classAttention(tensor, prefix), ofClass, 1e-6, 'attention');
    assert.equal(tf.memory().numTensors, before);
    tensor.dispose();
  }
});

const open = () => openBackbone({ model: 'vit_mini_patch4', weights: 'random', size: 28, seed: 1 });

test('maps have a value a patch, of the network’s own values or of given ones', async () => {
  const before = tf.memory().numTensors;
  const backbone = await open();
  const dataset = cells();
  const transform = input({ backbone });
  const pixels = new Uint8Array(4 * 28 * 28 * 3);
  dataset.splits.test.readImages([0, 1, 2, 3], pixels);
  const mapsOf = (given?: ReadonlyMap<string, Float32Array>) =>
    tokenMaps(backbone, transform, pixels, { channels: 3, values: given });
  const maps = await mapsOf();
  assert.deepEqual([maps.rows, maps.columns, maps.attention.length, maps.components.length], [7, 7, 4 * 49, 4 * 147]);
  for (let image = 0; image < 4; image++) {
    const total = maps.attention.subarray(image * 49, (image + 1) * 49).reduce((sum, value) => sum + value, 0);
    assert.ok(total > 0.9 && total < 1, `the class token keeps a little for itself: ${total}`);
  }
  const values = new Map(backbone.values);
  assert.deepEqual(await mapsOf(values), maps);
  // A head, which a training has, does not matter; other values do.
  values.set('head.bias', new Float32Array(3));
  values.set(
    'blocks.3.attn.qkv.weight',
    (values.get('blocks.3.attn.qkv.weight') as Float32Array).map((x) => 3 * x),
  );
  assert.notDeepEqual((await mapsOf(values)).attention, maps.attention);
  assert.equal(tf.memory().numTensors, before);
});

test('pictures say what is to be seen, and where the images come from', async () => {
  const backbone = await open();
  const { html } = await tokenImages(backbone, cells(), { input: input({ backbone }), caption: 'Maps', count: 2 });
  assert.equal([...html.matchAll(/<img /g)].length, 6);
  assert.equal(
    [
      ...html.matchAll(
        /alt="attention of the class token on test image \d+, \w+: most at row \d, column \d of 7×7 patches"/g,
      ),
    ].length,
    2,
  );
  assert.match(html, /Maps\. The three components hold \d+ % of the patch tokens’ variance\./);
  assert.match(html, /Images made by this project, not photographs\./);
  assert.doesNotMatch(html, /in between/, 'names are cut before their bracket');
  const resnet = await openBackbone({ model: 'resnet18', weights: 'random', size: 28 });
  await assert.rejects(
    tokenImages(resnet, cells(), { input: input({ backbone: resnet }) }),
    userError(/^resnet18 has no attention to be shown/),
  );
});

for (const [model, size] of [
  ['vit_mini_patch4', 28],
  ['vit_small_patch16_dinov3', 32],
] as const)
  test(`attention written out is the library’s, with the positions of ${model}`, async () => {
    const before = tf.memory().numTensors;
    const backbone = await openBackbone({ model, weights: 'random', size, seed: 1 });
    const text = await insideBlock(backbone, cells(), { input: input({ backbone }), block: 2 }, (inside) => {
      const { tokens, p, heads, turn } = inside;
      const width = tokens.shape[1] / heads;
      const centred = tokens.sub(tokens.mean(1, true));
      const scaled = centred.div(centred.square().mean(1, true).add(inside.epsilon).sqrt());
      const normed = scaled.mul(p.get('norm1.weight')).add(p.get('norm1.bias'));
      const product = normed.matMul(p.get('attn.qkv.weight'));
      const bias = p.optional('attn.qkv.bias');
      const qkv = (bias === undefined ? product : product.add(bias)) as Tensor2D;
      const part = (index: number) => qkv.slice([0, (index * heads + 1) * width], [-1, width]);
      const shares = tf.softmax(
        turn(part(0))
          .matMul(turn(part(1)), false, true)
          .div(Math.sqrt(width)),
      );
      const pairs = {
        shares: [shares, inside.attention(1)],
        taken: [shares.matMul(part(2)), inside.attended(1)],
      } as const;
      assert.throws(
        () => sameNumbers({ shares: [shares.mul(1.01), inside.attention(1)] }),
        userError(/not the library's/),
      );
      return sameNumbers(pairs).text;
    });
    assert.match(text, /shares/);
    assert.equal(tf.memory().numTensors, before);
    await assert.rejects(
      insideBlock(backbone, cells(), { input: input({ backbone }), block: 0 }, () => 0),
      userError(/^block is 0, but must be a whole number from 1/),
    );
  });
