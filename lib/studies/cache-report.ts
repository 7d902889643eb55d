import type { FeatureCost } from './frozen-head';
import type { ClassificationRow, Results } from '../runs/results';

/** What features cost a head's training, and what they would have cost without the cache. */
export interface CacheRow {
  readonly model: string;
  readonly arm: string;
  readonly features: string;
  readonly epochs: number;
  readonly featureSeconds: number;
  readonly headSeconds: number;
  readonly seconds: number;
  /** Estimated from one pass where features were kept, measured where they were not. */
  readonly secondsWithoutCache: number;
  /** Of all without the cache. */
  readonly share: string;
}

/** One row for each head that was trained on a frozen network's features. */
export function cacheReport(all: readonly Results[]): CacheRow[] {
  const rows = all.flatMap(({ results }) => results as unknown as (ClassificationRow & FeatureCost & { headSeconds: number })[]); // prettier-ignore
  return rows
    .filter(({ protocol }) => protocol === 'frozen')
    .map(({ model, arm, features, featureSeconds, headSeconds, passSeconds, seconds, settings }) => {
      const epochs = Number(settings.epochs);
      const secondsWithoutCache = passSeconds === undefined ? seconds : headSeconds + epochs * passSeconds;
      const share = `${((100 * seconds) / secondsWithoutCache).toFixed(1)} %`;
      return { model, arm, features, epochs, featureSeconds, headSeconds, seconds, secondsWithoutCache, share };
    });
}
