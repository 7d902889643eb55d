/** The second study's comparisons as rows: by dataset, over all of them, what is degenerate, and what rounded AUCs do. */
import { formatDecimal } from '../../display/format';
import { sampleDeviation } from '../../metrics/intervals';
import { pairedTTest } from '../../metrics/significance';
import type { ComparisonIntervals } from './predictions';
import { seedScores, type GridMethod, type GridMethodComparison } from './results';
import type { GridSnapshot } from './snapshot';
import { meanWithDeviation } from './tables';
import { comparisonSummaryRows, datasetTitle } from './views';

/**
 * Comparisons of one kind, a row a setting and dataset: both sides, their difference with its bootstrap interval over test images where
 * there is one, the test over seeds before and after Holm's correction, and the effect. What is degenerate or missing is in `noteRows`.
 */
export function pairedTestRows(
  comparisons: readonly GridMethodComparison[],
  intervals: readonly ComparisonIntervals[] = [],
) {
  return comparisons.flatMap((comparison) => {
    const own = intervals.find((one) => one.comparison.title === comparison.title);
    return comparison.datasets.map((row, at) => {
      const interval = own?.datasets[at]?.interval;
      return {
        dataset: datasetTitle(row.dataset),
        setting: comparison.setting,
        first: meanWithDeviation(row.first, 4),
        second: meanWithDeviation(row.second, 4),
        pairs: row.paired.length,
        difference: row.meanDifference,
        interval: interval === undefined ? '' : `${signed(interval.low)} to ${signed(interval.high)}`,
        t: row.tTest?.statistic ?? NaN,
        p: row.tTest?.pValue ?? NaN,
        holmP: row.adjustedPValue ?? NaN,
        g: row.hedgesGz ?? NaN,
      };
    });
  });
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${formatDecimal(value, 4)}`;
}

/** What a reader of comparisons has to know, each note once, with the settings and datasets that it is about. */
export function noteRows(comparisons: readonly GridMethodComparison[], intervals: readonly ComparisonIntervals[] = []) {
  const about = new Map<string, string[]>();
  const add = (note: string, where: string): void => {
    if (note !== '') about.set(note, [...(about.get(note) ?? []), where]);
  };
  for (const comparison of comparisons) {
    for (const note of comparison.notes) add(note, comparison.setting);
    for (const row of comparison.datasets)
      add(row.notes.join(' '), `${datasetTitle(row.dataset)} (${comparison.setting})`);
  }
  for (const { comparison, datasets } of intervals)
    for (const { dataset, note } of datasets) add(note, `${datasetTitle(dataset.name)} (${comparison.setting})`);
  return [...about].map(([note, where]) => ({ note, where: [...new Set(where)].join('; ') }));
}

/**
 * One row a comparison, over all datasets: on how many each side is better, on how many significantly with and without Holm's correction,
 * Wilcoxon's test over the datasets' means, and the lowest p-value that so many datasets can give.
 */
export function overallRows(comparisons: readonly GridMethodComparison[]) {
  const summaries = comparisonSummaryRows(comparisons);
  return comparisons.map(({ title, setting, overall }, at) => {
    const { datasets, firstBetter, secondBetter, meanDifference, wilcoxonPValue, rankBiserial, ...counts } =
      summaries[at];
    const { firstBetterSignificantly, secondBetterSignificantly, significantUncorrected } = counts;
    return {
      comparison: title.replace(` (${setting})`, ''),
      setting,
      datasets,
      better: `${firstBetter} : ${secondBetter}`,
      significant: `${firstBetterSignificantly} : ${secondBetterSignificantly}`,
      uncorrected: significantUncorrected,
      meanDifference,
      p: wilcoxonPValue,
      lowestP: overall === undefined ? NaN : Math.min(1, 2 ** (1 - datasets)),
      rankBiserial,
    };
  });
}

/**
 * What AUCs of three decimals, as MedMNIST's file names have them, do to a comparison: a row a dataset that has two pairs of seeds, with
 * the deviation of the first side and the p-value from full precision and from the names.
 */
export function roundingRows({ finished, seeds }: GridSnapshot, comparison: GridMethodComparison | undefined) {
  if (comparison === undefined) return [];
  const { first, second, datasets } = comparison;
  const sideOf = (method: GridMethod, dataset: string, paired: readonly number[]): number[] => {
    const [run] = finished.filter(({ configuration }) => configuration.dataset.name === dataset);
    const scores = seedScores(finished, method, run.configuration.dataset);
    return seeds.filter((seed) => paired.includes(seed)).map((seed) => scores.get(seed) as number);
  };
  return datasets
    .filter(({ paired }) => paired.length >= 2)
    .map(({ dataset, paired, tTest }) => {
      const sides = [first, second].map((method) => sideOf(method, dataset, paired));
      const [a, b] = sides.map((values) => values.map((value) => Number(value.toFixed(3))));
      const rounded = pairedTTest(a, b);
      return {
        dataset: datasetTitle(dataset),
        deviation: sampleDeviation(sides[0]),
        deviationRounded: sampleDeviation(a),
        p: tTest?.pValue ?? NaN,
        pRounded: rounded.pValue,
        notes: rounded.note ?? '',
      };
    });
}
