/** The tables of the second study's notebook. The study published no numbers; every table here says of how many seeds its numbers are. */
import { formatDecimal } from '../../display/format';
import { mean } from '../../metrics/intervals';
import { summarizeSeeds, type SeedSummary } from '../../metrics/seed-comparison';
import type { Arm } from '../../runs/arms';
import { gridInitializations, gridNetworks, optimizerTitles } from './study';
import { publishedTarget, type GridDataset } from './datasets';
import { methodTitle, seedScores, type GridMeasure, type GridMethod } from './results';
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
