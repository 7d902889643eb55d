import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { halfNormalization } from '../../lib/data/batches';
import type { SplitName } from '../../lib/data/dataset';
import type { SegmentationDataset } from '../../lib/data/segmentation-dataset';
import { createParameters, exportParameters, disposeParameters } from '../../lib/models/parameters';
import { tf } from '../../lib/tf';
import { openCheckpoints } from '../../lib/training/checkpoints';
import { imageSource } from '../../lib/training/segmentation-source';
import { testSegmenter, trainSegmenter, type Segmenter, type SegmenterControls, type SegmenterSettings } from '../../lib/training/segmenter'; // prettier-ignore
import { userError } from '../data/user-error';
import { toySegmentation, toySegmenterForward, toySegmenterTable, withoutSeconds } from './toy-segmentation';

const scratch = mkdtempSync(join(tmpdir(), 'segmenter-'));
after(() => rmSync(scratch, { recursive: true }));

const toy: Segmenter = { name: 'toy', table: toySegmenterTable(), forward: toySegmenterForward };
const settings: SegmenterSettings = { epochs: 6, batchSize: 8, learningRate: 0.02, weightDecay: 1e-4, seed: 3 };
const flips = { horizontalFlip: 0.5, verticalFlip: 0.5 };

/** Trains, and asserts that no tensor is left behind. */
async function train(
  changes: Partial<SegmenterSettings> = {},
  controls: SegmenterControls = {},
  { segmenter = toy, dataset = toySegmentation() }: { segmenter?: Segmenter; dataset?: SegmentationDataset } = {},
) {
  const before = tf.memory().numTensors;
  const { splits } = dataset;
  const source = imageSource({ dataset, splits, augmentation: flips, seed: 3, normalization: halfNormalization });
  try {
    return await trainSegmenter(segmenter, source, { ...settings, ...changes }, controls);
  } finally {
    assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  }
}

type Trained = Awaited<ReturnType<typeof train>>;
const comparable = (trained: Trained) => ({ ...trained, history: withoutSeconds(trained.history), seconds: 0 });

function abortAfter(epochs: number): SegmenterControls {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    onProgress(event) {
      if (event.kind === 'epoch' && event.epoch === epochs) controller.abort();
    },
  };
}

