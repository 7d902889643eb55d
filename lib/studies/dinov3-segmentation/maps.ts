/** The four maps of a frozen encoder, side by side in one feature map an image, in memory, on disk or computed batch by batch. */
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import type { AugmentationOptions } from '../../data/joint-augmentation';
import { tf, type Tensor4D } from '../../tf';
import type { TrainingEvent } from '../../training/events';
import type { FeatureCache } from '../../training/feature-cache';
import { extractFeatureMaps, type FeatureMaps } from '../../training/feature-map-cache';
import { evaluationBatchSize } from '../../training/predict';
import { imageSource, mapSource, type SegmentationSource, type SegmentationSplits } from '../../training/segmentation-source'; // prettier-ignore
import type { Dinov3Encoder, EncoderVariant } from './encoders';
import { normalizationOf } from './arms';
import type { Dinov3Arm } from './results';

/** Maps that a decoder takes from as many blocks. */
export const mapCount = 4;

/** Larger sets stay on the disk and are read batch by batch: of ViT-S at 256 pixels, an image's maps are 1.6 MB. */
const memoryBytes = 2 ** 28;

export interface MapRequest {
  readonly dataset: SegmentationDataset;
  readonly encoder: Dinov3Encoder;
  readonly arm: Dinov3Arm;
  /** Whether training images are flipped, and test images are predicted in their flips: four maps an image. */
  readonly flips: boolean;
  readonly flipTta: boolean;
  readonly featureCache?: FeatureCache;
  /** 256 MiB by default. */
  readonly memoryBytes?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

/** What decides how many maps there are, and how large. */
export interface MapExtent extends Pick<MapRequest, 'flips' | 'flipTta'> {
  readonly dataset: { readonly splits: Readonly<Record<'train' | 'val' | 'test', { readonly count: number }>> };
  readonly encoder: Pick<Dinov3Encoder, 'rows' | 'columns' | 'channels'> & { readonly name: string };
}

/** The maps of all images of a dataset, whatever a run's fraction and seed, so that each is computed once. */
export interface Dinov3Maps {
  /** What the encoder took for all of them when they were computed. */
  readonly seconds: number;
  source(splits: SegmentationSplits, augmentation: AugmentationOptions, seed: number): SegmentationSource;
  close(): void;
}

/** Of all maps of one encoder and arm, in float32. */
export function mapBytes({ dataset: { splits }, encoder, flips, flipTta }: MapExtent): number {
  const images = (flips ? 4 : 1) * splits.train.count + splits.val.count + (flipTta ? 4 : 1) * splits.test.count;
  return images * encoder.rows * encoder.columns * mapCount * encoder.channels * 4;
}

/**
 * What to say where the cache has not room for all of them. A work goes on whatever is deleted, since it has open what it reads; who continues
 * it later, or does the next one, finds only what was kept.
 */
export function cacheRoomMessage(extents: readonly MapExtent[], limitBytes: number): string | undefined {
  const bytes = extents.reduce((sum, extent) => sum + mapBytes(extent), 0);
  if (bytes <= limitBytes) return undefined;
  const gigabytes = (size: number): string => (size / 1e9).toFixed(1);
  const names = [...new Set(extents.map(({ encoder: { name } }) => name))].join(', ');
  return `The maps of ${names} take ${gigabytes(bytes)} GB, more than the ${gigabytes(limitBytes)} GB of the feature cache: every run finds its own, but if this is stopped and continued, some are computed again. FEATURE_CACHE_GIGABYTES=${Math.ceil(bytes / 1e9)} keeps all.`; // prettier-ignore
}

/** Computes the maps that are not in the cache yet. */
export async function openDinov3Maps(request: MapRequest): Promise<Dinov3Maps> {
  const { dataset, encoder, arm, flips, flipTta, featureCache, signal, onProgress } = request;
  const { name, rows, columns, channels, precision, frozen, weightsKey } = encoder;
  const variant = encoder.variant(arm);
  const opened: Partial<Record<'train' | 'val' | 'test', FeatureMaps>> = {};
  const close = (): void => {
    for (const maps of Object.values(opened)) maps.close();
  };
  try {
    for (const split of ['train', 'val', 'test'] as const) {
      opened[split] = await extractFeatureMaps({
        encoder: {
          name,
          rows,
          columns,
          channels: mapCount * channels,
          encode: (images) => joinedMaps(variant, images),
        },
        encoderKey: JSON.stringify([variant.selection, precision]),
        parameters: frozen,
        weightsKey,
        dataset,
        split: dataset.splits[split],
        normalization: normalizationOf(arm, encoder.normalization),
        flips: { train: flips, val: false, test: flipTta }[split],
        batchSize: evaluationBatchSize(dataset),
        cache: featureCache,
        memoryBytes: request.memoryBytes ?? memoryBytes,
        signal,
        onProgress,
      });
    }
  } catch (error) {
    close();
    throw error;
  }
  const maps = opened as Record<'train' | 'val' | 'test', FeatureMaps>;
  const secondsOf = ({ secondsPerMap, count }: FeatureMaps, variants: number): number =>
    variants * count * secondsPerMap;
  return {
    seconds: secondsOf(maps.train, flips ? 4 : 1) + secondsOf(maps.val, 1) + secondsOf(maps.test, flipTta ? 4 : 1),
    source: (splits, augmentation, seed) => mapSource({ dataset, splits, augmentation, seed, maps }),
    close,
  };
}

/** The same source without a cache: the encoder runs on every batch. */
export function encodedSource(
  { dataset, encoder, arm }: Pick<MapRequest, 'dataset' | 'encoder' | 'arm'>,
  splits: SegmentationSplits,
  augmentation: AugmentationOptions,
  seed: number,
): SegmentationSource {
  const variant = encoder.variant(arm);
  const normalization = normalizationOf(arm, encoder.normalization);
  const source = imageSource({ dataset, splits, augmentation, seed, normalization });
  return {
    ...source,
    *batches(split, options) {
      for (const batch of source.batches(split, options)) {
        const maps = joinedMaps(variant, batch.images);
        batch.images.dispose();
        yield { ...batch, images: maps, dispose: () => tf.dispose([maps, batch.masks]) };
      }
    },
  };
}

/** N×H×W×3 → N×rows×columns×4C. */
function joinedMaps({ encode }: Pick<EncoderVariant, 'encode'>, images: Tensor4D): Tensor4D {
  return tf.tidy(() => tf.concat4d(encode(images), 3));
}

/** N×rows×columns×4C → four of N×rows×columns×C. */
export function splitMaps(joined: Tensor4D): Tensor4D[] {
  return tf.split(joined, mapCount, 3);
}
