import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { imageBatches, trainingWeights } from '../../lib/data/batches';
import type { Dataset, Split } from '../../lib/data/dataset';
import { createRandom } from '../../lib/random';
import { tf, type Scalar, type Tensor2D } from '../../lib/tf';
import { trainingStream } from '../../lib/training/augmented-stream';
import { mixup } from '../../lib/training/augmentations';
import { featureSet } from '../../lib/training/feature-set';
import { fitLogistic, type LogisticFit } from '../../lib/training/logistic-fit';
import { binaryCrossEntropy, crossEntropy, type Targets } from '../../lib/training/losses';
import { linearProbe } from '../../lib/training/linear-probe';
import { userError } from '../data/user-error';
import { cells } from '../studies/cells';

const normalization = { mean: [0, 0, 0], std: [1, 1, 1] } as const;
const weights = [1, 0, 3, 2, 2];

/** The dataset with weights of its training images, or with each image as often as its weight says. */
function variants(): { weighted: Dataset; repeated: Dataset } {
  const data = cells(4, { train: 30, val: 9, test: 9 });
  const { train } = data.splits;
  const counts = Float32Array.from({ length: train.count }, (_, index) => weights[index % weights.length]);
  const order = [...counts].flatMap((count, index) => Array<number>(count).fill(index));
  const repeated: Split = {
    ...train,
    count: order.length,
    labels: Int32Array.from(order, (index) => train.labels[index]),
    readImages: (indices, target) =>
      train.readImages(
        Array.from(indices, (index) => order[index]),
        target,
      ),
  };
  const withTrain = (split: Split): Dataset => ({ ...data, splits: { ...data.splits, train: split } });
  return { weighted: withTrain({ ...train, weights: counts }), repeated: withTrain(repeated) };
}

function lossOf(loss: { compute(output: Tensor2D, batch: Targets): Scalar }, output: Tensor2D, batch: Targets): number {
  return tf.tidy(() => loss.compute(output, batch).dataSync()[0]);
}

describe('weights of images', () => {
  it('are 1 in the mean of the training split, whatever their scale, and no other split has any', () => {
    const given = Float32Array.of(2, 6, 4);
    assert.deepEqual([...(trainingWeights({ name: 'train', weights: given }) ?? [])], [0.5, 1.5, 1]);
    assert.equal(trainingWeights({ name: 'val', weights: given }), undefined);
    assert.equal(trainingWeights({ name: 'train' }), undefined);
    assert.throws(() => trainingWeights({ name: 'train', weights: new Float32Array(3) }), userError(/are 0/));
  });

  it('make a batch’s loss what it is where each image is there as often as it counts', () => {
    const { weighted, repeated } = variants();
    const [first, second] = [weighted, repeated].map((data) => {
      const [batch] = imageBatches(data, data.splits.train, { batchSize: 100, normalization });
      const output = batch.images.mean<Tensor2D>([1, 2]).mul<Tensor2D>(3);
      const labelRows = tf.oneHot(batch.labels, 3) as Tensor2D;
      const losses = [crossEntropy(), crossEntropy({ labelSmoothing: 0.1 })].map((loss) => lossOf(loss, output, batch));
      losses.push(lossOf(binaryCrossEntropy(), output, { ...batch, labelRows }));
      batch.dispose();
      tf.dispose([output, labelRows]);
      return losses;
    });
    first.forEach((value, index) => assert.ok(Math.abs(value - second[index]) < 1e-6, `${value} ${second[index]}`));
  });

  it('give logistic regression the fit of repeated images', async () => {
    const { weighted, repeated } = variants();
    const fits: LogisticFit[] = [];
    for (const data of [weighted, repeated]) {
      const { count } = data.splits.train;
      const bytes = new Uint8Array(count * 48);
      data.splits.train.readImages(
        Array.from({ length: count }, (_, index) => index),
        bytes,
      );
      const rows = Float32Array.from({ length: count * 2 }, (_, at) => bytes[Math.floor(at / 2) * 48 + (at % 2)] / 255);
      // C counts images: the sum of the weights is 48 of 30.
      const regularization = data === weighted ? (0.5 * 48) / 30 : 0.5;
      fits.push(await fitLogistic(featureSet(data, 'train', 2, rows), { regularization, tolerance: 1e-7 }));
    }
    fits[0].coefficients.forEach((value, at) => assert.ok(Math.abs(value - fits[1].coefficients[at]) < 1e-3));
  });

  it('decide what a linear head learns, and count nothing in its scores', async () => {
    const random = createRandom(2);
    const data = cells(4, { train: 60, val: 9, test: 9 });
    const sets = (weightOf: ((index: number) => number) | undefined) => {
      const { train } = data.splits;
      // Every second training image has a wrong label.
      const labels = train.labels.map((label, index) => (index % 2 === 0 ? label : (label + 1) % 3));
      const own = {
        ...train,
        labels,
        ...(weightOf && { weights: Float32Array.from(labels, (_, index) => weightOf(index)) }),
      };
      const splits = { ...data.splits, train: own };
      const rows = (split: Split) =>
        Float32Array.from(
          { length: split.count * 3 },
          (_, at) => (data.splits[split.name].labels[Math.floor(at / 3)] === at % 3 ? 1 : 0) + 0.1 * random.uniform(),
        );
      const of = (name: 'train' | 'val' | 'test') => featureSet({ ...data, splits }, name, 3, rows(splits[name]));
      return { train: of('train'), val: of('val'), test: of('test') };
    };
    const settings = { epochs: 20, batchSize: 16, learningRate: 0.1, weightDecay: 0, seed: 1 };
    const tensors = tf.memory().numTensors;
    const right = await linearProbe(
      sets((index) => 1 - (index % 2)),
      settings,
    );
    const wrong = await linearProbe(
      sets((index) => index % 2),
      settings,
    );
    assert.equal(tf.memory().numTensors, tensors);
    assert.equal(right.testOfLast?.accuracy, 1);
    assert.equal(wrong.testOfLast?.accuracy, 0);
  });

  it('are not for mixed images', () => {
    const { weighted } = variants();
    assert.throws(
      () => trainingStream({ normalization }, weighted, { augment: [mixup({ alpha: 0.2 })], batchSize: 8, seed: 1 }),
      userError(/has weights of images, but mixup/),
    );
  });
});
