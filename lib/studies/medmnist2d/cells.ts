/**
 * What the cells of the second study's notebook call: ResNet-50 against Swin-B on the twelve datasets of MedMNIST2D, pretrained and from
 * scratch, with AdamW and SGD, five seeds each (dbasina/MedMNIST-experiments). The grid is in study.ts; a store of runs holds what of it is
 * done, whoever did it.
 */
import { join } from 'node:path';
import type { Dataset } from '../../data/dataset';
import {
  openPresent,
  readTestLabels,
  type DatasetReference,
  type DatasetSource,
  type SplitCounts,
} from '../../data/dataset-references';
import { datasetNames } from '../../data/registry';
import type { FigureDisplay } from '../../display/figure';
import type { Displayable } from '../../display/mime';
import { progressBar } from '../../display/progress';
import { grouped } from '../../grouped';
import { interruptible } from '../../interrupt';
import { mean } from '../../metrics/intervals';
import { armTitle } from '../../runs/arms';
import { currentRun, type NotebookRun } from '../../runs/current-run';
import { identityOf } from '../../runs/identity';
import { modelsFolderName, shortHash } from '../../runs/results';
import type { PlannedTraining } from '../../runs/cost';
import { openRunStore, type RunStore } from '../../runs/store';
import { choosePrecision } from '../../tensor/chosen-precision';
import type { Recipe } from '../../training/recipe';
import { claimTable as tableOfClaims } from '../../workbench/claims';
import {
  compareOnTestImages,
  type ComparisonIntervals,
  type PredictionSource,
} from '../../workbench/method-comparisons';
import { runEach } from '../../workbench/run-each';
import { tellPlanCosts } from '../../workbench/training';
import { claimRows, isOfStudy, sizeFigure as differencesBySize } from './claims';
import { configurationsOf, findGridData, type GridConfiguration } from './grid';
import { gridNetwork, gridRecipe } from './networks';
import { gridStoreFolder, type Medmnist2dParameters } from './parameters';
import {
  compareMethods,
  gridResultSchema,
  readPredictions,
  readSnapshot,
  type GridMethod,
  type GridMethodComparison,
  type GridResult,
  type GridSnapshot,
} from './results';
import { writeGridResults } from './rows';
import { partOf, trainGridRun } from './run';
import { comparisonsOf, gridNetworks, networkPairs, optimizerTitles } from './study';
import { multiLabelRows } from './tables';

export { incompleteRows, progressMessage, progressRows } from '../../runs/grid-state';
export { differenceFigure, noteRows, overallRows, pairedTestRows } from '../../workbench/method-comparisons';
export { curvesFigure } from './claims';
export { fractionFigure, networkFigure, optimizerFigure, publishedFigure, rankFigure } from './figures';
export type { GridConfiguration as Run } from './grid';
export { gridNetwork as network, gridRecipe as recipe } from './networks';
export { describeGridDatasets } from './published';
export { methodTitle } from './results';
export { declaredHere } from './study';
export { numericRows, publishedRows, roundingRows, scoreMatrixRows } from './tables';

/** The datasets of a grid, those whose images are on this machine open. */
export interface GridData {
  readonly datasets: readonly DatasetReference[];
  readonly source: DatasetSource;
  readonly images: readonly Dataset[];
  readonly counts: ReadonlyMap<string, SplitCounts>;
}

/** Finds the datasets of a grid, and opens what is on this machine; nothing is downloaded. */
export async function openData(settings: Medmnist2dParameters): Promise<GridData> {
  const { datasets, source } = await findGridData(settings);
  return { datasets, source, ...(await openPresent(datasets, source)) };
}

/** Every run of the grid, each complete in itself. */
export function runsOf(settings: Medmnist2dParameters, { datasets }: GridData): GridConfiguration[] {
  return configurationsOf({ ...settings, precision: choosePrecision(settings.precision) }, datasets);
}

const titlesOf = {
  arm: ({ arm }) => armTitle(arm),
  network: ({ network }) => gridNetworks[network].title,
  optimizer: ({ optimizer }) => optimizerTitles[optimizer.name],
} as const satisfies Record<string, (run: GridConfiguration) => string>;

/** What `of` says of the first run of each value of a setting, by that value: what differs between them is a table of `differences`. */
export function byValue<T extends object>(
  runs: readonly GridConfiguration[],
  setting: keyof typeof titlesOf,
  of: (run: GridConfiguration) => T,
): Record<string, T> {
  return Object.fromEntries([...grouped(runs, titlesOf[setting])].map(([title, [first]]) => [title, of(first)]));
}

/** A grid and its store, for the cells below. */
export interface OpenGrid {
  readonly settings: Medmnist2dParameters;
  readonly data: GridData;
  readonly run: NotebookRun;
  readonly configurations: readonly GridConfiguration[];
  readonly recipe: (run: GridConfiguration) => Recipe;
  readonly store: RunStore<GridConfiguration, GridResult>;
}

