/** What a run of the second study's grid leaves, and how the grid stands: ways of training, their scores, and what is compared. */
import { join } from 'node:path';
import { z } from 'zod';
import type { DatasetReference, TestLabels } from '../../data/dataset-references';
import { datasetNames, datasetTitle } from '../../data/registry';
import { formatDecimal } from '../../display/format';
import { UserError } from '../../errors';
import { evaluatePredictionFile, readPredictionFile } from '../../metrics/medmnist-files';
import type { Scored } from '../../metrics/scores';
import { compareOverDatasets, summarizeSeeds, type SeedScores, type SeedSummary } from '../../metrics/seed-comparison';
import { armTitle, type Arm } from '../../runs/arms';
import { readState, type GridState } from '../../runs/grid-state';
import type { FinishedRun, RunStore } from '../../runs/store';
import type { MethodComparison } from '../../workbench/method-comparisons';
import type { GridConfiguration } from './grid';
import {
  gridInitializations,
  gridNetworks,
  optimizerTitles,
  type GridComparisonDefinition,
  type GridInitialization,
  type GridNetworkName,
  type GridOptimizerName,
  type GridSelection,
} from './study';

/** `result.json` of a run. Fractions and seconds. */
export const gridResultSchema = z.looseObject({
  /** As MedMNIST's evaluator computes them, on the test split, with the selected epoch's weights. */
  testAuc: z.number(),
  testAccuracy: z.number(),
  /** Multi-label tasks: mean over labels. */
  testMacroF1: z.number(),
  /** Of graded labels only. */
  testKappa: z.number().optional(),
  valAuc: z.number(),
  /** Counted from 1. */
  selectedEpoch: z.int(),
  epochs: z.int(),
  seconds: z.number(),
  /** Of the pretrained weights' file; undefined for random ones. */
  weightsSha256: z.string().optional(),
  /** In the run's folder, in MedMNIST's format. */
  predictionFile: z.string(),
  history: z.array(z.looseObject({ epoch: z.int(), trainLoss: z.number(), valAuc: z.number() })),
});
export type GridResult = z.infer<typeof gridResultSchema>;
export type GridFinishedRun = FinishedRun<GridConfiguration, GridResult>;

export type GridMeasure = 'testAuc' | 'testAccuracy' | 'testMacroF1' | 'testKappa' | 'valAuc';

/** One way of training; every setting but dataset and seed. */
export interface GridMethod {
  readonly arm: Arm;
  readonly network: GridNetworkName;
  readonly initialization: GridInitialization;
  readonly optimizer: GridOptimizerName;
  /** Of the training images; all of them without it. */
  readonly fraction?: number;
}

const methodKeys = ['arm', 'network', 'initialization', 'optimizer', 'fraction'] as const;

/** Such as `Swin-B, ImageNet-1k, AdamW`; the arm is named where it is not the corrected one. */
export function methodTitle(method: GridMethod): string {
  return settingTitle(method, {});
}

/** Without the settings that a selection names. */
function settingTitle(
  { arm, network, initialization, optimizer, fraction }: GridMethod,
  without: GridSelection,
): string {
  const parts = [
    without.network === undefined && gridNetworks[network].title,
    without.initialization === undefined && gridInitializations[initialization],
    without.optimizer === undefined && optimizerTitles[optimizer],
    without.arm === undefined && arm === 'as-published' && armTitle(arm),
    fraction !== undefined && `${formatDecimal(100 * fraction, 0)} % of the training images`,
  ];
  return parts.filter((part) => part !== false).join(', ');
}

function methodOf({ arm, network, initialization, optimizer, fraction }: GridConfiguration): GridMethod {
  return { arm, network, initialization, optimizer: optimizer.name, ...(fraction !== undefined && { fraction }) };
}

/** The grid at one moment. */
export interface GridSnapshot extends GridState<GridConfiguration, GridResult> {
  /** In the order of the grid. */
  readonly methods: readonly GridMethod[];
  /** In the order of their publication, others first. */
  readonly datasets: readonly DatasetReference[];
  readonly seeds: readonly number[];
}

export function readSnapshot(
  store: RunStore<GridConfiguration, GridResult>,
  configurations: readonly GridConfiguration[],
): GridSnapshot {
  const methods = unique(configurations.map(methodOf));
  const order = datasetNames();
  const datasets = unique(configurations.map(({ dataset }) => dataset)).sort(
    (a, b) => order.indexOf(a.name) - order.indexOf(b.name),
  );
  const layout = {
    methods: methods.map(methodTitle),
    datasets: datasets.map(({ name }) => datasetTitle(name)),
    placeOf: (one: GridConfiguration) => {
      return { method: methodTitle(methodOf(one)), dataset: datasetTitle(one.dataset.name), seed: one.seed };
    },
  };
  const seeds = [...new Set(configurations.map(({ seed }) => seed))].sort((a, b) => a - b);
  return { ...readState(store, configurations, layout), methods, datasets, seeds };
}

