/** All trainings of a notebook on the same data, side by side. */
import type { Dataset } from '../data/dataset';
import type { Displayable } from '../display/mime';
import { shareDecimals } from '../display/format';
import { table, type TableOptions } from '../display/tables';
import { chosenHow, chosenRow } from '../runs/chosen';
import { comparisonRows, type ComparisonRow, type PublishedResult } from '../runs/comparison';
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
  const rows = comparisonRows(comparableResults(currentRun(), data), published, data);
  return table(rows, { caption, ...scoresOf(rows, data.splits.test.count) });
}

/** As many digits as the images bear, and a star at what the validation images choose, which is what a page tells first. */
export function scoresOf(
  rows: readonly Pick<ComparisonRow, 'arm' | 'bestValAccuracy'>[],
  images: number,
): Pick<TableOptions, 'digits' | 'chosen'> {
  const row = chosenRow(rows, ({ bestValAccuracy }) => bestValAccuracy);
  const decimals = shareDecimals(images);
  return {
    digits: { testAccuracy: decimals, testMacroF1: decimals, testAuc: decimals, bestValAccuracy: decimals },
    // What is alone was not chosen.
    chosen: {
      rows: row === undefined || rows.length < 2 ? [] : [row],
      columns: ['testAccuracy', 'testMacroF1'],
      how: chosenHow,
    },
  };
}
