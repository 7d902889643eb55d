/** Data without networks: batches from a file, and distances between masks. */
import { join } from 'node:path';
import { imageBatches } from '../../data/batches';
import { halfNormalization } from '../../data/normalization';
import type { SplitName } from '../../data/dataset';
import type { Mask } from '../../data/mask';
import { openNpzDataset } from '../../data/npz-dataset';
import { writeNpz, type NpzArray } from '../../data/npz-writer';
import { hausdorffDistance } from '../../metrics/surface-distance';
import { resnet18 } from '../../models/networks';
import type { Precision } from '../../precisions';
import { createRandom, type Random } from '../../random';
import { adamW } from '../../training/create-optimizer';
import type { Recipe } from '../../training/recipe';
import { cosine } from '../../training/schedules';
import { trainNetwork } from '../../training/train-network';
import { temporaryFolder } from './folder';
import { bestOf, type BenchCase, type BenchSize, type BenchWork } from './measure';
import { classifierTraining, inBothPrecisions } from './networks';

export const dataCases: readonly BenchCase[] = [
  {
    name: 'npz-batches-28-b128',
    description: 'an epoch of shuffled batches from an .npz, normalised and on the device, beside a step of ResNet-18',
    size: { images: 4096, pixels: 28 },
    repeats: 5,
    warmUp: 1,
    prepare: (size) => npzBatches(size, 128),
  },
  {
    name: 'npz-batches-224-b32',
    description: 'the same at 224 pixels',
    size: { images: 512, pixels: 224 },
    repeats: 3,
    warmUp: 1,
    prepare: (size) => npzBatches(size, 32),
  },
  ...inBothPrecisions({
    name: 'resnet18-epoch-28-b128',
    description:
      "an epoch of 01's paper profile: ResNet-18 on BloodMNIST's number of images from an .npz, and their validation",
    size: { images: 11959, pixels: 28 },
    repeats: 1,
    warmUp: 0,
    prepare: resnetEpoch,
  }),
  {
    name: 'hd95-1000-256',
    description: 'HD95 of 1,000 pairs of masks',
    size: { images: 1000, pixels: 256 },
    repeats: 3,
    warmUp: 1,
    prepare: hd95,
  },
];

const classes = 8;

/** An .npz of noise; it has just been written: what is timed is not the disk. */
async function noiseDataset(counts: Readonly<Record<SplitName, number>>, pixels: number) {
  const folder = temporaryFolder();
  const random = createRandom(0, 'bench', 'npz');
  const arrays: Record<string, NpzArray> = {};
  for (const [split, count] of Object.entries(counts)) {
    const bytes = Uint8Array.from({ length: count * pixels * pixels * 3 }, () => random.integer(256));
    arrays[`${split}_images`] = { type: '|u1', shape: [count, pixels, pixels, 3], bytes };
    const labels = Uint8Array.from({ length: count }, (_, index) => index % classes);
    arrays[`${split}_labels`] = { type: '|u1', shape: [count, 1], bytes: labels };
  }
  const path = join(folder.path, 'noise.npz');
  writeNpz(path, arrays);
  const dataset = await openNpzDataset(path);
  const dispose = (): void => {
    dataset.close();
    folder.remove();
  };
  return { dataset, random, dispose };
}

async function resnetEpoch({ images, pixels }: BenchSize, precision: Precision): Promise<BenchWork> {
  const validation = Math.ceil(images / 7); // as in BloodMNIST
  const { dataset, dispose } = await noiseDataset({ train: images, val: validation, test: classes }, pixels);
  const recipe: Recipe = {
    ...{ epochs: 1, batchSize: Math.min(128, images), seed: 0, precision },
    optimizer: adamW({ weightDecay: 1e-5 }),
    schedule: cosine({ learningRate: 1e-3 }),
  };
  return { run: async () => void (await trainNetwork(resnet18({ classes }), dataset, recipe)), dispose };
}

async function npzBatches({ images, pixels }: BenchSize, largestBatch: number): Promise<BenchWork> {
  const batchSize = Math.min(largestBatch, images);
  const { dataset, random, dispose } = await noiseDataset({ train: images, val: classes, test: classes }, pixels);
  const order = random.permutation(images);
  const options = { batchSize, order, normalization: halfNormalization };
  return {
    run() {
      for (const batch of imageBatches(dataset, dataset.splits.train, options)) batch.dispose();
    },
    async further(milliseconds) {
      const batches = images / batchSize;
      const step = classifierTraining('resnet18', { images: batchSize, pixels });
      try {
        const stepMilliseconds = await bestOf(step, { repeats: 3, warmUp: 1 });
        return {
          batches_per_second: (1000 * batches) / milliseconds,
          share_of_resnet18_step: milliseconds / batches / stepMilliseconds,
        };
      } finally {
        await step.dispose();
      }
    },
    dispose,
  };
}

function hd95({ images, pixels }: BenchSize): BenchWork {
  const random = createRandom(0, 'bench', 'masks');
  const pairs = Array.from({ length: images }, () => drawPair(pixels, random));
  return {
    run() {
      for (const [truth, prediction] of pairs) hausdorffDistance(truth, prediction);
    },
    dispose: () => undefined,
  };
}

/** A blob, as an area of skin or a cell, in units of the image's side. */
interface Blob {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  /** Amplitude and phase of the border's waves, two around the blob and more. */
  readonly waves: readonly (readonly [amplitude: number, phase: number])[];
}

/** A mask, and another as a network may find it: a little aside, of another size, with another border. */
function drawPair(pixels: number, random: Random): readonly [truth: Mask, prediction: Mask] {
  const waves = (scale: number): Blob['waves'] =>
    Array.from({ length: 5 }, (_, index) => [(scale * random.normal()) / (index + 2), 2 * Math.PI * random.uniform()]);
  const [x, y] = [random.normal(0.5, 0.06), random.normal(0.5, 0.06)];
  const truth = { x, y, radius: 0.12 + 0.18 * random.uniform(), waves: waves(0.15) };
  const prediction = {
    x: x + random.normal(0, 0.01),
    y: y + random.normal(0, 0.01),
    radius: truth.radius * random.normal(1, 0.04),
    waves: truth.waves.map(([amplitude, phase]) => [amplitude + random.normal(0, 0.01), phase] as const),
  };
  return [drawBlob(truth, pixels), drawBlob(prediction, pixels)];
}

function drawBlob({ x, y, radius, waves }: Blob, pixels: number): Mask {
  const mask = new Uint8Array(pixels * pixels);
  for (let row = 0; row < pixels; row++) {
    for (let column = 0; column < pixels; column++) {
      const [down, right] = [(row + 0.5) / pixels - y, (column + 0.5) / pixels - x];
      const distance = Math.sqrt(down * down + right * right) / radius;
      // Beyond, no wave reaches.
      if (distance > 2) continue;
      const angle = Math.atan2(down, right);
      let border = 1;
      for (let wave = 0; wave < waves.length; wave++)
        border += waves[wave][0] * Math.cos((wave + 2) * angle + waves[wave][1]);
      mask[row * pixels + column] = distance < border ? 1 : 0;
    }
  }
  return { pixels: mask, height: pixels, width: pixels };
}
