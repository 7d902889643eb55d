/** How long runs of the second study's grid will take: from runs that are finished, else from throughputs that were measured elsewhere. */
import { findDataset } from '../../data/registry';
import { datasetNames } from '../../data/registry';
import type { GridNetworkName } from '../../studies/medmnist2d/study';
import type { GridConfiguration } from '../../studies/medmnist2d/grid';
import type { DatasetReference } from '../../data/dataset-references';
import type { GridFinishedRun } from '../../studies/medmnist2d/results';

/** What a run has: cores of a processor, or a GPU. */
export type RunDevice = { readonly kind: 'cpu'; readonly cores: number } | { readonly kind: 'gpu' };

export interface RunEstimate {
  readonly seconds: number;
  /** `measured`: on runs of the same network in this store. `assumed`: from `assumedThroughput`. */
  readonly source: 'measured' | 'assumed';
}

/**
 * Training images a second, 224 pixels a side, float32. Of a core: measured with this project on an AMD EPYC with
 * AVX-512. Of a GPU: an A100 with TF32, of the order that its vendor publishes for ResNet-50; for Swin-B by its
 * fourfold multiplications. No GPU was measured here.
 */
export const assumedThroughput: Readonly<
  Partial<Record<GridNetworkName, { readonly core: number; readonly gpu: number }>>
> = {
  resnet50: { core: 3, gpu: 700 },
  swin_b: { core: 0.8, gpu: 180 },
};

/** Of a training step's time, what an evaluated image takes: one pass of three. */
const evaluationShare = 1 / 3;

/** The images of a run, each counted as what it takes of a training image's time. Undefined where the dataset's size is not known. */
export function imagesOfRun(dataset: Pick<DatasetReference, 'name'>, epochs: number, fraction = 1): number | undefined {
  if (!datasetNames().includes(dataset.name)) return undefined;
  const { train, val, test } = findDataset(dataset.name).splits;
  return epochs * (fraction * train + evaluationShare * val) + evaluationShare * test;
}

/**
 * How long a run takes with all of its epochs, of which early stopping may save some. Undefined where nothing like it is finished or known.
 */
export function createEstimator(
  finished: readonly GridFinishedRun[],
  device: RunDevice,
): (configuration: GridConfiguration) => RunEstimate | undefined {
  const perImage = new Map<string, Sum>();
  const perEpoch = new Map<string, Sum>();
  for (const { configuration, result } of finished) {
    const images = imagesOfRun(configuration.dataset, result.epochs, configuration.fraction);
    if (images !== undefined) add(perImage, imageKey(configuration), result.seconds, images);
    add(perEpoch, epochKey(configuration), result.seconds, result.epochs);
  }
  return (configuration) => {
    const { epochs } = configuration.schedule;
    const images = imagesOfRun(configuration.dataset, epochs, configuration.fraction);
    const [byEpoch, byImage] = [perEpoch.get(epochKey(configuration)), perImage.get(imageKey(configuration))];
    if (byEpoch !== undefined) return { seconds: epochs * ratio(byEpoch), source: 'measured' };
    if (images === undefined) return undefined;
    if (byImage !== undefined) return { seconds: images * ratio(byImage), source: 'measured' };
    const throughput = assumedThroughput[configuration.network];
    if (throughput === undefined) return undefined;
    const rate = device.kind === 'gpu' ? throughput.gpu : throughput.core * device.cores;
    return { seconds: images / rate, source: 'assumed' };
  };
}

interface Sum {
  readonly seconds: number;
  readonly units: number;
}

function add(sums: Map<string, Sum>, key: string, seconds: number, units: number): void {
  const before = sums.get(key) ?? { seconds: 0, units: 0 };
  sums.set(key, { seconds: before.seconds + seconds, units: before.units + units });
}

const ratio = ({ seconds, units }: Sum): number => seconds / units;

function imageKey({ network, inputSize }: GridConfiguration): string {
  return `${network} ${inputSize}`;
}

function epochKey({ network, inputSize, dataset, fraction = 1 }: GridConfiguration): string {
  return `${network} ${inputSize} ${dataset.name} ${dataset.size} ${dataset.hash} ${fraction}`;
}
