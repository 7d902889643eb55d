import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { SplitName } from '../../lib/data/dataset';
import { unitNormalization } from '../../lib/data/normalization';
import type { ImageFunction } from '../../lib/data/image-changes';
import { freeze, network, unfreeze } from '../../lib/models/network';
import { libraryNetwork, unet, vitSpec } from '../../lib/models/networks';
import { vitConfigs } from '../../lib/models/vit';
import { batchNorm, convolution, linear } from '../../lib/models/scope';
import { exportParameters } from '../../lib/models/parameters';
import { tf, type Scalar, type Tensor, type Tensor1D, type Tensor2D } from '../../lib/tf';
import {
  colorJitter,
  crop,
  cutmix,
  flip,
  mixup,
  quarterTurns,
  randomErasing,
  randomResizedCrop,
  rotate,
} from '../../lib/training/augmentations';
import { openCheckpoints } from '../../lib/training/checkpoints';
import { adamW, sgd } from '../../lib/training/create-optimizer';
import { binaryCrossEntropy, crossEntropy, dice, type LossFunction, type Metric } from '../../lib/training/losses';
import type { Recipe } from '../../lib/training/recipe';
import { constant, cosine, multiStep } from '../../lib/training/schedules';
import {
  trainNetwork,
  type TrainedNetwork,
  type TrainingControls,
  type TrainingData,
} from '../../lib/training/train-network';
import { assertClose } from '../close';
import { userError } from '../data/user-error';
import { metricsOf, toyDataset, toyForward, toyTable } from './toy';
import { toySegmentation } from './toy-segmentation';

const scratch = mkdtempSync(join(tmpdir(), 'train-network-'));
after(() => rmSync(scratch, { recursive: true }));

const toy = network({ name: 'toy', table: toyTable, forward: toyForward });
const recipe: Recipe = {
  epochs: 4,
  batchSize: 16,
  seed: 3,
  optimizer: adamW({ weightDecay: 0.01 }),
  schedule: cosine({ learningRate: 0.02 }),
};

/** Trains, and asserts that no tensor is left behind. */
async function train(
  changes: Partial<Recipe> = {},
  { net = toy, data = toyDataset(), ...controls }: TrainingControls & { net?: typeof toy; data?: TrainingData } = {},
): Promise<TrainedNetwork> {
  const before = tf.memory().numTensors;
  try {
    return await trainNetwork(net, data, { ...recipe, ...changes }, controls);
  } finally {
    assert.equal(tf.memory().numTensors, before, 'tensors are left behind');
  }
}

/** One pixel brighter: a change of one's own. */
const brighter: ImageFunction = (image, random) => {
  image.data[random.integer(image.data.length)] = 255;
};
const focal: LossFunction = (output, { labels }) => {
  const classes = output.shape[1] as number;
  const log = tf
    .logSoftmax(output as Tensor2D)
    .mul(tf.oneHot(labels as Tensor1D, classes))
    .sum(1);
  return tf.scalar(1).sub(log.exp()).square().mul(log).mean<Scalar>().neg();
};
const confidence: Metric = (output) => tf.softmax(output as Tensor2D).max<Tensor1D>(1);