function unique<T extends object>(values: readonly T[]): T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}

/** The finished runs of a method on a dataset. */
export function runsOfCell(
  { finished }: Pick<GridSnapshot, 'finished'>,
  method: GridMethod,
  { name, size }: Pick<DatasetReference, 'name' | 'size'>,
): GridFinishedRun[] {
  return finished.filter(
    ({ configuration }) =>
      configuration.dataset.name === name &&
      configuration.dataset.size === size &&
      isSame(methodOf(configuration), method),
  );
}

/** The scores of a method on a dataset by seed. Only graded labels have a kappa. */
export function seedScores(
  snapshot: Pick<GridSnapshot, 'finished'>,
  method: GridMethod,
  dataset: Pick<DatasetReference, 'name' | 'size'>,
  measure: GridMeasure = 'testAuc',
): SeedScores {
  return new Map(
    runsOfCell(snapshot, method, dataset).flatMap(({ configuration: { seed }, result }) => {
      const score = result[measure];
      return score === undefined ? [] : [[seed, score] as const];
    }),
  );
}

/** Their mean and deviation. */
export function seedSummary(
  snapshot: Pick<GridSnapshot, 'finished' | 'seeds'>,
  method: GridMethod,
  dataset: DatasetReference,
  measure?: GridMeasure,
): SeedSummary {
  return summarizeSeeds(seedScores(snapshot, method, dataset, measure), snapshot.seeds);
}

export type GridMethodComparison = MethodComparison<GridMethod>;

/** What is compared: of a snapshot, or of a part of it. */
export type GridView = Pick<GridSnapshot, 'finished' | 'methods' | 'datasets' | 'seeds'>;

/**
 * A comparison for each value of the settings that its definition leaves open. p-values are adjusted over the datasets of each such
 * comparison.
 */
export function compareMethods(
  view: GridView,
  { title, claim, first, second }: GridComparisonDefinition,
): GridMethodComparison[] {
  const { methods, datasets, seeds } = view;
  return methods.flatMap((method) => {
    const partner = methods.find((other) => isSame(other, { ...method, ...second }));
    if (!isSame(method, { ...method, ...first }) || partner === undefined) return [];
    const scores = datasets.map((dataset) => {
      const sides = { first: seedScores(view, method, dataset), second: seedScores(view, partner, dataset) };
      return [dataset.name, sides] as const;
    });
    const names = [methodTitle(method), methodTitle(partner)] as const;
    const compared = compareOverDatasets(Object.fromEntries(scores), { seeds, names });
    const setting = settingTitle(method, first);
    const sides = [sideTitle(method, partner), sideTitle(partner, method)] as const;
    return [{ ...compared, title: `${title} (${setting})`, setting, claim, first: method, second: partner, sides }];
  });
}

function isSame(one: GridMethod, other: GridMethod): boolean {
  return methodKeys.every((key) => one[key] === other[key]);
}

/** The setting in which a method differs from another. */
function sideTitle(method: GridMethod, other: GridMethod): string {
  if (method.arm !== other.arm) return armTitle(method.arm);
  if (method.network !== other.network) return gridNetworks[method.network].title;
  if (method.optimizer !== other.optimizer) return optimizerTitles[method.optimizer];
  return gridInitializations[method.initialization];
}

/**
 * The predictions of a method on a dataset, one a seed of those asked for. Each is evaluated again and has to give its run's AUC, so that
 * neither a damaged file nor other labels go unnoticed.
 * @throws UserError where a file is missing, damaged or gives another AUC
 */
export function readPredictions(
  snapshot: Pick<GridSnapshot, 'folder' | 'finished'>,
  method: GridMethod,
  dataset: DatasetReference,
  seeds: readonly number[],
  labels: TestLabels,
): Scored[] {
  const runs = runsOfCell(snapshot, method, dataset);
  return seeds.map((seed) => {
    const run = runs.find(({ configuration }) => configuration.seed === seed);
    if (run === undefined) throw new UserError(`No run of seed ${seed} on ${dataset.name} is finished.`);
    const path = join(snapshot.folder, run.id, run.result.predictionFile);
    const { auc } = evaluatePredictionFile(path, labels);
    if (Math.abs(auc - run.result.testAuc) > 1e-12)
      throw new UserError(
        `${path} gives an AUC of ${auc}, but run ${run.id} recorded ${run.result.testAuc}: delete the run's folder to run it again.`,
      );
    return { ...labels, scores: readPredictionFile(path).scores };
  });
}
