/** Features of a frozen network on a dataset's images: from the cache with what they cost, or computed whenever they are needed. */
import { batchesPerEpoch } from '../data/batches';
import { splitNames, type Dataset, type SplitName } from '../data/dataset';
import { initialParameters } from '../models/initial-values';
import type { ImageTransform } from '../models/network';
import type { OpenedBackbone } from '../models/open-backbone';
import { disposeParameters, type Parameters } from '../models/parameters';
import type { TrainingEvent } from './events';
import { openFeatureCache, type FeatureCache } from './feature-cache';
import { extractFeatures, type FeatureSet, type FeatureSets } from './features';

/** Everything that features depend on. */
export interface FeatureSource {
  readonly backbone: OpenedBackbone;
  readonly data: Dataset;
  readonly input: ImageTransform;
}

/** Features, or what they are made from where they are not kept. */
export interface Features extends FeatureSource {
  /** Undefined where every use computes them anew. */
  readonly kept: TimedFeatures | undefined;
}

/** The features of all three splits, with what they cost. */
export interface TimedFeatures {
  readonly sets: FeatureSets;
  /** Whether all of them were in the cache. */
  readonly found: boolean;
  /** What was waited for them now. */
  readonly seconds: number;
  /** What each split took when it was computed. */
  readonly computingSeconds: Readonly<Record<SplitName, number>>;
  close(): void;
}

export interface FeatureControls {
  /** Ends the extraction between two batches with a UserError. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

/** The features of all three splits, from a cache where they are there, or computed and not kept. */
export async function openFeatures(
  source: FeatureSource,
  { cache = openFeatureCache(), signal, onProgress }: FeatureControls & { readonly cache?: FeatureCache | 'off' },
): Promise<TimedFeatures> {
  const start = performance.now();
  const opened: { found: boolean; seconds: number }[] = [];
  const recording = cache === 'off' ? cache : recordingCache(cache, (one) => opened.push(one));
  const sets: Partial<Record<SplitName, FeatureSet>> = {};
  const close = (): void => Object.values(sets).forEach((set) => set.close());
  const report = onProgress && allSplits(source.data, onProgress);
  try {
    await withParameters(source.backbone, async (parameters) => {
      for (const split of splitNames) {
        const begin = performance.now();
        const controls = { signal, onProgress: report?.(split) };
        sets[split] = await computeFeatures(source, parameters, split, controls, recording);
        if (cache === 'off') opened.push({ found: false, seconds: (performance.now() - begin) / 1000 });
      }
    });
  } catch (error) {
    close();
    throw error;
  }
  const seconds = (performance.now() - start) / 1000;
  onProgress?.({ kind: 'done', epochs: 1, seconds });
  const times = splitNames.map((split, index) => [split, opened[index].seconds]);
  return {
    sets: sets as FeatureSets,
    found: opened.every((one) => one.found),
    seconds,
    computingSeconds: Object.fromEntries(times) as TimedFeatures['computingSeconds'],
    close,
  };
}

/** The features of one split. */
export function computeFeatures(
  { backbone, data, input }: FeatureSource,
  parameters: Parameters,
  split: SplitName,
  controls: FeatureControls,
  cache: FeatureCache | 'off',
): Promise<FeatureSet> {
  const weightsKey = backbone.weights.sha256;
  return extractFeatures({
    ...controls,
    backbone,
    parameters,
    weightsKey,
    dataset: data,
    split,
    transform: input,
    cache,
  });
}

/** The backbone's values on the device, while `use` runs. */
export async function withParameters<T>(
  { table, values }: Pick<OpenedBackbone, 'table' | 'values'>,
  use: (parameters: Parameters) => Promise<T> | T,
): Promise<T> {
  const parameters = initialParameters(table, 0, values);
  try {
    return await use(parameters);
  } finally {
    disposeParameters(parameters);
  }
}

function recordingCache(
  cache: FeatureCache,
  record: (opened: { readonly found: boolean; readonly seconds: number }) => void,
): FeatureCache {
  return {
    ...cache,
    async open(request, extract) {
      const opened = await cache.open(request, extract);
      record({ found: opened.found, seconds: opened.seconds });
      return opened;
    },
  };
}

/** The progress of one split as part of that of all three. */
function allSplits(
  { splits }: Dataset,
  onProgress: (event: TrainingEvent) => void,
): (split: SplitName) => (event: TrainingEvent) => void {
  const counts = splitNames.map((split) => batchesPerEpoch(splits[split].count, 64));
  const steps = counts.reduce((total, count) => total + count, 0);
  return (split) => {
    const before = counts.slice(0, splitNames.indexOf(split)).reduce((total, count) => total + count, 0);
    return (event) => {
      if (event.kind === 'done') return;
      onProgress(event.kind === 'batch' ? { ...event, step: before + event.step, steps } : event);
    };
  };
}