describe('a recipe', () => {
  const variations: Record<string, Partial<Recipe>> = {
    'another optimizer': { optimizer: sgd({ momentum: 0.9, nesterov: true }) },
    'a constant rate': { schedule: constant({ learningRate: 0.02 }) },
    milestones: { schedule: multiStep({ learningRate: 0.02, milestones: [2] }) },
    'a rate by steps': { schedule: cosine({ learningRate: 0.02, warmup: 1, per: 'step' }) },
    'a rate of one’s own': {
      schedule: function halving(epoch) {
        return 0.02 / 2 ** epoch;
      },
    },
    flips: { augment: [flip('horizontal'), flip('vertical')] },
    'turns and crops': { augment: [quarterTurns(), crop({ size: 6, padding: 2 })] },
    'resized crops': { augment: [randomResizedCrop({ scale: [0.5, 1] })] },
    'turned and coloured images': { augment: [rotate({ degrees: 20 }), colorJitter({ brightness: 0.3, hue: 0.1 })] },
    'a change of one’s own': { augment: [brighter] },
    'mixed images': { augment: [mixup({ alpha: 0.4 }), cutmix()] },
    'erased rectangles': { augment: [randomErasing({ probability: 1 }), mixup({ alpha: 0.4 })] },
    'smoothed labels': { loss: crossEntropy({ labelSmoothing: 0.1 }) },
    'a loss of one’s own': { loss: focal },
    'two losses': { loss: [focal, crossEntropy()] },
    'mixed precision': { precision: 'bfloat16' },
    'mixed precision and SGD': { precision: 'bfloat16', optimizer: sgd({ momentum: 0.9 }), maxGradientNorm: 1 },
  };
  const finalLoss = ({ history }: TrainedNetwork): number => history[history.length - 1].trainLoss;

  for (const [what, changes] of Object.entries(variations))
    it(`is followed with ${what}, learns, and continues after a stop to the same bits`, async () => {
      const plain = await train();
      const whole = await train(changes);
      assert.notEqual(finalLoss(whole), finalLoss(plain));
      assert.ok(finalLoss(whole) < whole.history[0].trainLoss, 'it learns');
      const checkpoints = openCheckpoints(join(scratch, what), 'run');
      const controller = new AbortController();
      const onProgress: TrainingControls['onProgress'] = ({ kind }) => kind === 'epoch' && controller.abort();
      const stopped = await train(changes, { checkpoints, signal: controller.signal, onProgress });
      assert.deepEqual([stopped.stopped, stopped.history.length], [true, 1]);
      const continued = await train(changes, { checkpoints });
      assert.deepEqual(metricsOf(continued.history), metricsOf(whole.history));
    });

  it('leaves branches out by the same chance after a stop, where that is part of the network', async () => {
    const shape = { ...vitConfigs.vit_mini_patch4, patchSize: 2, width: 8, heads: 2, depth: 3, grid: undefined };
    const spec = vitSpec(shape, { architecture: 'vit', classes: 3 });
    const netOf = (rate: number): typeof toy =>
      libraryNetwork(spec, { name: 'toy', normalization: toy.normalization }, rate);
    const net = netOf(0.5);
    assert.deepEqual([net.config, net.spec], [{ ...spec, stochasticDepth: 0.5 }, spec]);
    const whole = await train({}, { net });
    assert.notEqual(finalLoss(whole), finalLoss(await train({}, { net: netOf(0) })));
    const checkpoints = openCheckpoints(join(scratch, 'stochastic depth'), 'run');
    const controller = new AbortController();
    await train({}, { net, checkpoints, signal: controller.signal, onProgress: () => controller.abort() });
    assert.deepEqual(metricsOf((await train({}, { net, checkpoints })).history), metricsOf(whole.history));
  });

  it('cannot select an epoch by what is never finite, or has no value for the labels: both are told', async () => {
    const never = (output: Tensor): Tensor1D => output.mean<Tensor1D>(1).mul(NaN);
    await assert.rejects(train({ metrics: [never], select: 'never' }), userError(/^No epoch has a finite never on /));
    const data = toyDataset();
    const { val } = data.splits;
    const one = { ...data, splits: { ...data.splits, val: { ...val, labels: val.labels.map(() => 1) } } };
    await assert.rejects(train({ select: 'auc' }, { data: one }), userError(/^AUC is undefined for class 0, 1, 2/));
  });

  it('goes on with batches of one class', async () => {
    const data = toyDataset();
    const one = { ...data.splits.train, labels: data.splits.train.labels.map(() => 2) };
    const { history } = await train({}, { data: { ...data, splits: { ...data.splits, train: one } } });
    for (const row of history)
      for (const value of Object.values(row)) assert.ok(Number.isFinite(value), JSON.stringify(row));
    assert.ok((history.at(-1)?.trainAccuracy ?? 0) > 0.9);
  });

  it('watches metrics of one’s own, and selects by them', async () => {
    const { history, best } = await train({ metrics: [confidence], select: 'confidence' });
    const values = history.map(({ valConfidence }) => valConfidence);
    assert.ok(history.every(({ trainConfidence }) => trainConfidence > 1 / 3 && trainConfidence < 1));
    assert.deepEqual(best, {
      epoch: values.indexOf(Math.max(...values)) + 1,
      metric: 'confidence',
      value: Math.max(...values),
    });
  });

  it('measures its own loss on the validation split, too, in the same pass', async () => {
    let passes = 0;
    const counted = network({
      name: 'toy',
      table: toyTable,
      forward: (images, p, random) => {
        if (random === undefined) passes++; // training gives random numbers
        return toyForward(images, p);
      },
    });
    const entropy: LossFunction = (output, batch) => crossEntropy().compute(output, batch);
    const own = await train({ loss: entropy, metrics: [confidence] }, { net: counted });
    assert.equal(passes, recipe.epochs, 'all validation images are one batch');
    const library = await train();
    assertClose(
      own.history.map(({ valLoss }) => valLoss),
      library.history.map(({ valLoss }) => valLoss),
      1e-5,
      'loss',
    );
    for (const name of ['trainLoss', 'valAccuracy'])
      assert.deepEqual(
        own.history.map((row) => row[name]),
        library.history.map((row) => row[name]),
      );
  });

  it('is refused in one line where a setting is unknown or out of range', async () => {
    const refused = async (changes: object, message: RegExp): Promise<void> => {
      await assert.rejects(train(changes), userError(message));
    };
    await refused({ learningrate: 3 }, /A recipe has no "learningrate"/);
    await refused({ batchsize: 3 }, /no "batchsize", did you mean "batchSize"\?/);
    await refused({ epochs: 1.5 }, /epochs is 1.5, but must be a whole number/);
    await refused({ optimizer: 'adam' }, /optimizer is "adam", but must be an optimizer, such as nb.adamW/);
    await refused({ schedule: undefined }, /schedule is not given/);
    await refused({ augment: [() => undefined] }, /functions that have a name/);
    await refused({ select: 'dice' }, /select is "dice", but this training watches loss, accuracy, auc/);
    assert.throws(() => cosine({ learningRate: -3 }), userError(/learningRate is -3, but must be a number above 0/));
    assert.throws(() => adamW({ weightdecay: 1 } as object), userError(/adamW has no option "weightdecay"/));
  });
});

