/** What a run of the second study's grid leaves, and the grid's tables: means over seeds, comparisons, ranks. Full precision. */
import { z } from 'zod';
import { rankMethods, type MethodRanks } from '../../metrics/method-ranks';
import {
  compareOverDatasets,
  summarizeSeeds,
  type GridComparison,
  type SeedScores,
  type SeedSummary,
} from '../../metrics/seed-comparison';
import { armTitle, type Arm } from '../../runs/arms';
import {
  gridInitializations,
  gridNetworks,
  optimizerTitles,
  type GridComparisonDefinition,
  type GridInitialization,
  type GridNetworkName,
  type GridOptimizerName,
  type GridSelection,
} from '../medmnist2d';
import type { GridConfiguration } from './grid';
import { publishedTarget, type GridDataset } from './grid-datasets';
import type { FinishedRun } from '../../runs/store';

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

export const gridMeasures = ['testAuc', 'testAccuracy', 'testMacroF1', 'testKappa', 'valAuc'] as const;
export type GridMeasure = (typeof gridMeasures)[number];

/** One way of training; every setting but dataset and seed. */
export interface GridMethod {
  readonly arm: Arm;
  readonly network: GridNetworkName;
  readonly initialization: GridInitialization;
  readonly optimizer: GridOptimizerName;
}

/** Such as `Swin-B, ImageNet-1k, AdamW`; the arm is named where it is not the corrected one. */
export function methodTitle({ arm, network, initialization, optimizer }: GridMethod): string {
  const parts = [gridNetworks[network].title, gridInitializations[initialization], optimizerTitles[optimizer]];
  return [...parts, ...(arm === 'as-published' ? [armTitle(arm)] : [])].join(', ');
}

/** The scores of a method on a dataset by seed. Only graded labels have a kappa. */
export function seedScores(
  runs: readonly GridFinishedRun[],
  method: GridMethod,
  dataset: Pick<GridDataset, 'name' | 'size'>,
  measure: GridMeasure = 'testAuc',
): SeedScores {
  return new Map(
    runs
      .filter(
        ({ configuration }) =>
          configuration.dataset.name === dataset.name &&
          configuration.dataset.size === dataset.size &&
          isOf(configuration, method),
      )
      .flatMap(({ configuration: { seed }, result }) => {
        const score = result[measure];
        return score === undefined ? [] : [[seed, score] as const];
      }),
  );
}

function isOf({ arm, network, initialization, optimizer }: GridConfiguration, method: GridMethod): boolean {
  return (
    arm === method.arm &&
    network === method.network &&
    initialization === method.initialization &&
    optimizer.name === method.optimizer
  );
}

/** The methods of a grid, each once, in its order. */
export function methodsOf(configurations: readonly GridConfiguration[]): GridMethod[] {
  return unique(
    configurations.map(({ arm, network, initialization, optimizer }) => ({
      arm,
      network,
      initialization,
      optimizer: optimizer.name,
    })),
  );
}

/** The datasets of a grid in the order of their publication, others first. */
export function datasetsOf(configurations: readonly GridConfiguration[], order: readonly string[]): GridDataset[] {
  const datasets = unique(configurations.map(({ dataset }) => dataset));
  return datasets.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}

function unique<T extends object>(values: readonly T[]): T[] {
  const byText = new Map(values.map((value) => [JSON.stringify(value), value]));
  return [...byText.values()];
}

/** One row a dataset and method. */
export interface GridScoreRow extends SeedSummary {
  readonly dataset: string;
  readonly method: string;
  readonly arm: Arm;
  /** Of the published ResNet-50 from scratch, where there is one. */
  readonly target: number | undefined;
}

/** Mean ± standard deviation over the seeds of every method on every dataset. */
export function gridScoreRows(
  runs: readonly GridFinishedRun[],
  methods: readonly GridMethod[],
  datasets: readonly GridDataset[],
  { seeds, measure = 'testAuc' }: { readonly seeds: readonly number[]; readonly measure?: GridMeasure },
): GridScoreRow[] {
  return datasets.flatMap((dataset) =>
    methods.map((method) => ({
      dataset: dataset.name,
      method: methodTitle(method),
      arm: method.arm,
      ...summarizeSeeds(seedScores(runs, method, dataset, measure), seeds),
      target: targetOf(dataset, measure),
    })),
  );
}

