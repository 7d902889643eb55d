/** Two ways of training compared over datasets and seeds: tables, a chart, and bootstrap intervals over the test images. */
import type { DatasetReference, TestLabels } from '../data/dataset-references';
import { datasetTitle } from '../data/registry';
import { differenceChart, type Difference } from '../display/difference-chart';
import type { FigureDisplay } from '../display/figure';
import { formatDecimal } from '../display/format';
import { pooledAucDifference, type AucInterval } from '../metrics/auc-interval';
import type { ResamplingOptions } from '../metrics/intervals';
import type { Scored } from '../metrics/scores';
import type { GridComparison, SeedSummary } from '../metrics/seed-comparison';
import { armTitle, type Arm } from '../runs/arms';
import { signed } from './claims';
import type { BatchEvent, DoneEvent, StoppedEvent } from '../training/events';

/** A comparison with the settings that both sides share. */
export interface MethodComparison<M> extends GridComparison {
  /** Such as `Swin-B against ResNet-50, pretrained (AdamW)`. */
  readonly title: string;
  /** What both sides share beyond the definition, such as `AdamW`. */
  readonly setting: string;
  readonly claim: string;
  readonly first: M;
  readonly second: M;
  /** What the two differ in. */
  readonly sides: readonly [first: string, second: string];
}

/** `0.912 ± 0.004`, with `(3)` where that is not of all seeds; no deviation for a single one. */
export function meanWithDeviation({ n, mean: center, deviation, missing }: SeedSummary, digits = 3): string {
  if (n === 0) return '';
  const spread = n < 2 ? '' : ` ± ${formatDecimal(deviation, digits)}`;
  return `${formatDecimal(center, digits)}${spread}${missing.length === 0 ? '' : ` (${n})`}`;
}

/**
 * Comparisons of one kind, a row a setting and dataset: both sides, their difference with its bootstrap interval over test images where
 * there is one, the test over seeds before and after Holm's correction, and the effect. What is degenerate or missing is in `noteRows`.
 */
export function pairedTestRows(
  comparisons: readonly MethodComparison<unknown>[],
  intervals: readonly ComparisonIntervals<unknown>[] = [],
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
        interval: interval === undefined ? '' : `${signed(interval.low, 4)} to ${signed(interval.high, 4)}`,
        t: row.tTest?.statistic ?? NaN,
        p: row.tTest?.pValue ?? NaN,
        holmP: row.adjustedPValue ?? NaN,
        g: row.hedgesGz ?? NaN,
      };
    });
  });
}

/** What a reader of comparisons has to know, each note once, with the settings and datasets that it is about. */
export function noteRows(
  comparisons: readonly MethodComparison<unknown>[],
  intervals: readonly ComparisonIntervals<unknown>[] = [],
) {
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
export function overallRows(comparisons: readonly MethodComparison<unknown>[]) {
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
 * One row a comparison: who is better on how many datasets, by how much, and what the study claims. Significant is where Holm's p-value is
 * below `level`, and `significantUncorrected` where the test's own is, as the study counts; tests that mean nothing never are.
 */
export function comparisonSummaryRows(comparisons: readonly MethodComparison<unknown>[], level = 0.05) {
  return comparisons.map(({ title, claim, datasets, overall }) => {
    const meaningful = datasets.filter(({ tTest }) => tTest !== undefined && tTest.note === undefined);
    const significant = (sign: number): number =>
      meaningful.filter(
        ({ meanDifference, adjustedPValue = 1 }) => adjustedPValue < level && Math.sign(meanDifference) === sign,
      ).length;
    return {
      comparison: title,
      datasets: overall?.datasets ?? 0,
      firstBetter: overall?.wins ?? 0,
      firstBetterSignificantly: significant(1),
      secondBetter: overall?.losses ?? 0,
      secondBetterSignificantly: significant(-1),
      significantUncorrected: meaningful.filter(({ tTest }) => (tTest?.pValue ?? 1) < level).length,
      meanDifference: overall?.meanDifference ?? NaN,
      wilcoxonPValue: overall?.wilcoxon.pValue ?? NaN,
      rankBiserial: overall?.rankBiserial ?? NaN,
      claim,
    };
  });
}
/**
 * Differences of one kind of comparison in an arm, a series for each setting that it leaves open, with bootstrap intervals over test
 * images where their labels are on this machine; undefined where the grid has no such comparison.
 */
export function differenceFigure(
  intervals: readonly ComparisonIntervals<{ readonly arm: Arm }>[],
  arm: Arm = 'corrected',
): FigureDisplay | undefined {
  const shown = intervals.filter(({ comparison }) => comparison.first.arm === arm);
  if (shown.length === 0) return undefined;
  const [{ comparison: one, datasets }] = shown;
  const ofArm = one.second.arm === arm ? `, ${armTitle(arm)}` : '';
  const title = `${one.title.replace(` (${one.setting})`, '')}${ofArm}`;
  return differenceChart(
    {
      title,
      rows: datasets.map(({ dataset }) => datasetTitle(dataset.name)),
      series: shown.map(({ comparison, datasets: rows }) => ({
        name: comparison.setting,
        differences: rows.map(({ interval }, at) => differenceOf(interval, comparison.datasets[at].meanDifference)),
      })),
      xTitle: 'Difference in test AUC',
      sides: [`${one.sides[1]} is better`, `${one.sides[0]} is better`],
      intervalTitle: '95 % bootstrap intervals over test images, of the mean over seeds',
    },
    {
      label: `${title}: differences in test AUC on ${datasets.length} datasets with their intervals`,
      caption: shown.some((each) => each.datasets.some(({ pairs, interval }) => pairs > 0 && interval === undefined))
        ? 'Points without a bar: the test labels are not on this machine.'
        : undefined,
    },
  );
}

/** Without an interval, the difference between the means of the pairs; null without a pair. */
function differenceOf(interval: AucInterval | undefined, meanDifference: number): Difference | null {
  if (interval !== undefined) return { value: interval.value, interval: [interval.low, interval.high] };
  return Number.isNaN(meanDifference) ? null : { value: meanDifference };
}

/** How far another test set of this size could move a difference. */
export interface DifferenceInterval {
  readonly dataset: DatasetReference;
  /** Seeds that both sides have. */
  readonly pairs: number;
  readonly images: number;
  /** Undefined without a pair, and where the labels are not on this machine. */
  readonly interval: AucInterval | undefined;
  readonly note: string;
}

/** A comparison with an interval for each of its datasets. */
export interface ComparisonIntervals<M> {
  readonly comparison: MethodComparison<M>;
  readonly datasets: readonly DifferenceInterval[];
}

type IntervalEvent = BatchEvent | DoneEvent | StoppedEvent;

/** Where labels are, and the predictions of a method, one a seed. */
export interface PredictionSource<M> {
  readonly labelsOf: (dataset: DatasetReference) => Promise<TestLabels | undefined>;
  readonly predictionsOf: (
    method: M,
    dataset: DatasetReference,
    seeds: readonly number[],
    labels: TestLabels,
  ) => Scored[];
}

export interface IntervalControls extends ResamplingOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: IntervalEvent) => void;
}