describe('a network', () => {
  it('hands over the selected and the last weights', async () => {
    const seen = new Map<string, Map<string, Float32Array>>();
    const { best, history } = await train(
      { epochs: 6 },
      { onWeights: (parameters, { which, epoch }) => void seen.set(`${which} ${epoch}`, exportParameters(parameters)) },
    );
    assert.deepEqual([...seen.keys()], [`best ${best?.epoch}`, `last ${history.length}`]);
  });

  it('is trained in part where some of it is frozen', async () => {
    const values = async (net: typeof toy) => {
      let last = new Map<string, Float32Array>();
      await train({ epochs: 1 }, { net, onWeights: (parameters) => void (last = exportParameters(parameters)) });
      return last;
    };
    const [head, whole] = [await values(unfreeze(toy, 'fc')), await values(toy)];
    const untrained = await values(freeze(freeze(toy, 'conv1'), 'bn1'));
    assert.deepEqual(head, untrained);
    assert.notDeepEqual(head.get('conv1.weight'), whole.get('conv1.weight'));
    assert.throws(
      () => freeze(toy, 'layer1'),
      userError(/No parameter of toy begins with "layer1"; there are conv1, bn1, fc/),
    );
    assert.throws(() => unfreeze(freeze(toy, 'fc'), 'fc'), userError(/Nothing of toy would be trained/));
  });
});

describe('a batch norm that would see one value of each channel', () => {
  /** 6×6 pixels become one. */
  const narrow = network({
    name: 'narrow',
    table: toyTable,
    forward: (images, p) =>
      linear(
        batchNorm(convolution(images, p.at('conv1'), { stride: 6 }), p.at('bn1')).reshape<Tensor2D>([-1, 4]),
        p.at('fc'),
      ),
  });
  const { count } = toyDataset().splits.train;

  it('is refused before anything is trained, and named', async () => {
    let epochs = 0;
    const controls = { net: narrow, onProgress: () => void epochs++ };
    const message =
      /^batchSize is \d+, and \d+ training images leave one for the last batch\. The batch norm bn1 has one value/;
    for (const batchSize of [1, count - 1, (count - 1) / 2].filter(Number.isInteger))
      await assert.rejects(train({ batchSize }, controls), userError(message), `batchSize ${batchSize}`);
    assert.equal(epochs, 0);
  });

  it('is no matter where there are more images, more pixels, or the norm is frozen', async () => {
    await train({ batchSize: count, epochs: 1 }, { net: narrow });
    await train({ batchSize: count - 1, epochs: 1 });
    await train({ batchSize: count - 1, epochs: 1 }, { net: unfreeze(narrow, 'fc') });
  });
});

describe('a segmentation network', () => {
  const net = { ...unet({ width: 2 }), normalization: unitNormalization };
  const settings: Partial<Recipe> = {
    epochs: 2,
    batchSize: 8,
    schedule: constant({ learningRate: 0.01 }),
    loss: [binaryCrossEntropy(), dice({ weight: 0.5 })],
    select: 'dice',
  };

  it('is trained by the same function, with metrics and augmentations of the same kind', async () => {
    const covered: Metric = (output) => output.greater(0).toFloat().mean<Tensor1D>([1, 2, 3]);
    const changes = {
      ...settings,
      metrics: [covered],
      augment: [flip('horizontal'), rotate({ degrees: 30 }), brighter],
    };
    const { history, best } = await train(changes, { net, data: toySegmentation() });
    assert.equal(best?.metric, 'dice');
    assert.ok(history.every((row) => row.valDice >= 0 && row.valCovered >= 0 && row.trainCovered <= 1));
  });

  it('learns from masks that are all empty to draw nothing, and its numbers stay finite', async () => {
    const data = toySegmentation();
    const split = (name: SplitName) => ({
      ...data.splits[name],
      readMasks: (indices: ArrayLike<number>, target: Uint8Array) =>
        void target.fill(0, 0, indices.length * data.height * data.width),
    });
    const splits = { train: split('train'), val: split('val'), test: split('test') };
    const { history } = await train(settings, { net, data: { ...data, splits } });
    for (const row of history)
      for (const value of Object.values(row)) assert.ok(Number.isFinite(value), JSON.stringify(row));
    assert.ok(history[1].trainLoss < history[0].trainLoss);
  });

  it('ends softly in its validation, too', async () => {
    const controller = new AbortController();
    const read = (split: string): void => {
      if (split === 'val') controller.abort();
    };
    const { stopped, history } = await train(settings, {
      net,
      data: toySegmentation({ read }),
      signal: controller.signal,
    });
    assert.deepEqual([stopped, history.length], [true, 0]);
  });

  it('refuses what is for images with labels', async () => {
    const data = toySegmentation();
    await assert.rejects(
      train({ ...settings, augment: [mixup()] }, { net, data }),
      userError(/for images with labels/),
    );
  });
});