describe('trainSegmenter', () => {
  it('learns, and reports losses and Dice under their names', async () => {
    const { history, test, model, stopped, bestEpoch, bestValDice, bestValLoss } = await train();
    assert.deepEqual([model, stopped, history.length], ['toy', false, 6]);
    assert.ok(history[5].trainLoss < history[0].trainLoss / 2);
    assert.ok(history[5].valDice > 0.9, `validation Dice ${history[5].valDice}`);
    assert.deepEqual(Object.keys(history[0]).sort(), ['epoch', 'learningRate', 'seconds', 'trainDice', 'trainLoss', 'valDice', 'valLoss']); // prettier-ignore
    assert.ok(test && bestEpoch);
    assert.equal(bestValLoss, Math.min(...history.map(({ valLoss }) => valLoss)));
    assert.equal(bestValDice, history[bestEpoch - 1].valDice);
    assert.equal(test.epoch, bestEpoch);
    const dice = test.scores.reduce((sum, score) => sum + score.dice, 0) / test.scores.length;
    assert.ok(dice > 0.9, `test Dice ${dice}`);
  });

  it('gives the same for the same seed, to the last bit, and something else for another', async () => {
    const first = await train({ epochs: 3 });
    assert.deepEqual(comparable(await train({ epochs: 3 })), comparable(first));
    assert.notDeepEqual(withoutSeconds((await train({ epochs: 3, seed: 4 })).history), withoutSeconds(first.history));
  });

  it('continues a stopped training to the same end', async () => {
    const whole = await train();
    const part = (controls: SegmenterControls = {}) =>
      train({}, { ...controls, checkpoints: openCheckpoints(join(scratch, 'stopped'), 'toy') });
    const stopped = await part(abortAfter(2));
    assert.deepEqual([stopped.stopped, stopped.test, stopped.history.length], [true, undefined, 2]);
    assert.deepEqual(comparable(await part()), comparable(whole));
  });

  it('reads the test images once, after the last epoch', async () => {
    const reads: Record<SplitName, number> = { train: 0, val: 0, test: 0 };
    const dataset = toySegmentation({ read: (split) => reads[split]++ });
    await train(
      { epochs: 2 },
      { onProgress: (event) => event.kind === 'done' && assert.equal(reads.test, 0) },
      { dataset },
    );
    assert.deepEqual(reads, { train: 6, val: 2, test: 1 });
  });

  it('selects by loss or by Dice, and ends early where nothing gets better', async () => {
    // A rate so high that loss and Dice disagree.
    const noisy = { learningRate: 0.3, epochs: 12 };
    const byLoss = await train({ ...noisy, selectBy: 'loss' });
    const byDice = await train({ ...noisy, selectBy: 'dice' });
    assert.equal(byLoss.bestEpoch, 1 + argBest(byLoss.history.map(({ valLoss }) => -valLoss)));
    assert.equal(byDice.bestEpoch, 1 + argBest(byDice.history.map(({ valDice }) => valDice)));
    const early = await train({ ...noisy, patience: 1 });
    assert.ok(early.bestEpoch && early.history.length < 12);
    assert.equal(early.history.length, early.bestEpoch + 1);
  });

  it('trains with SGD at a constant rate, and with a Dice loss beside the cross-entropy', async () => {
    const plain = await train({ epochs: 2, optimizer: 'sgd', schedule: 'constant' });
    assert.deepEqual(plain.history.map(({ learningRate }) => learningRate), [0.02, 0.02]); // prettier-ignore
    const cosine = await train({ epochs: 2 });
    assert.ok(cosine.history[1].learningRate < 0.02);
    const withDice = await train({ epochs: 2, diceWeight: 1 });
    assert.ok(withDice.history[0].trainLoss > cosine.history[0].trainLoss);
    assert.notDeepEqual(plain.history[1].trainLoss, cosine.history[1].trainLoss);
  });

  it('leaves alone what is not trainable, running statistics included', async () => {
    const trained = await train(
      { epochs: 2, trainable: (name) => name.startsWith('decoder.conv') },
      { keepValues: true },
    );
    const initial = createParameters(toy.table, settings.seed);
    const values = exportParameters(initial);
    disposeParameters(initial);
    assert.ok(trained.bestValues);
    for (const [name, value] of trained.bestValues) {
      const same = value.every((number, index) => number === values.get(name)?.[index]);
      assert.equal(same, !name.startsWith('decoder.conv'), name);
    }
    await assert.rejects(train({ trainable: () => false }), userError(/^Nothing of toy is trainable/));
    const dataset = toySegmentation({ counts: { train: 4, val: 0, test: 2 } });
    await assert.rejects(train({}, {}, { dataset }), userError(/^There is no val image/));
  });
});

describe('statistics of batch norm on test images', () => {
  it('as published, those of the batch: a mask depends on the images beside it; corrected, it does not', async () => {
    const dataset = toySegmentation();
    const { splits } = dataset;
    const source = imageSource({ dataset, splits, augmentation: flips, seed: 3, normalization: halfNormalization });
    const parameters = createParameters(toy.table, 1);
    const masksOf = async (testStatistics: 'running' | 'batch', evaluationBatchSize: number) =>
      (await testSegmenter(parameters, toy, source, { testStatistics, evaluationBatchSize, epoch: 1 })).masks;
    assert.deepEqual(await masksOf('running', 10), await masksOf('running', 1));
    assert.notDeepEqual(await masksOf('batch', 10), await masksOf('batch', 1));
    disposeParameters(parameters);
    // The test alone differs: the same training, other scores.
    const [running, batch] = [await train({ testStatistics: 'running' }), await train({ testStatistics: 'batch' })];
    assert.deepEqual(withoutSeconds(batch.history), withoutSeconds(running.history));
    assert.notDeepEqual(batch.test?.scores, running.test?.scores);
  });
});

function argBest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
