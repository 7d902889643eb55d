/** All trainings of a notebook on the same data, side by side. */
import type { Dataset } from '../data/dataset';
import type { Displayable } from '../display/mime';
import { table } from '../display/tables';
import { comparisonRows, type PublishedResult } from '../runs/comparison';
import { comparableResults, currentRun } from '../runs/notebook-run';

export interface ComparisonOptions {
  readonly caption?: string;
  /** Of the study, shown where the data are the study's. */
  readonly published?: readonly PublishedResult[];
}

/**
 * One row for each arm of each classifier that this notebook has trained on these data, with a 95 % interval over the
 * test images (Wilson).
 */
export function comparison(
  data: Dataset,
  { caption = 'All trainings of this notebook on these data', published = [] }: ComparisonOptions = {},
): Displayable {
  return table(comparisonRows(comparableResults(currentRun(), data), published, data), {
    caption,
    highlight: { testAccuracy: 'highest', testMacroF1: 'highest' },
  });
}
