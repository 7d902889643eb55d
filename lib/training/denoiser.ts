/**
 * Self-supervised pre-training by denoising, as the third study pre-trains its encoder: an autoencoder gets an image with Gaussian noise
 * and has to give the image back (Vincent et al. 2008). Nothing is masked, and no mask is read.
 */
import { batchesPerEpoch } from '../data/batches';
import { type Normalization, unitNormalization } from '../data/normalization';
import { segmentationBatches } from '../data/segmentation-batches';
import type { SegmentationDataset, SegmentationSplit } from '../data/segmentation-dataset';
import {
  disposeParameters,
  exportParameters,
  readParameters,
  trainableNames,
  type Parameters,
  type PublishedValues,
} from '../models/parameters';
import { createScope } from '../models/scope';
import { createRandom } from '../random';
import { attribute, execute } from '../tensor/native';
import { readResult } from '../tensor/read';
import type { PrecisionSetting } from '../precisions';
import { tf, type Scalar, type Tensor4D } from '../tf';
import type { HistoryRow } from './events';
import { fit, type FitOptions } from './fit';
import { initialParameters } from '../models/initial-values';
import { inPrecision } from '../models/low-precision';
import type { Network } from '../models/network';
import { adamW } from './optimizers';

/** An autoencoder. images: N×H×W×3, noisy and then normalised → N×H×W×3 in 0…1. */
export type Denoiser = Pick<Network, 'name' | 'table' | 'forward' | 'normalization' | 'initial'>;

export interface DenoisingSettings {
  readonly epochs: number;
  readonly batchSize: number;
  /** Of Adam, the same in all epochs. */
  readonly learningRate: number;
  /** Standard deviation of the noise, for values in 0…1. */
  readonly noise: number;
  /**
   * Whether validation images have the same noise in every epoch, so that epochs can be compared (default), or other,
   * as the third study's code.
   */
  readonly validationNoise?: 'fixed' | 'redrawn';
  /** Fixes the decoder's initial values, the order of the images and the noise. */
  readonly seed: number;
  /** As in a recipe. */
  readonly precision?: PrecisionSetting;
}

export type DenoiserControls = Pick<
  FitOptions<NoisyBatch>,
  'checkpoints' | 'saveEverySeconds' | 'signal' | 'onProgress'
>;

export interface TrainedDenoiser {
  /** Losses are mean squared errors of values in 0…1. */
  readonly history: readonly HistoryRow[];
  /** The first with the lowest validation loss. */
  readonly bestEpoch: number | undefined;
  readonly stopped: boolean;
  readonly seconds: number;
  /** Of the best epoch, in the published layout; undefined where the training was stopped. */
  readonly values: PublishedValues | undefined;
}

type Images = Pick<SegmentationDataset, 'height' | 'width'> & {
  readonly splits: Readonly<Record<'train' | 'val', SegmentationSplit>>;
};

/**
 * Trains encoder and decoder on the mean squared error with Adam, and keeps the epoch with the lowest validation loss. Training images
 * get other noise in each epoch; what validation images get is a setting.
 */
export async function trainDenoiser(
  denoiser: Denoiser,
  dataset: Images,
  settings: DenoisingSettings,
  controls: DenoiserControls = {},
): Promise<TrainedDenoiser> {
  const { table, initial } = denoiser;
  const { epochs, batchSize, learningRate, seed, validationNoise = 'fixed' } = settings;
  const { train, val } = dataset.splits;
  const parameters = inPrecision(initialParameters(table, seed, initial), settings.precision);
  const names = trainableNames(parameters);
  const optimizer = adamW(parameters, names, { weightDecay: 0 }); // which is Adam
  let current = 0; // epoch
  try {
    const fitted = await fit<NoisyBatch>({
      ...controls,
      parameters,
      names,
      optimizer,
      epochs,
      learningRate: () => learningRate,
      select: 'loss',
      batchesPerEpoch: batchesPerEpoch(train.count, batchSize),
      batches: (epoch) => {
        current = epoch;
        const order = createRandom(seed, 'shuffle', epoch).permutation(train.count);
        return noisyBatches(dataset, train, denoiser, settings, { epoch, order });
      },
      loss: ({ noisy, clean }, scope) => ({ loss: squaredError(denoiser.forward(noisy, scope) as Tensor4D, clean) }),
      validate: async (signal) => {
        let total = 0;
        const epoch = validationNoise === 'redrawn' ? current : undefined;
        for (const batch of noisyBatches(dataset, val, denoiser, settings, { epoch })) {
          try {
            const scope = () => createScope(readParameters(parameters));
            const error = () => squaredError(denoiser.forward(batch.noisy, scope()) as Tensor4D, batch.clean);
            total += readResult(error)[0] * batch.count;
          } finally {
            batch.dispose();
          }
          await new Promise(setImmediate);
          signal?.throwIfAborted();
        }
        return { loss: total / val.count };
      },
    });
    try {
      const { history, best, stopped, seconds } = fitted;
      if (stopped || best === undefined)
        return { history, bestEpoch: best?.epoch, stopped, seconds, values: undefined };
      fitted.useBest();
      return { history, bestEpoch: best.epoch, stopped, seconds, values: exportParameters(parameters) };
    } finally {
      fitted.dispose();
    }
  } finally {
    optimizer.dispose();
    disposeParameters(parameters);
  }
}

