/** Scores of groups of trainings with their intervals, and groups compared on the same test images. */
import { UserError } from '../errors';
import type { DrawsOptions, Estimate } from '../metrics/interval-over-draws';
import { mean } from '../metrics/intervals';
import { estimateMetric } from '../metrics/segmentation-summary';
import { comparePaired, meanOverDraws, type PairedComparison } from '../metrics/paired-comparison';
import { metricOfImages, type SegmentationMetric, type SegmentationScores } from '../metrics/segmentation';
import type { MaskEvaluation, MaskReport } from './evaluate-masks';
import type { Run } from './train';

/** Trainings of one kind, a seed each, by seed ascending. */
export interface ScoredRuns {
  readonly runs: readonly {
    readonly point: { readonly seed: number };
    readonly run: Pick<Run, 'id'>;
    readonly test: Pick<MaskEvaluation, 'scores'> & { readonly report: MaskReport };
  }[];
}

/** Which masks are scored: as predicted, after `cleanMask`, or of the mean over four flips. */
export type ScoredMasks = 'scores' | 'cleanedScores' | 'flippedScores';

/** A metric of each test image, by seed. */
export function metricBySeed(
  { runs }: ScoredRuns,
  metric: SegmentationMetric,
  of: ScoredMasks = 'scores',
): Float64Array[] {
  return runs.map(({ run, test }) => {
    const scores: readonly SegmentationScores[] | undefined = of === 'scores' ? test.scores : test.report[of];
    if (scores === undefined)
      throw new UserError(`Run ${run.id} has no scores of flipped test images: set flipTta to true.`);
    return metricOfImages(scores, metric);
  });
}

/** A metric of each test image, the mean over seeds. */
export function metricOfGroup(group: ScoredRuns, metric: SegmentationMetric): Float64Array {
  return meanOverDraws(metricBySeed(group, metric));
}

/** Mean of a metric and its 95 % interval over test images and seeds; over images alone where there is one seed. */
export function estimateOf({ runs }: ScoredRuns, metric: SegmentationMetric): Estimate {
  return estimateMetric(
    runs.map(({ test }) => test.scores),
    metric,
  );
}

/** A fact of the reports, the mean over seeds. */
export function meanOf({ runs }: ScoredRuns, fact: (report: MaskReport) => number): number {
  return mean(runs.map(({ test }) => fact(test.report)));
}

/** Groups with the runs of the seeds that all of them have. */
export function withSharedSeeds<G extends ScoredRuns>(groups: readonly G[]): G[] {
  const hasSeed = ({ runs }: G, seed: number): boolean => runs.some(({ point }) => point.seed === seed);
  return groups.map((group) => ({
    ...group,
    runs: group.runs.filter(({ point: { seed } }) => groups.every((other) => hasSeed(other, seed))),
  }));
}

/** Two groups on the same test images, by the seeds that both have; undefined where they have none in common. */
export function compareGroups(
  first: ScoredRuns,
  second: ScoredRuns,
  metric: SegmentationMetric,
  options: DrawsOptions = {},
): PairedComparison | undefined {
  const shared = withSharedSeeds([first, second]);
  if (shared[0].runs.length === 0) return undefined;
  const [a, b] = shared.map((group) => metricBySeed(group, metric));
  return comparePaired(a, b, { ...options, higherIsBetter: metric !== 'hd95' });
}
