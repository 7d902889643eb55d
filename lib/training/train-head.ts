import { batchesPerEpoch } from '../data/batches';
import type { SplitName } from '../data/dataset';
import { crossEntropy } from '../metrics/classification';
import {
  createParameters,
  disposeParameters,
  exportParameters,
  linearHead,
  trainableNames,
} from '../models/parameters';
import { inPrecision } from '../models/low-precision';
import { createRandom, type Random } from '../random';
import type { PrecisionSetting } from '../precisions';
import { tf, type Tensor1D, type Tensor2D } from '../tf';
import type { CheckpointStore } from './checkpoints';
import type { BestEpoch, HistoryRow } from './events';
import { openRows, type FeatureRows } from './feature-rows';
import type { FeatureSet, FeatureSets } from './feature-set';
import { fit, type Batch } from './fit';
import { headLoss, headProbabilities } from './linear-head';
import { adamW, sgd } from './optimizers';
import { accuracyOf, scoredSet, type ProbeControls } from './probe-result';
import { cosineSchedule } from './schedules';

export interface LinearProbeSettings {
  readonly epochs: number;
  readonly batchSize: number;
  /** At the start of a cosine that is stepped per epoch. */
  readonly learningRate: number;
  readonly weightDecay: number;
  /** AdamW by default; SGD has a momentum of 0.9. */
  readonly optimizer?: 'adamw' | 'sgd';
  /** Fixes the initial weights and the order of the images. */
  readonly seed: number;
  /** As in a recipe. */
  readonly precision?: PrecisionSetting;
}

export interface HeadControls extends ProbeControls {
  readonly checkpoints?: CheckpointStore;
  /**
   * Computes the features of a split, before each epoch and each validation anew, as a network that is run in every epoch does. The
   * given features of training and validation are not read then.
   */
  readonly recompute?: (split: SplitName) => Promise<FeatureSet>;
}

export interface HeadRows {
  readonly train: FeatureRows;
  readonly val: FeatureRows;
}

export type HeadValues = ReadonlyMap<string, Float32Array>;

/** A trained head, as values. */
export interface TrainedHead {
  readonly settings: LinearProbeSettings;
  readonly history: readonly HistoryRow[];
  readonly best?: BestEpoch;
  readonly stopped: boolean;
  readonly seconds: number;
  readonly bestValues: HeadValues;
  readonly lastValues: HeadValues;
}

interface HeadBatch extends Batch {
  readonly features: Tensor2D;
  readonly labels: Tensor1D;
  readonly weights: Tensor1D | undefined;
}

/** Trains a linear layer through `fit`; nothing of it is left on the device. */
export async function trainHead(
  sets: FeatureSets,
  rows: HeadRows,
  settings: LinearProbeSettings,
  controls: HeadControls,
): Promise<TrainedHead> {
  const { train, val } = sets;
  const { epochs, batchSize, learningRate, weightDecay, seed } = settings;
  const { signal, onProgress, checkpoints, recompute } = controls;
  const parameters = inPrecision(createParameters(linearHead(train.width, train.classes), seed), settings.precision);
  const names = trainableNames(parameters);
  const optimizer =
    settings.optimizer === 'sgd'
      ? sgd(parameters, names, { weightDecay, momentum: 0.9 })
      : adamW(parameters, names, { weightDecay });
  try {
    const fitted = await fit<HeadBatch>({
      signal,
      onProgress,
      checkpoints,
      parameters,
      names,
      optimizer,
      epochs,
      learningRate: cosineSchedule(learningRate, epochs),
      select: 'accuracy',
      batchesPerEpoch: batchesPerEpoch(train.count, batchSize),
      batches: (epoch) => {
        const options = { batchSize, random: createRandom(seed, 'shuffle', epoch) };
        return recompute ? freshBatches(recompute, options) : headBatches(rows.train, train, options);
      },
      loss({ features, labels, weights }, scope) {
        const { loss, correct } = headLoss(features, labels, scope.at('head'), weights);
        return { loss, reported: { accuracy: correct } };
      },
      validate: async () => {
        const score = (scored: FeatureRows): Float64Array => headProbabilities(scored, parameters);
        const probabilities = recompute ? await withFreshRows(recompute, 'val', score) : score(rows.val);
        return { loss: crossEntropy(scoredSet(val, probabilities)), accuracy: accuracyOf(val, probabilities) };
      },
    });
    const { history, best, stopped, seconds } = fitted;
    fitted.useBest();
    const bestValues = exportParameters(parameters);
    fitted.useLast();
    const lastValues = exportParameters(parameters);
    fitted.dispose();
    return { settings, history, best, stopped, seconds, bestValues, lastValues };
  } finally {
    optimizer.dispose();
    disposeParameters(parameters);
  }
}

interface OrderOptions {
  readonly batchSize: number;
  readonly random: Random;
}

function* headBatches(rows: FeatureRows, set: FeatureSet, { batchSize, random }: OrderOptions): Generator<HeadBatch> {
  const order = random.permutation(set.count);
  for (let start = 0; start < set.count; start += batchSize) {
    const indices = order.slice(start, start + batchSize);
    const features = rows.gather(indices);
    const labels = tf.tensor1d(
      Int32Array.from(indices, (index) => set.labels[index]),
      'int32',
    );
    const weights = set.weights && tf.tensor1d(Float32Array.from(indices, (index) => set.weights?.[index] ?? 1));
    const dispose = (): void => tf.dispose([features, labels, ...(weights ? [weights] : [])]);
    yield { features, labels, weights, count: indices.length, dispose };
  }
}

type Recompute = NonNullable<HeadControls['recompute']>;

async function* freshBatches(recompute: Recompute, options: OrderOptions): AsyncGenerator<HeadBatch> {
  const set = await recompute('train');
  const rows = openRows(set);
  try {
    yield* headBatches(rows, set, options);
  } finally {
    rows.dispose();
    set.close();
  }
}

async function withFreshRows<T>(recompute: Recompute, split: SplitName, use: (rows: FeatureRows) => T): Promise<T> {
  const set = await recompute(split);
  const rows = openRows(set);
  try {
    return use(rows);
  } finally {
    rows.dispose();
    set.close();
  }
}

/** Puts training and validation features on the device while `use` runs. */
export async function withRows<T>({ train, val }: FeatureSets, use: (rows: HeadRows) => Promise<T>): Promise<T> {
  const rows = [openRows(train), openRows(val)];
  try {
    return await use({ train: rows[0], val: rows[1] });
  } finally {
    for (const row of rows) row.dispose();
  }
}