/** Images before and after, as bytes, height × width × 3 each, one after the other. */
export interface DenoisedImages {
  readonly noisy: Uint8Array;
  readonly original: Uint8Array;
  readonly reconstructed: Uint8Array;
}

/** What a trained denoiser makes of the images at `indices` of a split, with the noise of validation. */
export function denoiseImages(
  denoiser: Denoiser,
  values: PublishedValues,
  dataset: Images & Record<'height' | 'width', number>,
  split: SegmentationSplit,
  indices: ArrayLike<number>,
  settings: Pick<DenoisingSettings, 'noise' | 'seed'>,
): DenoisedImages {
  const parameters: Parameters = initialParameters(denoiser.table, 0, values);
  const plain = { ...denoiser, normalization: unitNormalization };
  const pass = { order: indices };
  const all = { ...settings, batchSize: indices.length };
  const [shown] = noisyBatches(dataset, split, plain, all, pass);
  const [given] = noisyBatches(dataset, split, denoiser, all, pass);
  try {
    const bytes = (compute: () => Tensor4D) => Uint8Array.from(readResult(compute), (value) => Math.round(255 * value));
    return {
      noisy: bytes(() => shown.noisy.clone()),
      original: bytes(() => shown.clean.clone()),
      reconstructed: bytes(() => denoiser.forward(given.noisy, createScope(readParameters(parameters))) as Tensor4D),
    };
  } finally {
    shown.dispose();
    given.dispose();
    disposeParameters(parameters);
  }
}

interface NoisyBatch {
  /** Normalised. */
  readonly noisy: Tensor4D;
  /** In 0…1. */
  readonly clean: Tensor4D;
  readonly count: number;
  dispose(): void;
}

/** Batches with the noise of an epoch, or of validation where there is none. */
function* noisyBatches(
  dataset: Pick<SegmentationDataset, 'height' | 'width'>,
  split: SegmentationSplit,
  { normalization }: Pick<Denoiser, 'normalization'>,
  { batchSize, noise, seed }: Pick<DenoisingSettings, 'batchSize' | 'noise' | 'seed'>,
  { epoch, order }: { readonly epoch?: number; readonly order?: ArrayLike<number> },
): Generator<NoisyBatch> {
  let index = 0;
  for (const { images: clean, masks, count } of segmentationBatches(dataset, split, { batchSize, order })) {
    masks.dispose();
    const random = createRandom(seed, 'denoising', split.name, epoch ?? 'validation', index++);
    const noisy = normalized(addNoise(clean, noise, [random.integer(2 ** 31), random.integer(2 ** 31)]), normalization);
    yield { noisy, clean, count, dispose: () => tf.dispose([noisy, clean]) };
  }
}

const noiseAttributes = [
  attribute.type('dtype', 'float32'),
  attribute.type('T', 'int32'),
  attribute.type('Tseed', 'int32'),
];

/** Adds normal noise and cuts values off at 0 and 1. The same seed gives the same noise. */
export function addNoise(images: Tensor4D, deviation: number, seed: readonly [number, number]): Tensor4D {
  return tf.tidy(() => {
    const [shape, numbers] = [tf.tensor1d(images.shape, 'int32'), tf.tensor1d([...seed], 'int32')];
    const noise = execute('StatelessRandomNormal', noiseAttributes, [shape, numbers]);
    return images.add(noise.mul(deviation)).clipByValue(0, 1) as Tensor4D;
  });
}

function normalized(images: Tensor4D, { mean, std }: Normalization): Tensor4D {
  return tf.tidy(() => {
    const [center, scale] = [mean, std].map((values) => tf.tensor1d([...values]));
    const result = images.sub(center).div<Tensor4D>(scale);
    images.dispose();
    return result;
  });
}

function squaredError(images: Tensor4D, truth: Tensor4D): Scalar {
  return images.sub(truth).square().mean<Scalar>();
}
