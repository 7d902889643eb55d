/** Features of a study's frozen network: from the cache with what they cost, or computed again and again as the study's code did. */
import { batchesPerEpoch } from '../data/batches';
import { splitNames, type Dataset, type SplitName } from '../data/dataset';
import type { TrainingEvent } from '../training/events';
import { openFeatureCache, type FeatureCache } from '../training/feature-cache';
import { extractFeatures, type FeatureSet, type FeatureSets } from '../training/features';
import type { InputTransform } from '../training/input-transforms';
import type { StudyNetwork } from './networks';

/** Everything that features depend on. */
export interface FeatureSource {
  readonly network: StudyNetwork;
  readonly dataset: Dataset;
  readonly input: InputTransform;
  /** Where features are kept; the project's cache by default. */
  readonly store?: FeatureCache;
  /** What results are filed under, where that is more than the dataset. */
  readonly recordedAs?: Pick<Dataset, 'name' | 'sha256' | 'splits'>;
}

export interface FeatureControls {
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

/** Features with what they cost. */
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

/** The features of all three splits, from the cache where they are there, or computed and not kept. */
export async function openFeatures(
  source: FeatureSource,
  { cache, signal, onProgress }: FeatureControls & { readonly cache: boolean },
): Promise<TimedFeatures> {
  const start = performance.now();
  const opened: { found: boolean; seconds: number }[] = [];
  const kept = cache ? recordingCache(source.store ?? openFeatureCache(), (one) => opened.push(one)) : 'off';
  const sets: Partial<Record<SplitName, FeatureSet>> = {};
  const close = (): void => Object.values(sets).forEach((set) => set.close());
  const report = onProgress && allSplits(source.dataset, onProgress);
  try {
    for (const split of splitNames) {
      const begin = performance.now();
      sets[split] = await computeFeatures(source, split, { signal, onProgress: report?.(split) }, kept);
      if (kept === 'off') opened.push({ found: false, seconds: (performance.now() - begin) / 1000 });
    }
  } catch (error) {
    close();
    throw error;
  }
  const seconds = (performance.now() - start) / 1000;
  onProgress?.({ kind: 'done', epochs: 1, seconds });
  return {
    sets: sets as FeatureSets,
    found: opened.every((one) => one.found),
    seconds,
    computingSeconds: Object.fromEntries(
      splitNames.map((split, index) => [split, opened[index].seconds]),
    ) as TimedFeatures['computingSeconds'],
    close,
  };
}

/** The features of one split. */
export function computeFeatures(
  { network, dataset, input }: FeatureSource,
  split: SplitName,
  controls: FeatureControls,
  cache: FeatureCache | 'off',
): Promise<FeatureSet> {
  const { backbone, parameters, weightsKey } = network;
  return extractFeatures({ ...controls, backbone, parameters, weightsKey, dataset, split, transform: input, cache });
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
