import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { endToEnd, reconstructionDecoder } from '../../lib/models/encoder-networks';
import { denoiseOnce, type DenoisingRun } from '../../lib/runs/denoise';
import { tf } from '../../lib/tf';
import { pretrained } from '../../lib/workbench/mask-data';
import { userError } from '../data/user-error';
import { toyNetworks } from '../training/encoders';
import { toySegmentation, withoutSeconds } from '../training/toy-segmentation';

const scratch = mkdtempSync(join(tmpdir(), 'denoise-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const data = toySegmentation();
const settings = { epochs: 3, batchSize: 8, learningRate: 1e-3, noise: 0.1, seed: 1 };

async function denoise(
  name: string,
  options: Partial<Parameters<typeof denoiseOnce>[3]> = {},
): Promise<DenoisingRun | undefined> {
  const { encoder } = await toyNetworks();
  const network = endToEnd(encoder, reconstructionDecoder(encoder, { widths: [8, 6, 4, 4] }));
  const before = tf.memory().numTensors;
  const run = await denoiseOnce(network, data, settings, { folder: join(scratch, name), ...options });
  assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  return run;
}

describe('pre-training by denoising', () => {
  it('is done once, and gives an encoder other weights', async () => {
    const run = await denoise('whole');
    assert.ok(run);
    assert.equal(run.history.length, 3);
    const [folder] = readdirSync(join(scratch, 'whole'));
    assert.deepEqual(readdirSync(join(scratch, 'whole', folder)).sort(), [
      'best.safetensors',
      'configuration.json',
      'result.json',
    ]);
    const events: string[] = [];
    const again = await denoise('whole', { onProgress: ({ kind }) => events.push(kind) });
    assert.deepEqual([again?.values, again?.history, events], [run.values, run.history, []]);
    const { encoder } = await toyNetworks();
    const trained = pretrained(encoder, run);
    assert.notEqual(trained.weights.origin.sha256, encoder.weights.origin.sha256);
    assert.deepEqual([...trained.weights.values.keys()].sort(), Object.keys(encoder.table).sort());
    assert.throws(() => pretrained(encoder, undefined), userError(/^toy ViT has not been pre-trained to the end/));
    const { ids, noisy, original } = run.reconstruct(data, 2);
    assert.deepEqual([ids.length, noisy.length], [2, original.length]);
  });

  it('that is stopped continues to the same weights', async () => {
    const controller = new AbortController();
    const stopped = await denoise('stopped', {
      signal: controller.signal,
      onProgress: ({ kind }) => kind === 'epoch' && controller.abort(),
    });
    assert.equal(stopped, undefined);
    const [rest, whole] = [await denoise('stopped'), await denoise('whole')];
    assert.deepEqual(rest?.values, whole?.values);
    assert.deepEqual(withoutSeconds(rest?.history ?? []), withoutSeconds(whole?.history ?? []));
  });
});
