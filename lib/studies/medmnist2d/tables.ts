/** The tables of the second study's notebook. The study published no numbers; every table here says of how many seeds its numbers are. */
import { formatDecimal } from '../../display/format';
import { mean, sampleDeviation } from '../../metrics/intervals';
import { pairedTTest } from '../../metrics/significance';
import { summarizeSeeds, type SeedSummary } from '../../metrics/seed-comparison';
import type { Arm } from '../../runs/arms';
import { gridInitializations, gridNetworks, optimizerTitles } from './study';
import { publishedTarget, type GridDataset } from './datasets';
import type { ComparisonIntervals } from './predictions';
import { methodTitle, seedScores, type GridMeasure, type GridMethod, type GridMethodComparison } from './results';
import type { GridSnapshot } from './snapshot';
import { datasetTitle } from './views';

/** `0.912 ± 0.004`, with `(3)` where that is not of all seeds; no deviation for a single one. */
export function meanWithDeviation({ n, mean: center, deviation, missing }: SeedSummary, digits = 3): string {
  if (n === 0) return '';
  const spread = n < 2 ? '' : ` ± ${formatDecimal(deviation, digits)}`;
  return `${formatDecimal(center, digits)}${spread}${missing.length === 0 ? '' : ` (${n})`}`;
}

/** One row a dataset, one column a method of an arm: mean ± standard deviation (n − 1) over seeds. */
export function scoreMatrixRows(snapshot: GridSnapshot, arm: Arm, measure: GridMeasure = 'testAuc') {
  const { finished, methods, datasets, seeds } = snapshot;
  return datasets.map((dataset) => ({
    dataset: datasetTitle(dataset.name),
    ...Object.fromEntries(
      methods
        .filter((method) => method.arm === arm)
        .map((method) => {
          const summary = summarizeSeeds(seedScores(finished, method, dataset, measure), seeds);
          return [methodTitle({ ...method, arm: 'corrected' }), meanWithDeviation(summary, 4)];
        }),
    ),
  }));
}

/**
 * The numbers that the study never published: a row a dataset and method. Accuracy is left out of multi-label tasks, where predicting
 * nothing is nearly always right; kappa is of graded labels only.
 */
export function numericRows({ finished, methods, datasets, seeds }: GridSnapshot) {
  return datasets.flatMap((dataset) =>
    methods.map((method) => {
      const of = (measure: GridMeasure): SeedSummary =>
        summarizeSeeds(seedScores(finished, method, dataset, measure), seeds);
      const { n, mean: testAuc, deviation, missing } = of('testAuc');
      return {
        dataset: datasetTitle(dataset.name),
        network: gridNetworks[method.network].title,
        initialization: gridInitializations[method.initialization],
        optimizer: optimizerTitles[method.optimizer],
        ...(method.fraction !== undefined && { fraction: method.fraction }),
        arm: method.arm,
        n,
        missingSeeds: missing.join(', '),
        testAuc,
        deviation,
        testAccuracy: dataset.task === 'multi-label' ? NaN : of('testAccuracy').mean,
        testMacroF1: of('testMacroF1').mean,
        testKappa: of('testKappa').mean,
      };
    }),
  );
}

/** Our ResNet-50 from scratch beside MedMNIST v2's published one: a row an optimizer and dataset that is one of its, at its sizes. */
export function publishedRows({ finished, methods, datasets, seeds }: GridSnapshot) {
  return comparableMethods(methods).flatMap((method) =>
    datasets.flatMap((dataset) => {
      const target = publishedTarget(dataset);
      if (target === undefined) return [];
      const summaryOf = (measure: GridMeasure): SeedSummary =>
        summarizeSeeds(seedScores(finished, method, dataset, measure), seeds);
      const [auc, accuracy] = [summaryOf('testAuc'), summaryOf('testAccuracy')];
      const multiLabel = dataset.task === 'multi-label';
      return [
        {
          dataset: datasetTitle(dataset.name),
          ours: methodTitle(method),
          n: auc.n,
          publishedAuc: target.auc,
          auc: auc.mean,
          deviation: auc.deviation,
          difference: auc.mean - target.auc,
          publishedAccuracy: multiLabel ? NaN : target.accuracy,
          accuracy: multiLabel ? NaN : accuracy.mean,
        },
      ];
    }),
  );
}

/** Of the methods, those that train the published network as it was trained: a ResNet-50 from random weights. */
export function comparableMethods(methods: readonly GridMethod[]): GridMethod[] {
  return methods.filter(
    ({ network, initialization, fraction }) =>
      network === 'resnet50' && initialization === 'scratch' && fraction === undefined,
  );
}

/**
 * Why accuracy says nothing of a multi-label task: a row a dataset, with the accuracy of finding nothing in any image beside those of the
 * methods. `positives`: the share of labels of the test split that are 1.
 */
export function multiLabelRows(
  { finished, methods, datasets, seeds }: GridSnapshot,
  positives: (dataset: GridDataset) => number | undefined,
) {
  return datasets
    .filter(({ task }) => task === 'multi-label')
    .map((dataset) => {
      const means = (measure: GridMeasure): number[] =>
        methods
          .map((method) => summarizeSeeds(seedScores(finished, method, dataset, measure), seeds))
          .flatMap(({ n, mean: center }) => (n === 0 ? [] : [center]));
      const [accuracies, aucs] = [means('testAccuracy'), means('testAuc')];
      return {
        dataset: datasetTitle(dataset.name),
        accuracyOfFindingNothing: 1 - (positives(dataset) ?? NaN),
        lowestAccuracy: Math.min(...accuracies),
        highestAccuracy: Math.max(...accuracies),
        meanAuc: aucs.length === 0 ? NaN : mean(aucs),
        methods: accuracies.length,
      };
    })
    .filter(({ methods: count }) => count > 0);
}

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

/**
 * One row a comparison: who is better on how many datasets, by how much, and what the study claims. Significant is where Holm's p-value is
 * below `level`, and `significantUncorrected` where the test's own is, as the study counts; tests that mean nothing never are.
 */
export function comparisonSummaryRows(comparisons: readonly GridMethodComparison[], level = 0.05) {
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