function targetOf(dataset: GridDataset, measure: GridMeasure): number | undefined {
  const target = publishedTarget(dataset);
  return measure === 'testAuc' ? target?.auc : measure === 'testAccuracy' ? target?.accuracy : undefined;
}

/** A comparison with the settings that both sides share. */
export interface GridMethodComparison extends GridComparison {
  /** Such as `Swin-B against ResNet-50, pretrained (AdamW)`. */
  readonly title: string;
  /** What both sides share beyond the definition, such as `AdamW`. */
  readonly setting: string;
  readonly claim: string;
  readonly first: GridMethod;
  readonly second: GridMethod;
}

/**
 * A comparison for each value of the settings that its definition leaves open, among the given methods. p-values are adjusted over the
 * datasets of each such comparison.
 */
export function compareMethods(
  runs: readonly GridFinishedRun[],
  { title, claim, first, second }: GridComparisonDefinition,
  methods: readonly GridMethod[],
  datasets: readonly GridDataset[],
  { seeds, measure = 'testAuc' }: { readonly seeds: readonly number[]; readonly measure?: GridMeasure },
): GridMethodComparison[] {
  return methods.flatMap((method) => {
    const partner = methods.find((other) => isSame(other, { ...method, ...second }));
    if (!isSame(method, { ...method, ...first }) || partner === undefined) return [];
    const scores = datasets.map((dataset) => {
      const sides = [method, partner].map((side) => seedScores(runs, side, dataset, measure));
      return [dataset.name, { first: sides[0], second: sides[1] }] as const;
    });
    const names = [method, partner].map(methodTitle) as [string, string];
    const compared = compareOverDatasets(Object.fromEntries(scores), { seeds, names });
    const setting = sharedTitle(method, first);
    return [{ ...compared, title: `${title} (${setting})`, setting, claim, first: method, second: partner }];
  });
}

function isSame(one: GridMethod, other: GridMethod): boolean {
  return (['arm', 'network', 'initialization', 'optimizer'] as const).every((key) => one[key] === other[key]);
}

/** The settings that the definition leaves open. */
function sharedTitle({ arm, network, initialization, optimizer }: GridMethod, fixed: GridSelection): string {
  const parts = [
    fixed.network === undefined ? gridNetworks[network].title : undefined,
    fixed.initialization === undefined ? gridInitializations[initialization] : undefined,
    fixed.optimizer === undefined ? optimizerTitles[optimizer] : undefined,
    fixed.arm === undefined && arm === 'as-published' ? armTitle(arm) : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

/** One row a dataset of a comparison, for a table: numbers, and notes where something is degenerate or missing. */
export function comparisonTableRows({ datasets }: GridComparison) {
  return datasets.map((row) => ({
    dataset: row.dataset,
    firstMean: row.first.mean,
    firstDeviation: row.first.deviation,
    firstN: row.first.n,
    secondMean: row.second.mean,
    secondDeviation: row.second.deviation,
    secondN: row.second.n,
    pairs: row.paired.length,
    difference: row.meanDifference,
    t: row.tTest?.statistic ?? NaN,
    pValue: row.tTest?.pValue ?? NaN,
    holmPValue: row.adjustedPValue ?? NaN,
    cohensDz: row.cohensDz ?? NaN,
    hedgesG: row.hedgesGz ?? NaN,
    notes: row.notes.join(' '),
  }));
}

/** Ranks of the methods by their mean over seeds, on the datasets that all of them have with all seeds. */
export function gridRanks(
  runs: readonly GridFinishedRun[],
  methods: readonly GridMethod[],
  datasets: readonly GridDataset[],
  { seeds, measure = 'testAuc' }: { readonly seeds: readonly number[]; readonly measure?: GridMeasure },
): { readonly ranks: MethodRanks | undefined; readonly leftOut: readonly string[] } {
  const tables = datasets.map((dataset) => ({
    name: dataset.name,
    summaries: methods.map((method) => summarizeSeeds(seedScores(runs, method, dataset, measure), seeds)),
  }));
  const complete = tables.filter(({ summaries }) => summaries.every(({ missing }) => missing.length === 0));
  const leftOut = tables.filter((table) => !complete.includes(table)).map(({ name }) => name);
  if (complete.length < 2 || methods.length < 2) return { ranks: undefined, leftOut };
  const scores = methods.map(
    (method, index) => [methodTitle(method), complete.map(({ summaries }) => summaries[index].mean)] as const,
  );
  return { ranks: rankMethods(Object.fromEntries(scores)), leftOut };
}
