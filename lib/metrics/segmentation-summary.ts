import { intervalOverDraws, type Estimate } from './interval-over-draws';
import { mean, meanInterval, type Interval, type ResamplingOptions } from './intervals';
import { metricOfImages, segmentationMetrics, type SegmentationMetric, type SegmentationScores } from './segmentation';

/** What is reported of a segmentation on one split. */
export interface SegmentationSummary {
  readonly images: number;
  /** Means over images. */
  readonly mean: Readonly<Record<SegmentationMetric, number>>;
  /** Percentile bootstrap intervals over images; every metric sees the same resamples. */
  readonly interval: Readonly<Record<SegmentationMetric, Interval>>;
  /** Images without an HD95, for which the diagonal is in its mean. */
  readonly undefinedHd95: number;
}

/** Means over images with their intervals. Throws a UserError where there are no images. */
export function summarizeSegmentation(
  scores: readonly SegmentationScores[],
  options: ResamplingOptions,
): SegmentationSummary {
  const columns = segmentationMetrics.map((metric) => [metric, metricOfImages(scores, metric)] as const);
  const means = columns.map(([metric, values]) => [metric, mean(values)]);
  const intervals = columns.map(([metric, values]) => [metric, meanInterval(values, options)]);
  return {
    images: scores.length,
    mean: Object.fromEntries(means) as Record<SegmentationMetric, number>,
    interval: Object.fromEntries(intervals) as Record<SegmentationMetric, Interval>,
    undefinedHd95: scores.filter(({ hd95Defined }) => !hd95Defined).length,
  };
}

/** Mean of a metric over draws × images and its interval over both, which ends where the metric does. */
export function estimateMetric(
  draws: readonly (readonly SegmentationScores[])[],
  metric: SegmentationMetric,
): Estimate {
  const bounds = metric === 'hd95' ? ([0, Infinity] as const) : ([0, 1] as const);
  return intervalOverDraws(
    draws.map((scores) => metricOfImages(scores, metric)),
    { bounds },
  );
}
