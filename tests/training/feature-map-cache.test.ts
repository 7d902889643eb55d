import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { halfNormalization } from '../../lib/data/normalization';
import { subsetOf } from '../../lib/data/segmentation-dataset';
import { createParameters, disposeParameters, readParameters } from '../../lib/models/parameters';
import { createScope } from '../../lib/models/scope';
import { tf } from '../../lib/tf';
import { openFeatureCache } from '../../lib/training/feature-cache';
import {
  extractFeatureMaps,
  flipVariant,
  type FeatureMapOptions,
  type FeatureMaps,
} from '../../lib/training/feature-map-cache';
import { imageSource, mapSource, type SegmentationSource } from '../../lib/training/segmentation-source';
import type { EncoderMaps } from '../../lib/training/encoder-maps';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { side, toyEncode, toySegmentation, toySegmenterTable } from './toy-segmentation';

const scratch = mkdtempSync(join(tmpdir(), 'feature-maps-'));
after(() => rmSync(scratch, { recursive: true }));

const dataset = toySegmentation();
const table = toySegmenterTable();
const parameters = createParameters(table, 7);
after(() => disposeParameters(parameters));
let computed = 0;
const encoder: FeatureMapOptions['encoder'] = {
  name: 'toy',
  rows: side,
  columns: side,
  channels: 4,
  encode(images, scope) {
    computed += images.shape[0];
    return toyEncode(images, scope);
  },
};

function extract(changes: Partial<FeatureMapOptions> = {}): Promise<FeatureMaps> {
  const split = dataset.splits.train;
  const cache = openFeatureCache({ directory: join(scratch, 'cache') });
  return extractFeatureMaps({
    encoder,
    parameters,
    dataset,
    split,
    normalization: halfNormalization,
    flips: true,
    batchSize: 10,
    cache,
    ...changes,
  });
}

const augmentation = { horizontalFlip: 0.5, verticalFlip: 0.5 };
const common = { dataset, splits: dataset.splits, augmentation, seed: 9 };
const images = imageSource({ ...common, normalization: halfNormalization });

/** As several trainings share them. */
function shared(splits: EncoderMaps['splits']): EncoderMaps {
  return { splits, seconds: () => ({ maps: 0, pass: 0 }), close: () => undefined };
}

/** Maps of all batches of one pass, beside what the encoder makes of the same images. */
function compare(maps: SegmentationSource, pass: Parameters<SegmentationSource['batches']>): void {
  const expected = [...images.batches(...pass)];
  const actual = [...maps.batches(...pass)];
  assert.equal(actual.length, expected.length);
  expected.forEach((batch, index) => {
    const other = actual[index];
    assert.deepEqual(other.ids, batch.ids);
    assert.deepEqual(other.masks.dataSync(), batch.masks.dataSync());
    const encoded = tf.tidy(() => toyEncode(batch.images, createScope(readParameters(parameters))));
    assert.deepEqual(other.images.shape, encoded.shape);
    assertClose(other.images.dataSync(), encoded.dataSync(), 1e-6, `maps of batch ${index}`);
    tf.dispose([encoded]);
    other.dispose();
    batch.dispose();
  });
}

describe('maps of a frozen encoder', () => {
  it('are those of the flipped images that a training sees, whatever the epoch, from memory, disk or no cache', async () => {
    const before = tf.memory().numTensors;
    const others = { flips: false };
    for (const changes of [{}, { memoryBytes: 0 }, { cache: 'off' as const }]) {
      const train = await extract(changes);
      const val = await extract({ ...changes, ...others, split: dataset.splits.val });
      const test = await extract({ ...changes, ...others, split: dataset.splits.test });
      const maps = mapSource({ ...common, maps: shared({ train, val, test }) });
      for (const epoch of [0, 1, 5]) compare(maps, ['train', { batchSize: 7, epoch }]);
      compare(maps, ['train', { batchSize: 5, epoch: 2, order: [20, 3, 3, 11] }]);
      compare(maps, ['train', { batchSize: 7 }]);
      compare(maps, ['val', { batchSize: 3 }]);
      compare(maps, ['test', { batchSize: 50 }]);
      for (const one of [train, val, test]) one.close();
    }
    assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  });

  it('are computed once: four an image with flips, one without', async () => {
    const split = subsetOf(dataset.splits.train, [4, 9, 2]);
    computed = 0;
    const first = await extract({ split });
    assert.deepEqual([first.found, first.count, computed], [false, 3, 12]);
    assert.ok(first.secondsPerMap > 0);
    const again = await extract({ split });
    assert.deepEqual([again.found, computed], [true, 12]);
    assert.equal(again.secondsPerMap, first.secondsPerMap);
    await extract({ split, flips: false }).then((maps) => maps.close());
    assert.equal(computed, 15);
    for (const changes of [
      { encoderKey: 'another' },
      { weightsKey: 'a'.repeat(64) },
      { split: subsetOf(dataset.splits.train, [4, 9, 3]) },
    ]) {
      const other = await extract({ split, ...changes });
      assert.equal(other.found, false, JSON.stringify(Object.keys(changes)));
      other.close();
    }
    first.close();
    again.close();
  });

  it('of a flipped image are not flipped maps', async () => {
    const maps = await extract();
    const [id] = dataset.splits.train.ids;
    const flipped = flipVariant({ horizontalFlip: true, verticalFlip: false });
    const [plain, mirrored] = [maps.gather([id], [0]), maps.gather([id], [flipped])];
    const difference = tf.tidy(() => plain.reverse(2).sub(mirrored).abs().max().dataSync()[0]);
    assert.ok(difference > 0.01, `largest difference ${difference}`);
    assert.throws(() => maps.gather(['unknown'], [0]), /There is no map of "unknown"/);
    tf.dispose([plain, mirrored]);
    maps.close();
  });

  it('refuses augmentation that there are no maps of', async () => {
    const train = await extract();
    const maps = shared({ train });
    assert.throws(
      () => mapSource({ ...common, augmentation: { ...augmentation, quarterTurns: true }, maps }),
      userError(/flipped images only/),
    );
    assert.throws(
      () => [...mapSource({ ...common, maps }).batches('val', { batchSize: 2 })],
      userError(/^There are no maps of val images/),
    );
    train.close();
  });
});
