/** A classifier, images and trainings so small that a whole run takes a moment. */
import { batchesPerEpoch, imageBatches, type ImageBatch } from '../../lib/data/batches';
import { halfNormalization } from '../../lib/data/normalization';
import type { Dataset, Split, SplitName } from '../../lib/data/dataset';
import {
  createParameters,
  disposeParameters,
  exportParameters,
  readParameters,
  trainableNames,
  type ParameterTable,
  type Parameters,
} from '../../lib/models/parameters';
import { batchNorm, convolution, createScope, linear, type Scope } from '../../lib/models/scope';
import { createRandom } from '../../lib/random';
import { countCorrect, crossEntropy } from '../../lib/tensor/losses';
import { tf, type Scalar, type Tensor2D, type Tensor4D } from '../../lib/tf';
import type { HistoryRow } from '../../lib/training/events';
import { fit, type FitOptions, type FitResult } from '../../lib/training/fit';
import { adamW, type Optimizer } from '../../lib/training/optimizers';

const side = 6;
const classNames = ['red', 'green', 'blue'];

/** One convolution with batch norm, and a linear layer. */
export const toyTable: ParameterTable = {
  'conv1.weight': { shape: [4, 3, 3, 3], kind: 'convolution', initial: 'kaiming-out' },
  'bn1.weight': { shape: [4], kind: 'vector', initial: 1 },
  'bn1.bias': { shape: [4], kind: 'vector', initial: 0 },
  'bn1.running_mean': { shape: [4], kind: 'statistic', initial: 0 },
  'bn1.running_var': { shape: [4], kind: 'statistic', initial: 1 },
  'fc.weight': { shape: [3, 4], kind: 'linear', initial: { uniformIn: 4 } },
  'fc.bias': { shape: [3], kind: 'vector', initial: { uniformIn: 4 } },
};

/** images: N×6×6×3 → N×3. */
export function toyForward(images: Tensor4D, p: Scope): Tensor2D {
  const features = batchNorm(convolution(images, p.at('conv1'), { padding: 1 }), p.at('bn1')).relu(); // N×6×6×4
  return linear(features.mean<Tensor2D>([1, 2]), p.at('fc'));
}

/** Noise in which one channel, the image's class, is a little brighter. `read` is called whenever images of a split are. */
export function toyDataset({
  noise = 60,
  read,
}: { noise?: number; read?: (split: SplitName, indices: ArrayLike<number>) => void } = {}): Dataset {
  const split = (name: SplitName, count: number): Split => {
    const random = createRandom(11, name);
    const labels = Int32Array.from({ length: count }, () => random.integer(classNames.length));
    const size = side * side * 3;
    const images = Uint8Array.from({ length: count * size }, (_, index) => {
      const signal = index % 3 === labels[Math.floor(index / size)] ? 12 : 0;
      return 128 + signal + Math.floor((2 * random.uniform() - 1) * noise);
    });
    return {
      name,
      count,
      labels,
      labelWidth: 1,
      readImages(indices, target) {
        read?.(name, indices);
        for (let position = 0; position < indices.length; position++)
          target.set(images.subarray(indices[position] * size, (indices[position] + 1) * size), position * size);
      },
    };
  };
  return {
    name: 'toy',
    title: 'Toy',
    height: side,
    width: side,
    channels: 3,
    task: 'multi-class',
    classNames,
    splits: { train: split('train', 50), val: split('val', 40), test: split('test', 40) },
    sha256: '0'.repeat(64),
    synthetic: true,
    license: 'CC0-1.0',
    citation: '',
    close: () => undefined,
  };
}

export interface ToyRun {
  readonly parameters: Parameters;
  readonly optimizer: Optimizer;
  readonly batches: (epoch: number) => Generator<ImageBatch>;
  readonly validate: FitOptions<ImageBatch>['validate'];
  fit(overrides?: Partial<FitOptions<ImageBatch>>): Promise<FitResult>;
  /** All values, statistics included. */
  weights(): Record<string, number[]>;
  dispose(): void;
}

/**
 * Parameters, an optimizer, and a training of six epochs with four batches each (16, 16, 16 and 2 images), of which
 * anything can be replaced.
 */
export function createToyRun(seed = 1): ToyRun {
  const dataset = toyDataset();
  const parameters = createParameters(toyTable, seed);
  const names = trainableNames(parameters);
  const optimizer = adamW(parameters, names);
  const { train, val } = dataset.splits;
  const batchSize = 16;
  const batches: ToyRun['batches'] = (epoch) =>
    imageBatches(dataset, train, {
      batchSize,
      normalization: halfNormalization,
      order: createRandom(seed, 'shuffle', epoch).permutation(train.count),
    });
  const validate: ToyRun['validate'] = async () => {
    const [batch] = imageBatches(dataset, val, { batchSize: val.count, normalization: halfNormalization });
    try {
      return evaluate(parameters, batch);
    } finally {
      batch.dispose();
    }
  };
  const options: FitOptions<ImageBatch> = {
    parameters,
    names,
    optimizer,
    epochs: 6,
    learningRate: () => 0.02,
    batchesPerEpoch: batchesPerEpoch(train.count, batchSize),
    batches,
    loss: toyLoss,
    validate,
    select: 'accuracy',
  };
  return {
    parameters,
    optimizer,
    batches,
    validate,
    fit: (overrides) => fit({ ...options, ...overrides }),
    weights: () => Object.fromEntries([...exportParameters(parameters)].map(([name, values]) => [name, [...values]])),
    dispose() {
      optimizer.dispose();
      disposeParameters(parameters);
    },
  };
}

export function toyLoss(
  { images, labels }: ImageBatch,
  scope: Scope,
): { loss: Scalar; reported: { accuracy: Scalar } } {
  const logits = toyForward(images, scope);
  return { loss: crossEntropy(logits, labels).mean<Scalar>(), reported: { accuracy: countCorrect(logits, labels) } };
}

/** What a run is compared by: everything but the time that it took. */
export function metricsOf(history: readonly HistoryRow[]): HistoryRow[] {
  return history.map((row) => ({ ...row, seconds: 0 }));
}

function evaluate(parameters: Parameters, { images, labels, count }: ImageBatch) {
  return tf.tidy(() => {
    const logits = toyForward(images, createScope(readParameters(parameters)));
    return {
      loss: crossEntropy(logits, labels).mean().dataSync()[0],
      accuracy: countCorrect(logits, labels).dataSync()[0] / count,
    };
  });
}
