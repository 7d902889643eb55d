import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { imageBatches } from '../../lib/data/batches';
import { halfNormalization } from '../../lib/data/normalization';
import { splitNames, type Split } from '../../lib/data/dataset';
import { openDataset } from '../../lib/data/open';
import {
  isSyntheticTask,
  openSyntheticTask,
  syntheticTaskCounts,
  syntheticTasks,
  type SyntheticTaskName,
} from '../../lib/data/synthetic-tasks';
import { drawSigns } from '../../lib/data/synthetic-tasks/scenes';
import { areaUnderRocPerClass } from '../../lib/metrics/auc';
import { createRandom } from '../../lib/random';
import { tf } from '../../lib/tf';
import { userError } from './user-error';

const names = Object.keys(syntheticTasks) as SyntheticTaskName[];

function pixelsOf(split: Split, imageBytes: number): Uint8Array[] {
  const all = new Uint8Array(split.count * imageBytes);
  split.readImages(
    Int32Array.from({ length: split.count }, (_, index) => index),
    all,
  );
  return Array.from({ length: split.count }, (_, index) => all.subarray(index * imageBytes, (index + 1) * imageBytes));
}

describe('drawn datasets', () => {
  for (const name of names)
    it(`have each class in each split, at any size: ${name}`, () => {
      const { task, shares } = syntheticTasks[name];
      for (const size of [28, 20]) {
        const dataset = openSyntheticTask(name, { size });
        assert.deepEqual([dataset.height, dataset.width, dataset.task, dataset.synthetic], [size, size, task, true]);
        assert.match(dataset.license, /made by this project/);
        for (const split of splitNames) {
          const { count, labels, labelWidth } = dataset.splits[split];
          assert.equal(count, syntheticTaskCounts[split]);
          assert.equal(labels.length, count * labelWidth);
          const found = shares.map((_, value) =>
            task === 'multi-label'
              ? labels.filter((label, at) => at % labelWidth === value && label === 1).length
              : labels.filter((label) => label === value).length,
          );
          assert.deepEqual(
            found,
            shares.map((share) => Math.round(share * count)),
          );
        }
      }
    });

  it('are four kinds of task, grey and coloured, and each another image', () => {
    assert.deepEqual(
      names.map((name) => syntheticTasks[name].task),
      ['multi-class', 'binary-class', 'multi-label', 'ordinal-regression'],
    );
    assert.deepEqual([...new Set(names.map((name) => openSyntheticTask(name).channels))].sort(), [1, 3]);
    for (const name of names) {
      const { splits, channels } = openSyntheticTask(name);
      const images = splitNames.flatMap((split) => pixelsOf(splits[split], 28 * 28 * channels));
      assert.equal(new Set(images.map((image) => Buffer.from(image).toString('base64'))).size, images.length);
      assert.ok(new Set(images[0]).size > 50, `${name} has few levels`);
    }
  });

  it('are not told apart by their brightness', () => {
    for (const name of ['synthetic-multi-class', 'synthetic-binary'] as const) {
      const { splits, channels, classNames } = openSyntheticTask(name);
      const brightness = pixelsOf(splits.train, 28 * 28 * channels).map((image) =>
        image.reduce((sum, value) => sum + value, 0),
      );
      classNames.forEach((_, label) => {
        const truth = splits.train.labels.map((value) => Number(value === label));
        const area = areaUnderRocPerClass({
          task: 'binary-class',
          truth,
          scores: Float64Array.from(brightness),
          classes: 2,
        })[0];
        assert.ok(Math.abs(area - 0.5) < 0.2, `${name}, class ${label}: ${area}`);
      });
    }
  });

  it('show a sign where its label is', () => {
    const drawn = (labels: number[]): Uint8Array => drawSigns(Int32Array.from(labels), 28, createRandom(3, 'signs'));
    const none = drawn([0, 0, 0, 0, 0, 0]);
    for (let label = 0; label < 6; label++) {
      const one = drawn(Array.from({ length: 6 }, (_, index) => Number(index === label)));
      const changed = one.filter((value, at) => value !== none[at]).length;
      assert.ok(changed > 8, `label ${label} changes ${changed} pixels`);
    }
  });

  it('are opened by name as any other, with rows of labels where there are several', async () => {
    assert.ok(
      isSyntheticTask('synthetic-ordinal') && !isSyntheticTask('synthetic-blood') && !isSyntheticTask('toString'),
    );
    const dataset = await openDataset('synthetic-multi-label');
    const { sha256, splits } = openSyntheticTask('synthetic-multi-label');
    assert.deepEqual([dataset.sha256, dataset.splits], [sha256, splits]);
    const before = tf.memory().numTensors;
    const order = [5, 0, 119];
    const [batch] = imageBatches(dataset, dataset.splits.val, {
      batchSize: 3,
      order,
      normalization: halfNormalization,
    });
    const { labels } = dataset.splits.val;
    assert.deepEqual(
      await batch.labelRows?.array(),
      order.map((image) => [...labels.subarray(6 * image, 6 * image + 6)]),
    );
    assert.deepEqual(
      [...batch.labels.dataSync()],
      order.map((image) => labels[6 * image]),
    );
    batch.dispose();
    const binary = openSyntheticTask('synthetic-binary');
    const [single] = imageBatches(binary, binary.splits.val, { batchSize: 120, normalization: halfNormalization });
    assert.equal(single.labelRows, undefined);
    single.dispose();
    assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  });

  it('are refused by name and by size', () => {
    assert.throws(() => openSyntheticTask('synthetic-binry'), userError(/did you mean "synthetic-binary"/));
    assert.throws(() => openSyntheticTask('synthetic-binary', { size: 8 }), userError(/^size is 8; allowed/));
  });
});
