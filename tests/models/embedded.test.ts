import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadBackbone } from '../../lib/models/backbone';
import { embeddedDirectory, embeddedNames, findEmbedded } from '../../lib/models/embedded';
import { openBackbone } from '../../lib/models/open-backbone';
import { disposeParameters, readParameters } from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { vitConfigs, vitParameters } from '../../lib/models/vit';
import { hashFile } from '../../lib/files';
import { openSafetensors } from '../../lib/tensor/safetensors';
import { tf } from '../../lib/tf';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { imageStream, noise } from '../noise';

interface Fixture {
  sha256: string;
  cases: { height: number; width: number; classTokens: number[]; pooled: number[] }[];
}
const fixture: Fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/embedded.json'), 'utf8'));
const name = 'vit_mini_patch4';

describe('the project’s own weights', () => {
  it('are the file that the registry and the fixture know, with the network’s tensors in half the bytes', async () => {
    assert.deepEqual(embeddedNames(), [name]);
    const { weights, values, title, expected } = await openBackbone({ model: name, weights: 'embedded' });
    assert.deepEqual([weights, title], [{ source: 'embedded', sha256: fixture.sha256 }, 'mini ViT']);
    assert.equal(await hashFile(findEmbedded(name)), fixture.sha256);
    assert.deepEqual(
      [expected.mean, expected.std],
      [
        [0.5, 0.5, 0.5],
        [0.5, 0.5, 0.5],
      ],
    );
    const file = openSafetensors(findEmbedded(name));
    const table = vitParameters(vitConfigs[name], { classes: 0 });
    assert.deepEqual([...file.tensors.keys()], Object.keys(table));
    for (const [tensor, { type, shape, read }] of file.tensors) {
      assert.deepEqual([type, shape], ['F16', table[tensor].shape], tensor);
      assert.deepEqual(read(), values.get(tensor), tensor);
      assert.ok(values.get(tensor)?.every(Number.isFinite), tensor);
    }
    file.close();
  });

  it('give the features that timm’s Eva gives with them', async () => {
    for (const { height, width, classTokens, pooled } of fixture.cases) {
      const { backbone, parameters } = await loadBackbone({ name, weights: 'embedded', size: { height, width } });
      const pixels = Float32Array.from(noise(imageStream, 2 * height * width * 3));
      tf.tidy(() => {
        const images = tf.tensor4d(pixels, [2, height, width, 3]);
        const output = backbone.forward(images, createScope(readParameters(parameters)));
        assertClose(output.pooled.dataSync(), pooled, 2e-5, 'features');
        assertClose(output.map.slice([0, 0], [2, 1]).dataSync(), classTokens, 2e-5, 'class tokens');
      });
      disposeParameters(parameters);
    }
  });

  it('are of one network only, and have a card', async () => {
    await assert.rejects(
      openBackbone({ model: 'resnet18', weights: 'embedded' }),
      userError(/^No weights of resnet18 come with the project: take weights=embedded with vit_mini_patch4/),
    );
    const card = readFileSync(join(embeddedDirectory, 'README.md'), 'utf8');
    assert.ok(card.includes(fixture.sha256) && card.includes('npm run study -- dino-pretraining'));
  });
});