/** Opens the store of the grid's runs. Those whose recipe is another than the study's are other runs, which only a notebook does. */
export function openGrid(
  settings: Medmnist2dParameters,
  data: GridData,
  { runs, recipe = gridRecipe }: { readonly runs: readonly GridConfiguration[]; readonly recipe?: OpenGrid['recipe'] },
): OpenGrid {
  const run = currentRun();
  const configurations = runs.map((one) => {
    const [study, own] = [gridRecipe(one), recipe(one)].map(identityOf);
    return shortHash(own) === shortHash(study) ? one : { ...one, recipe: own };
  });
  const store = openRunStore<GridConfiguration, GridResult>(gridStoreFolder(settings, run), gridResultSchema);
  return { settings, data, run, configurations, recipe, store };
}

/** How the grid stands; what of it is finished is written to the notebook's results. */
export function look({ store, configurations, run, data }: OpenGrid): GridSnapshot {
  const snapshot = readSnapshot(store, configurations);
  writeGridResults(run, snapshot, data.counts);
  return snapshot;
}

/** Does the missing runs, each once, where the parameters say so (`train`), and looks at the grid: see `runEach`. */
export async function trainGrid(
  grid: OpenGrid,
  { onProgress }: { readonly onProgress?: ReturnType<typeof progressBar> } = {},
): Promise<GridSnapshot> {
  const { store, configurations, data, recipe, settings } = grid;
  if (settings.train)
    await runEach(
      store,
      configurations,
      ({ signal, onProgress: onEvent, ...run }) => {
        const modelFolder = settings.keepModel ? join(grid.run.directory, modelsFolderName, run.id) : undefined;
        return trainGridRun(run, { data: data.source, recipe, modelFolder, signal, onProgress: onEvent });
      },
      { onProgress, onStart: (controls) => tellPlanCosts(plannedOf(grid), controls) },
    );
  return look(grid);
}

/** What is missing, of the datasets that are here. */
function plannedOf({ store, configurations, data, recipe }: OpenGrid): PlannedTraining[] {
  const missing = store.overview(configurations).missing.map(({ configuration }) => configuration);
  return missing.flatMap((configuration) => {
    const images = data.images.find(({ name }) => name === configuration.dataset.name);
    if (images === undefined) return [];
    return [
      { network: gridNetwork(configuration), data: partOf(images, configuration), recipe: recipe(configuration) },
    ];
  });
}

export type ComparisonKind = keyof ReturnType<typeof comparisonsOf>;

/** A comparison for each pair of networks of the grid and each setting that it leaves open. */
export function compare(snapshot: GridSnapshot, kind: ComparisonKind): GridMethodComparison[] {
  // What leaves the networks open is the same for all pairs.
  const found = Object.values(networkPairs).flatMap((pair) => compareMethods(snapshot, comparisonsOf(pair)[kind]));
  return found.filter(({ title }, at) => found.findIndex((other) => other.title === title) === at);
}

type Intervals = ComparisonIntervals<GridMethod>;

/** Bootstrap intervals over test images, from the prediction files of the runs; none where the stop button ended it. */
export async function intervals(
  { data: { source }, settings: { seed, resamples } }: OpenGrid,
  snapshot: GridSnapshot,
  comparisons: readonly GridMethodComparison[],
): Promise<Intervals[]> {
  const onProgress = progressBar('Bootstrap intervals', { step: 'dataset' });
  const sources: PredictionSource<GridMethod> = {
    labelsOf: (dataset) => readTestLabels(dataset, source),
    predictionsOf: (...of) => readPredictions(snapshot, ...of),
  };
  const found = await interruptible((signal) =>
    compareOnTestImages(comparisons, snapshot.datasets, sources, { seed, resamples, signal, onProgress }),
  );
  return found ?? [];
}

/** Those intervals that are of these comparisons. */
export function intervalsOf(all: readonly Intervals[], comparisons: readonly GridMethodComparison[]): Intervals[] {
  return all.filter(({ comparison }) => comparisons.some(({ title }) => title === comparison.title));
}

/** Accuracy of multi-label tasks beside that of finding nothing. */
export async function multiLabelAccuracy({ data: { source } }: OpenGrid, snapshot: GridSnapshot) {
  const shares = new Map<string, number>();
  for (const dataset of snapshot.datasets.filter(({ task }) => task === 'multi-label')) {
    const labels = await readTestLabels(dataset, source);
    if (labels === undefined) continue;
    shares.set(dataset.name, mean(Array.from(labels.truth)));
  }
  return multiLabelRows(snapshot, ({ name }) => shares.get(name));
}

/** The study's claims on what is finished of the grid, which the run's results keep too. */
export function claimTable({ data: { counts } }: OpenGrid, snapshot: GridSnapshot): Displayable {
  const asked = snapshot.datasets.some(({ name }) => !datasetNames().includes(name))
    ? 'drawn images and small networks, or of other data'
    : 'other networks, or images of another size';
  return tableOfClaims(claimRows({ snapshot, counts }), { comparable: isOfStudy(snapshot), asked });
}

/** Swin − ResNet from scratch, from the fewest training images to the most. */
export function sizeFigure({ data: { counts } }: OpenGrid, snapshot: GridSnapshot): FigureDisplay | undefined {
  return differencesBySize({ snapshot, counts });
}
