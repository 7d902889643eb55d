/** What bfloat16 costs in accuracy: features of the same images in both precisions, and probes on them. */
import { join } from 'node:path';
import { splitNames, type Dataset, type SplitName } from '../../data/dataset';
import { openDataset, syntheticBlood } from '../../data/open';
import { createBackbone } from '../../models/backbone';
import { roundMatrices } from '../../models/low-precision';
import {
  createParameters,
  disposeParameters,
  exportParameters,
  importParameters,
  type PublishedValues,
} from '../../models/parameters';
import { precisions, type Precision } from '../../precisions';
import { extractAllFeatures, type FeatureSets } from '../../training/features';
import { network, type Network } from '../../models/network';
import { openBackbone } from '../../models/open-backbone';
import { input } from '../../training/input-transforms';
import { knnProbe } from '../../training/knn-probe';
import { logisticRegression } from '../../training/logistic-regression';
import { cosine as cosineSchedule } from '../../training/schedules';
import { adamW } from '../../training/create-optimizer';
import { trainNetwork } from '../../training/train-network';
import { temporaryFolder } from './folder';
import type { BenchCase, BenchSize, BenchWork } from './measure';

const model = 'vit_tiny_patch16_224';
/** 7×7 patches: small enough to be trained here. */
const inputSize = 112;

export const precisionCases: readonly BenchCase[] = [
  {
    name: 'bfloat16-accuracy',
    description:
      'features of a ViT-Ti/16, trained on drawn cells for this, in bfloat16 beside float32: how far apart they are, and probes on both',
    size: { images: 1500, pixels: 28 },
    repeats: 1,
    warmUp: 0,
    withoutRate: true,
    prepare: bfloat16Accuracy,
  },
];

async function bfloat16Accuracy({ images, pixels }: BenchSize): Promise<BenchWork> {
  const folder = temporaryFolder();
  const options = { size: pixels, syntheticImages: images, cacheDirectory: join(folder.path, 'images') };
  const dataset = await openDataset(syntheticBlood, options);
  const backbone = createBackbone(model, { size: inputSize });
  const transform = input({ backbone: await openBackbone({ model, weights: 'random', size: inputSize, seed: 0 }) });
  const whole = createBackbone(model, { size: inputSize, classes: dataset.classNames.length });
  const forward: Network['forward'] = (images, scope) => whole.forward(images, scope).logits!;
  const values = await trainedValues(network({ name: model, table: whole.table, forward, transform }), dataset);
  const found: Partial<Record<Precision, FeatureSets>> = {};

  const extract = async (precision: Precision): Promise<FeatureSets> => {
    const full = createParameters(backbone.table, 0);
    importParameters(full, values, 'the trained network');
    const parameters =
      precision === 'float32' ? full : roundMatrices(full, (name) => backbone.lowPrecision?.(name) === true);
    try {
      return await extractAllFeatures({ backbone, parameters, dataset, transform, cache: 'off' });
    } finally {
      disposeParameters(parameters);
    }
  };

  return {
    async run() {
      for (const precision of precisions) found[precision] = await extract(precision);
    },
    async further() {
      const { float32, bfloat16 } = found as Record<Precision, FeatureSets>;
      return {
        ...cosines(float32, bfloat16),
        ...(await accuracies('float32', float32)),
        ...(await accuracies('bfloat16', bfloat16)),
      };
    },
    dispose() {
      dataset.close();
      folder.remove();
    },
  };
}

/** Random features say little of a network: this one has learned to tell the cells apart. Without its head. */
async function trainedValues(whole: Network, dataset: Dataset): Promise<PublishedValues> {
  let values: PublishedValues = new Map();
  const recipe = {
    ...{ epochs: 8, batchSize: 32, seed: 0 },
    optimizer: adamW({ weightDecay: 0.05 }),
    schedule: cosineSchedule({ learningRate: 5e-4 }),
  };
  await trainNetwork(whole, dataset, recipe, {
    onWeights: (parameters, { which }) => void (which === 'best' && (values = exportParameters(parameters))),
  });
  return new Map([...values].filter(([name]) => !name.startsWith('head.')));
}

async function accuracies(precision: Precision, sets: FeatureSets): Promise<Record<string, number>> {
  const logistic = await logisticRegression(sets);
  const knn = await knnProbe(sets);
  return {
    [`logistic_accuracy_${precision}`]: logistic.test?.accuracy ?? NaN,
    [`knn_accuracy_${precision}`]: knn.test?.accuracy ?? NaN,
  };
}

/**
 * 1 − cosine between the two precisions' features of each image, mean and largest; also after the mean over images is taken off, since
 * features all have much of their direction in common.
 */
function cosines(a: FeatureSets, b: FeatureSets): Record<string, number> {
  const plain: number[] = [];
  const centred: number[] = [];
  for (const split of splitNames) {
    const [rowsA, rowsB] = [rowsOf(a, split), rowsOf(b, split)];
    const [meanA, meanB] = [meanOf(rowsA), meanOf(rowsB)];
    rowsA.forEach((row, index) => {
      plain.push(1 - cosine(row, rowsB[index]));
      centred.push(1 - cosine(subtract(row, meanA), subtract(rowsB[index], meanB)));
    });
  }
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    one_minus_cosine: mean(plain),
    largest_one_minus_cosine: Math.max(...plain),
    centred_one_minus_cosine: mean(centred),
    largest_centred_one_minus_cosine: Math.max(...centred),
  };
}

function rowsOf(sets: FeatureSets, split: SplitName): Float32Array[] {
  const { count, width } = sets[split];
  return Array.from({ length: count }, (_, index) => {
    const row = new Float32Array(width);
    sets[split].readRows([index], row);
    return row;
  });
}

function meanOf(rows: readonly Float32Array[]): Float64Array {
  const mean = new Float64Array(rows[0].length);
  for (const row of rows) row.forEach((value, column) => (mean[column] += value / rows.length));
  return mean;
}

function subtract(row: Float32Array, mean: Float64Array): Float64Array {
  return Float64Array.from(row, (value, column) => value - mean[column]);
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [product, squareA, squareB] = [0, 0, 0];
  for (let index = 0; index < a.length; index++) {
    product += a[index] * b[index];
    squareA += a[index] ** 2;
    squareB += b[index] ** 2;
  }
  return product / Math.sqrt(squareA * squareB);
}
