import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { exportParameters } from '../../lib/models/parameters';
import { frozenSource } from '../../lib/studies/frozen-head';
import { openNetwork } from '../../lib/studies/networks';
import { classAttention, tokenImages, tokenMaps } from '../../lib/studies/token-maps';
import { vitStudy } from '../../lib/studies/vit-frozen-and-finetuned';
import { tf } from '../../lib/tf';
import { assertClose } from '../close';
import { cells } from './cells';

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

test('maps have a value a patch, of the network’s own values or of given ones', async () => {
  const network = await openNetwork({ profile: 'tour', model: 'auto', weights: 'random', size: 28, seed: 1 }, vitStudy.model); // prettier-ignore
  const before = tf.memory().numTensors;
  const dataset = cells();
  const source = frozenSource(network, dataset, 'corrected');
  const pixels = new Uint8Array(4 * 28 * 28 * 3);
  dataset.splits.test.readImages([0, 1, 2, 3], pixels);
  const maps = tokenMaps(source, pixels);
  assert.deepEqual([maps.rows, maps.columns, maps.attention.length, maps.components.length], [7, 7, 4 * 49, 4 * 147]);
  for (let image = 0; image < 4; image++) {
    const total = maps.attention.subarray(image * 49, (image + 1) * 49).reduce((sum, value) => sum + value, 0);
    assert.ok(total > 0.9 && total < 1, `the class token keeps a little for itself: ${total}`);
  }
  const values = exportParameters(network.parameters);
  assert.deepEqual(tokenMaps(source, pixels, values), maps);
  // A head, which a training has, does not matter; other values do.
  values.set('head.bias', new Float32Array(3));
  values.set(
    'blocks.3.attn.qkv.weight',
    (values.get('blocks.3.attn.qkv.weight') as Float32Array).map((x) => 3 * x),
  );
  assert.notDeepEqual(tokenMaps(source, pixels, values).attention, maps.attention);
  assert.equal(tf.memory().numTensors, before);
  network.dispose();
});

test('pictures say what is to be seen, and where the images come from', async () => {
  const network = await openNetwork({ profile: 'tour', model: 'auto', weights: 'random', size: 28, seed: 1 }, vitStudy.model); // prettier-ignore
  const { html } = await tokenImages(frozenSource(network, cells(), 'corrected'), { caption: 'Maps', count: 2 });
  assert.equal([...html.matchAll(/<img /g)].length, 6);
  assert.equal([...html.matchAll(/alt="attention of the class token on test image \d+, \w+: most at row \d, column \d of 7×7 patches"/g)].length, 2); // prettier-ignore
  assert.match(html, /Maps\. The three components hold \d+ % of the patch tokens’ variance\./);
  assert.match(html, /Images made by this project, not photographs\./);
  assert.doesNotMatch(html, /in between/, 'names are cut before their bracket');
  network.dispose();
});