/**
 * Bootstrap intervals of the difference in AUC, both sides on the same resampled test images, pooled over the seeds that both have;
 * undefined where the signal stopped it.
 */
export async function compareOnTestImages<M>(
  comparisons: readonly MethodComparison<M>[],
  datasets: readonly DatasetReference[],
  source: PredictionSource<M>,
  { signal, onProgress = () => undefined, ...resampling }: IntervalControls,
): Promise<ComparisonIntervals<M>[] | undefined> {
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  const steps = comparisons.length * datasets.length;
  const found: ComparisonIntervals<M>[] = [];
  const read = new Map<DatasetReference, TestLabels | undefined>();
  for (const comparison of comparisons) {
    const intervals: DifferenceInterval[] = [];
    for (const dataset of datasets) {
      // Lets a stop be heard: a large test split takes seconds.
      await new Promise(setImmediate);
      if (signal?.aborted) {
        onProgress({ kind: 'stopped', epoch: found.length, epochs: comparisons.length, seconds: seconds() });
        return undefined;
      }
      if (!read.has(dataset)) read.set(dataset, await source.labelsOf(dataset));
      intervals.push(differenceInterval(comparison, dataset, source, read.get(dataset), resampling));
      onProgress({
        kind: 'batch',
        epoch: 1,
        epochs: 1,
        step: found.length * datasets.length + intervals.length,
        steps,
      });
    }
    found.push({ comparison, datasets: intervals });
  }
  onProgress({ kind: 'done', epochs: 1, seconds: seconds() });
  return found;
}

function differenceInterval<M>(
  { first, second, datasets }: MethodComparison<M>,
  dataset: DatasetReference,
  { predictionsOf }: PredictionSource<M>,
  labels: TestLabels | undefined,
  resampling: ResamplingOptions,
): DifferenceInterval {
  const seeds = datasets.find((row) => row.dataset === dataset.name)?.paired ?? [];
  const without = { dataset, pairs: seeds.length, interval: undefined };
  if (seeds.length === 0) return { ...without, images: 0, note: 'No seed is finished on both sides.' };
  if (labels === undefined) {
    const note =
      'The test labels are not on this machine, so that there is no interval: npm run data -- download DATASET.';
    return { ...without, images: 0, note };
  }
  const [a, b] = [first, second].map((method) => predictionsOf(method, dataset, seeds, labels));
  const images = labels.task === 'multi-label' ? labels.truth.length / labels.classes : labels.truth.length;
  const interval = pooledAucDifference(a, b, resampling);
  const note = interval.redrawn === 0 ? '' : `${interval.redrawn} resamples lacked a label and were drawn again.`;
  return { ...without, images, interval, note };
}
