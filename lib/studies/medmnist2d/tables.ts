/** The tables of the second study's notebook. The study published no numbers; every table here says of how many seeds its numbers are. */
import type { DatasetReference } from '../../data/dataset-references';
import { datasetTitle } from '../../data/registry';
import { mean, sampleDeviation } from '../../metrics/intervals';
import type { SeedSummary } from '../../metrics/seed-comparison';
import { pairedTTest } from '../../metrics/significance';
import type { Arm } from '../../runs/arms';
import { meanWithDeviation } from '../../workbench/method-comparisons';
import { publishedTarget } from './published';
import {
  methodTitle,
  seedScores,
  seedSummary,
  type GridMeasure,
  type GridMethod,
  type GridMethodComparison,
  type GridSnapshot,
} from './results';
import { gridInitializations, gridNetworks, optimizerTitles } from './study';

/** One row a dataset, one column a method of an arm: mean ± standard deviation (n − 1) over seeds. */
export function scoreMatrixRows(snapshot: GridSnapshot, arm: Arm, measure: GridMeasure = 'testAuc') {
  const { methods, datasets } = snapshot;
  return datasets.map((dataset) => ({
    dataset: datasetTitle(dataset.name),
    ...Object.fromEntries(
      methods
        .filter((method) => method.arm === arm)
        .map((method) => {
          const summary = seedSummary(snapshot, method, dataset, measure);
          return [methodTitle({ ...method, arm: 'corrected' }), meanWithDeviation(summary, 4)];
        }),
    ),
  }));
}

/**
 * The numbers that the study never published: a row a dataset and method. Accuracy is left out of multi-label tasks, where predicting
 * nothing is nearly always right; kappa is of graded labels only.
 */
export function numericRows(snapshot: GridSnapshot) {
  const { methods, datasets } = snapshot;
  return datasets.flatMap((dataset) =>
    methods.map((method) => {
      const of = (measure: GridMeasure): SeedSummary => seedSummary(snapshot, method, dataset, measure);
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
export function publishedRows(snapshot: GridSnapshot) {
  const { methods, datasets } = snapshot;
  return comparableMethods(methods).flatMap((method) =>
    datasets.flatMap((dataset) => {
      const target = publishedTarget(dataset);
      if (target === undefined) return [];
      const summaryOf = (measure: GridMeasure): SeedSummary => seedSummary(snapshot, method, dataset, measure);
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
export function multiLabelRows(snapshot: GridSnapshot, positives: (dataset: DatasetReference) => number | undefined) {
  const { methods, datasets } = snapshot;
  return datasets
    .filter(({ task }) => task === 'multi-label')
    .map((dataset) => {
      const means = (measure: GridMeasure): number[] =>
        methods
          .map((method) => seedSummary(snapshot, method, dataset, measure))
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
 * What AUCs of three decimals, as MedMNIST's file names have them, do to a comparison: a row a dataset that has two pairs of seeds, with
 * the deviation of the first side and the p-value from full precision and from the names.
 */
export function roundingRows({ finished, seeds }: GridSnapshot, comparison: GridMethodComparison | undefined) {
  if (comparison === undefined) return [];
  const { first, second, datasets } = comparison;
  const sideOf = (method: GridMethod, dataset: string, paired: readonly number[]): number[] => {
    const [run] = finished.filter(({ configuration }) => configuration.dataset.name === dataset);
    const scores = seedScores({ finished }, method, run.configuration.dataset);
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
