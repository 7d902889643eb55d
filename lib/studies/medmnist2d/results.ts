/** What a run of the second study's grid leaves, and the grid's tables: means over seeds, comparisons, ranks. Full precision. */
import { z } from 'zod';
import { formatDecimal } from '../../display/format';
import { rankMethods, type MethodRanks } from '../../metrics/method-ranks';
import {
  compareOverDatasets,
  summarizeSeeds,
  type GridComparison,
  type SeedScores,
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
} from './study';
import type { GridConfiguration } from './grid';
import type { GridDataset } from './datasets';
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
export function methodTitle({ arm, network, initialization, optimizer, fraction }: GridMethod): string {
  const parts = [gridNetworks[network].title, gridInitializations[initialization], optimizerTitles[optimizer]];
  return [...parts, ...(arm === 'as-published' ? [armTitle(arm)] : []), ...fractionTitle(fraction)].join(', ');
}

function fractionTitle(fraction: number | undefined): string[] {
  return fraction === undefined ? [] : [`${formatDecimal(100 * fraction, 0)} % of the training images`];
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
          isSame(methodOf(configuration), method),
      )
      .flatMap(({ configuration: { seed }, result }) => {
        const score = result[measure];
        return score === undefined ? [] : [[seed, score] as const];
      }),
  );
}

/** The methods of a grid, each once, in its order. */
export function methodsOf(configurations: readonly GridConfiguration[]): GridMethod[] {
  return unique(configurations.map(methodOf));
}

export function methodOf({ arm, network, initialization, optimizer, fraction }: GridConfiguration): GridMethod {
  return { arm, network, initialization, optimizer: optimizer.name, ...(fraction !== undefined && { fraction }) };
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
  return methodKeys.every((key) => one[key] === other[key]);
}

/** The settings that the definition leaves open. */
function sharedTitle({ arm, network, initialization, optimizer, fraction }: GridMethod, fixed: GridSelection): string {
  const parts = [
    fixed.network === undefined ? gridNetworks[network].title : undefined,
    fixed.initialization === undefined ? gridInitializations[initialization] : undefined,
    fixed.optimizer === undefined ? optimizerTitles[optimizer] : undefined,
    fixed.arm === undefined && arm === 'as-published' ? armTitle(arm) : undefined,
    ...fractionTitle(fraction),
  ];
  return parts.filter((part) => part !== undefined).join(', ');
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
