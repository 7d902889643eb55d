import { mean } from '../metrics/intervals';
import { metricOfImages, type SegmentationMetric } from '../metrics/segmentation';
import type { TrainedSegmenter } from '../training/segmenter';
import type { SegmentationRow } from '../runs/results';

type Measured =
  'epoch' | 'testDice' | 'testIou' | 'testSensitivity' | 'testAccuracy' | 'testHd95' | 'bestValLoss' | 'bestValDice';

/** What a study knows of a training beside what was measured. */
export type RowFacts = Pick<SegmentationRow, Exclude<KnownKeys, Measured>> & Readonly<Record<string, unknown>>;
type KnownKeys = keyof { [K in keyof SegmentationRow as string extends K ? never : K]: unknown };

/** The row of a training that has come to its end; undefined for one that was stopped. */
export function segmentationRow(
  { test, bestValLoss, bestValDice }: Pick<TrainedSegmenter, 'test' | 'bestValLoss' | 'bestValDice'>,
  facts: RowFacts,
): SegmentationRow | undefined {
  if (test === undefined || bestValLoss === undefined || bestValDice === undefined) return undefined;
  const meanOf = (metric: SegmentationMetric): number => mean(metricOfImages(test.scores, metric));
  return {
    ...facts,
    epoch: test.epoch,
    bestValLoss,
    bestValDice,
    testDice: meanOf('dice'),
    testIou: meanOf('jaccard'),
    testSensitivity: meanOf('sensitivity'),
    testAccuracy: meanOf('accuracy'),
    testHd95: meanOf('hd95'),
  };
}
