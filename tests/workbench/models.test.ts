import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { halfNormalization } from '../../lib/data/normalization';
import type { Dataset } from '../../lib/data/dataset';
import { openDataset } from '../../lib/data/open';
import type { Network } from '../../lib/models/network';
import { libraryNetwork } from '../../lib/models/networks';
import { createParameters, disposeParameters, exportParameters } from '../../lib/models/parameters';
import type { NotebookKernel } from '../../lib/notebook-kernel';
import { loadModel, writeModel } from '../../lib/runs/saved-model';
import { tf } from '../../lib/tf';
import { attentionRollout, gradCam } from '../../lib/workbench/explanations';
import { predict } from '../../lib/workbench/models';
import { userError } from '../data/user-error';

const folder = mkdtempSync(join(tmpdir(), 'workbench-models-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const facts = { name: 'Small', normalization: halfNormalization };
const spec = {
  family: 'resnet',
  architecture: 'small',
  classes: 8,
  depths: [1, 1, 1, 1],
  block: 'basic',
  width: 8,
} as const;
const resnet = libraryNetwork({ ...spec, depths: [...spec.depths] }, facts);
const vit = libraryNetwork(
  {
    family: 'vit',
    architecture: 'small',
    classes: 8,
    patchSize: 7,
    width: 24,
    depth: 2,
    heads: 3,
    grid: [4, 4],
    registerTokens: 0,
    qkvBias: true,
    normEpsilon: 1e-6,
    pool: 'token',
  },
  facts,
);

function withRandomWeights(network: Network) {
  const parameters = createParameters(network.table, 3);
  const values = exportParameters(parameters);
  disposeParameters(parameters);
  return { network, read: () => values };
}

describe('where a network looks', () => {
  let data: Dataset;
  before(async () => {
    data = await openDataset('synthetic-blood', { syntheticImages: 160 });
  });
  after(() => data.close());

  it('is drawn on the images, and what there is not is refused', async () => {
    const [convolutional, transformer] = [withRandomWeights(resnet), withRandomWeights(vit)];
    const tensors = tf.memory().numTensors;
    const cam = await gradCam(convolutional, { data, indices: [0, 5] }, { layer: 'layer2', classIndex: 3 });
    assert.equal(cam.html.match(/<img /g)?.length, 4);
    assert.ok(cam.text.includes(`for ${data.classNames[3]}`));
    assert.match(cam.html, /Images made by this project/);
    const several = Int32Array.from({ length: data.splits.test.count * 8 }, (_, at) => Number(at === 2 || at === 5));
    const test = { ...data.splits.test, labels: several, labelWidth: 8, names: undefined };
    const chest: Dataset = { ...data, task: 'multi-label', splits: { ...data.splits, test } };
    const labelled = await gradCam(convolutional, { data: chest, indices: [0, 1] });
    assert.ok(labelled.text.includes(`test 0, ${data.classNames[2]}, ${data.classNames[5]}\n`), labelled.text);
    assert.ok(labelled.text.includes('test 1, none\n'));
    const rollout = await attentionRollout(transformer, { data, indices: [1], split: 'val' });
    assert.equal(rollout.html.match(/<img /g)?.length, 2);
    assert.match(rollout.text, /What the class token of Small is made of/);
    assert.equal(tf.memory().numTensors, tensors);
    await assert.rejects(
      gradCam(transformer, { data, indices: [0] }),
      userError(/for a vision transformer there is attentionRollout/),
    );
    await assert.rejects(
      attentionRollout(convolutional, { data, indices: [0] }),
      userError(/^Small is no vision transformer/),
    );
    await assert.rejects(
      gradCam(convolutional, { data, indices: [9999] }),
      userError(/^indices are \[9999\], but must be/),
    );
    assert.equal(tf.memory().numTensors, tensors);
  });
});

describe('a kept model in a cell', () => {
  // Commands look from where they were started; a cell's paths are the notebook's, in writing and in reading.
  const inKernel = globalThis as { [key: symbol]: unknown };
  const kernel: NotebookKernel = { folder, display() {}, onStop: () => () => undefined };
  before(() => (inKernel[Symbol.for('notebook kernel')] = kernel));
  after(() => delete inKernel[Symbol.for('notebook kernel')]);

  it('gives a row a file, by paths that begin at the notebook', async () => {
    const { read } = withRandomWeights(resnet);
    const classNames = Array.from({ length: 8 }, (_, index) => `class ${index}`);
    await writeModel(
      'model',
      {
        name: 'Small',
        task: 'multi-class',
        classNames,
        network: { ...spec, depths: [...spec.depths] },
        input: { height: 28, width: 28, fit: 'cover', mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
        flips: [],
        temperature: 2,
        precision: 'float32',
        recipe: {},
        training: { id: 'none', epoch: 1, which: 'best', seconds: 0 },
        data: { name: 'noise', sha256: '0'.repeat(64), splits: {}, synthetic: true, license: 'none' },
        weights: { origin: { source: 'random' } },
        versions: {},
      },
      read(),
    );
    mkdirSync(join(folder, 'images'));
    const pixels = Buffer.from(Array.from({ length: 40 * 30 * 3 }, (_, index) => (index * 31) % 256));
    await sharp(pixels, { raw: { height: 40, width: 30, channels: 3 } })
      .png()
      .toFile(join(folder, 'images', 'a.png'));
    writeFileSync(join(folder, 'images', 'b.png'), 'no image');
    assert.ok(existsSync(join(folder, 'model', 'model.json')));
    const rows = await predict(loadModel('model'), './images');
    assert.deepEqual(
      (await predict(loadModel('model'), ['images/a.png'])).map((row) => row.file),
      ['images/a.png'],
    );
    assert.equal(rows.length, 1);
    const [{ file, class: chosen, probability, calibrated }] = rows;
    assert.ok(file === 'a.png' && classNames.includes(chosen));
    // A temperature above 1 makes the likeliest class less certain.
    assert.ok(probability > calibrated && calibrated > 1 / 8, `${probability} ${calibrated}`);
    await assert.rejects(predict(loadModel('model'), 'none'), userError(/^There is no file or folder "none": tried /));
  });
});
