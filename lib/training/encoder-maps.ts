/** The maps of a frozen encoder of all images that trainings need, each computed once and kept in the feature cache. */
import { splitNames, type SplitName } from '../data/dataset';
import type { SegmentationDataset, SegmentationSplit } from '../data/segmentation-dataset';
import { UserError } from '../errors';
import { encoderIdentity, frozenParameters, type Encoder } from '../models/encoders';
import { disposeParameters } from '../models/parameters';
import type { TrainingEvent } from './events';
import type { FeatureCache } from './feature-cache';
import { extractFeatureMaps, type FeatureMaps } from './feature-map-cache';
import { evaluationBatchSize } from './predict';

/** Of which splits there are maps, and whether of flipped images too: four maps an image. */
export type MapVariants = Readonly<Partial<Record<SplitName, 1 | 4>>>;

type MapSplits = Readonly<Partial<Record<SplitName, SegmentationSplit>>>;

export interface MapRequest {
  readonly encoder: Encoder;
  readonly dataset: Pick<SegmentationDataset, 'sha256' | 'title' | 'height' | 'width'>;
  readonly splits: MapSplits;
  readonly variants: MapVariants;
  /** The project's by default. */
  readonly featureCache?: FeatureCache;
  /** Larger sets stay on the disk and are read batch by batch. */
  readonly memoryBytes?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

export interface EncoderMaps {
  readonly splits: Readonly<Partial<Record<SplitName, FeatureMaps>>>;
  /** Of the encoder, for so many training and validation images: all of their maps, and one pass over them. */
  seconds(images: Readonly<Record<'train' | 'val', number>>): { readonly maps: number; readonly pass: number };
  close(): void;
}

/** Computes the maps that are not in the cache yet. */
export async function openEncoderMaps(request: MapRequest): Promise<EncoderMaps> {
  const { encoder, dataset, variants, featureCache: cache, memoryBytes, signal, onProgress } = request;
  const opened: Partial<Record<SplitName, FeatureMaps>> = {};
  const close = (): void => {
    for (const maps of Object.values(opened)) maps.close();
  };
  const parameters = frozenParameters(encoder);
  try {
    for (const name of splitNames) {
      const split = request.splits[name];
      if (split === undefined || variants[name] === undefined) continue;
      opened[name] = await extractFeatureMaps({
        encoder,
        encoderKey: JSON.stringify(encoderIdentity(encoder)),
        parameters,
        weightsKey: encoder.weights.origin.sha256,
        normalization: encoder.normalization,
        dataset,
        split,
        flips: variants[name] === 4,
        batchSize: evaluationBatchSize(dataset),
        ...{ cache, memoryBytes, signal, onProgress },
      });
    }
  } catch (error) {
    close();
    throw error;
  } finally {
    disposeParameters(parameters);
  }
  const perMap = (name: 'train' | 'val'): number => opened[name]?.secondsPerMap ?? 0;
  return {
    splits: opened,
    seconds: ({ train, val }) => ({
      maps: (variants.train ?? 0) * train * perMap('train') + val * perMap('val'),
      pass: train * perMap('train') + val * perMap('val'),
    }),
    close,
  };
}

/** Of all maps of a request, in float32. */
export function mapBytes({ encoder, splits, variants }: MapExtent): number {
  const images = splitNames.reduce((sum, name) => sum + (variants[name] ?? 0) * (splits[name]?.count ?? 0), 0);
  return images * encoder.rows * encoder.columns * encoder.channels * 4;
}

/** What decides how many maps there are, and how large. */
export interface MapExtent {
  readonly encoder: Pick<Encoder, 'title' | 'rows' | 'columns' | 'channels'>;
  readonly splits: Readonly<Partial<Record<SplitName, { readonly count: number }>>>;
  readonly variants: MapVariants;
}

/**
 * What to say where the cache has not room for all of them. A work goes on whatever is deleted, since it has open
 * what it reads; who continues it later, or does the next one, finds only what was kept.
 */
export function cacheRoomMessage(extents: readonly MapExtent[], limitBytes: number): string | undefined {
  const bytes = extents.reduce((sum, extent) => sum + mapBytes(extent), 0);
  if (bytes <= limitBytes) return undefined;
  const gigabytes = (size: number): string => (size / 1e9).toFixed(1);
  const names = [...new Set(extents.map(({ encoder: { title } }) => title))].join(', ');
  return `The maps of ${names} take ${gigabytes(bytes)} GB, more than the ${gigabytes(limitBytes)} GB of the feature cache: every run finds its own, but if this is stopped and continued, some are computed again. FEATURE_CACHE_GIGABYTES=${Math.ceil(bytes / 1e9)} keeps all.`;
}

/** @throws UserError where maps are wanted that are not among those that were opened */
export function mapsOf({ splits }: EncoderMaps, name: SplitName): FeatureMaps {
  const maps = splits[name];
  if (maps === undefined) throw new UserError(`There are no maps of ${name} images: open them with that split.`);
  return maps;
}
