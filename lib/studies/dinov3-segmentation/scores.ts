/** Scores of groups of runs with their intervals, and groups compared on the same test images. */
import { UserError } from '../../errors';
import { intervalOverDraws } from '../../metrics/crossed-bootstrap';
import { mean, type Interval, type ResamplingOptions } from '../../metrics/intervals';
import { comparePaired, type PairedComparison } from '../../metrics/paired-comparison';
import { metricOfImages, type SegmentationMetric, type SegmentationScores } from '../../metrics/segmentation';
import type { RunGroup } from './groups';
import type { MaskReport } from '../../runs/evaluate-masks';

export type IntervalOptions = Pick<ResamplingOptions, 'seed' | 'resamples'>;

/** Which masks are scored: as predicted, after `cleanMask`, or of the mean over four flips. */
export type ScoredMasks = 'scores' | 'cleanedScores' | 'flippedScores';

/** A metric of each test image, by seed. */
export function metricBySeed(
  { runs }: Pick<RunGroup, 'runs'>,
  metric: SegmentationMetric,
  of: ScoredMasks = 'scores',
): Float64Array[] {
  return runs.map(({ run, test }) => {
    const scores: readonly SegmentationScores[] | undefined = of === 'scores' ? test.scores : test.report[of];
    if (scores === undefined) throw new UserError(`Run ${run.id} has no scores of flipped test images: set flipTta to true.`); // prettier-ignore
    return metricOfImages(scores, metric);
  });
}

/** A metric of each test image, the mean over seeds. */
export function metricOfGroup(group: Pick<RunGroup, 'runs'>, metric: SegmentationMetric): Float64Array {
  return meanOverSeeds(metricBySeed(group, metric));
}

export function meanOverSeeds(values: readonly Float64Array[]): Float64Array {
  return values[0].map((_, image) => mean(values.map((one) => one[image])));
}

/** Mean of a metric over test images and seeds with its 95 % bootstrap interval over both, or over images where there is one seed. */
export function estimateOf(
  group: Pick<RunGroup, 'runs'>,
  metric: SegmentationMetric,
  options: IntervalOptions,
): Interval & { readonly mean: number } {
  return intervalOverDraws({ values: metricBySeed(group, metric), ...options });
}

/** A fact of the reports, the mean over seeds. */
export function meanOf({ runs }: Pick<RunGroup, 'runs'>, fact: (report: MaskReport) => number): number {
  return mean(runs.map(({ test }) => fact(test.report)));
}

/**
 * Two groups on the same test images, by the seeds that both have: wins, ties and the Wilcoxon test are of means over these seeds, the
 * interval is over images and seeds. Undefined where they have no seed in common.
 */
export function compareGroups(
  first: RunGroup,
  second: RunGroup,
  metric: SegmentationMetric,
  options: IntervalOptions,
): PairedComparison | undefined {
  const seedsOf = ({ runs }: RunGroup): number[] => runs.map(({ point }) => point.seed);
  const shared = seedsOf(first).filter((seed) => seedsOf(second).includes(seed));
  if (shared.length === 0) return undefined;
  const [a, b] = [first, second].map((group) => {
    const runs = group.runs.filter(({ point }) => shared.includes(point.seed));
    return metricBySeed({ runs }, metric);
  });
  return compareSeedTables(a, b, { ...options, higherIsBetter: metric !== 'hd95' });
}

/** Two tables of seeds × images; see `compareGroups`. */
export function compareSeedTables(
  first: readonly Float64Array[],
  second: readonly Float64Array[],
  options: IntervalOptions & { readonly higherIsBetter?: boolean },
): PairedComparison {
  const paired = comparePaired(meanOverSeeds(first), meanOverSeeds(second), options);
  const values = first.map((row, seed) => row.map((value, image) => value - second[seed][image]));
  const { low, high } = intervalOverDraws({ values, ...options });
  return { ...paired, interval: { low, high } };
}
