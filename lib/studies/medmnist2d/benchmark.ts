/**
 * The second study: ResNet-50 against Swin-B on the twelve datasets of MedMNIST2D, pretrained and from scratch, with AdamW and SGD, five
 * seeds each (dbasina/MedMNIST-experiments). Its grid is in medmnist2d.ts; a store of runs holds what of it is done, whoever did it.
 *
 * Published are figures and claims, no numbers. `corrected`: what differs is `gridArms`.
 */
import type { Dataset } from '../../data/dataset';
import { locateDataset } from '../../data/download';
import { datasetNames } from '../../data/registry';
import { heading } from '../../display/format';
import { UserError } from '../../errors';
import type { TrainingEvent } from '../../training/events';
import { arms, type Arm } from '../../runs/arms';
import { runMissing } from '../grid-runs';
import { comparisonsOf, declaredHere, gridArms, gridNetworks, gridOptimizers, networkPairs, optimizerTitles, type GridInitialization } from '../medmnist2d'; // prettier-ignore
import { noteRows, overallRows, pairedTestRows, roundingRows } from './comparison-tables';
import { openGridData } from './data';
import { differenceFigure, networkFigure, optimizerFigure, publishedFigure, rankFigure } from './figures';
import type { GridConfiguration } from './grid';
import { describeGridDatasets, type GridDataset, type SplitCounts } from './grid-datasets';
import { gridStoreFolder, medmnist2dNotebook, medmnist2dParameterSpecs, planGrid, type GivenMedmnist2dParameters, type GridPlan } from './parameters'; // prettier-ignore
import { compareOnTestImages, readTestLabels, type ComparisonIntervals, type TestLabels } from './predictions';
import { compareMethods, gridResultSchema, type GridMethodComparison, type GridResult } from './results';
import { writeGridResults } from './rows';
import { trainGridRun } from './run';
import { incompleteRows, progressMessage, progressRows, readSnapshot, type GridSnapshot } from './snapshot';
import { multiLabelRows, numericRows, publishedRows, scoreMatrixRows } from './tables';
import { parameterRows, resolveParameters } from '../../runs/parameters';
import { openRun } from '../../runs/notebook-run';
import { openRunStore, type RunStore } from '../../runs/store';

/** A grid, its data and its store, for the cells of a notebook. */
export interface OpenGrid extends GridPlan {
  readonly store: RunStore<GridConfiguration, GridResult>;
  /** Those whose images are on this machine. */
  readonly images: readonly Dataset[];
  readonly files: ReadonlyMap<string, SplitCounts>;
}

export type ComparisonKind = keyof ReturnType<typeof comparisonsOf>;

export interface GridControls {
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

/**
 * Opens the study with a notebook's parameters.
 * @throws UserError for an unknown parameter or one out of range
 */
export function medmnist2dBenchmark(given: GivenMedmnist2dParameters) {
  const parameters = resolveParameters(medmnist2dParameterSpecs, given);
  const run = openRun(medmnist2dNotebook, parameters);
  const { seed, resamples } = parameters;
  return {
    parameters,
    /** One row a parameter: its value, where that comes from, and what it means. */
    parameterRows: () => parameterRows(medmnist2dParameterSpecs, given, parameters),
    /** Names the runs, opens the store, and what is on this machine of the data; nothing is downloaded. */
    openGrid: async (): Promise<OpenGrid> => {
      const plan = await planGrid(parameters);
      const store = openRunStore<GridConfiguration, GridResult>(gridStoreFolder(parameters, run), gridResultSchema);
      const images = await openImages(plan);
      const files = new Map(images.map(({ name, splits: { train, val, test } }) => [name, { train: train.count, val: val.count, test: test.count }])); // prettier-ignore
      return { ...plan, store, images, files };
    },
    describeDatasets: ({ datasets, files }: OpenGrid) => describeGridDatasets(datasets, files),
    /** One row a network and optimizer of the grid, with its settings and where they are from. */
    optimizers: ({ configurations }: OpenGrid) => optimizerRows(configurations),
    /** What the study does not say, and was decided here. */
    declared: () => [...declaredHere],
    /** One row a difference between the arms. */
    arms: () => armRows(),
    /** How the grid stands, and, written to results.json, what of it is finished. */
    look: (grid: OpenGrid): GridSnapshot => lookAt(grid),
    /**
     * Does the missing runs, where the parameters say so, and looks at the grid.
     * @throws UserError where a run fails; what is finished stays
     */
    runMissing: async (grid: OpenGrid, controls: GridControls = {}): Promise<GridSnapshot> => {
      if (parameters.train) await work(grid, controls);
      return lookAt(grid);
    },
    progress: progressMessage,
    progressRows,
    incompleteRows,
    /** A comparison for each pair of networks of the grid and each setting that it leaves open. */
    compare: (snapshot: GridSnapshot, kind: ComparisonKind): GridMethodComparison[] => compareAll(snapshot, kind),
    /** Bootstrap intervals over test images, from the prediction files of the runs; undefined where it was stopped. */
    intervals: (
      { source }: OpenGrid,
      snapshot: GridSnapshot,
      comparisons: readonly GridMethodComparison[],
      controls: GridControls = {},
    ) =>
      // prettier-ignore
      compareOnTestImages(snapshot, comparisons, remembered(source), { seed, resamples, ...controls }),
    networkFigure: (snapshot: GridSnapshot, initialization: GridInitialization, arm?: Arm) => networkFigure(snapshot, initialization, arm), // prettier-ignore
    optimizerFigure,
    rankFigure,
    differenceFigure: (intervals: readonly ComparisonIntervals[] | undefined, arm?: Arm) => differenceFigure(intervals ?? [], arm), // prettier-ignore
    publishedFigure,
    scores: (snapshot: GridSnapshot, arm: Arm = 'corrected') => scoreMatrixRows(snapshot, arm),
    numbers: numericRows,
    pairedTests: pairedTestRows,
    notes: noteRows,
    overall: overallRows,
    rounding: roundingRows,
    published: publishedRows,
    /** Accuracy of multi-label tasks beside that of finding nothing. */
    multiLabelAccuracy: async ({ source }: OpenGrid, snapshot: GridSnapshot) => {
      const shares = new Map<string, number>();
      for (const dataset of snapshot.datasets.filter(({ task }) => task === 'multi-label')) {
        const labels = await readTestLabels(dataset, source);
        if (labels !== undefined) shares.set(dataset.name, positiveShare(labels));
      }
      return multiLabelRows(snapshot, ({ name }) => shares.get(name));
    },
  };

  function lookAt({ store, configurations, files }: OpenGrid): GridSnapshot {
    const snapshot = readSnapshot(store, configurations);
    writeGridResults(run, snapshot, files);
    return snapshot;
  }
}

/** Does what is missing. A run that another process has claimed is left to it. */
async function work(
  { store, configurations, source }: OpenGrid,
  { signal, onProgress = () => undefined }: GridControls,
): Promise<void> {
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  const { finished: before, running } = store.overview(configurations);
  const [steps, others] = [configurations.length, running.length];
  if (before.length + others === steps) return;
  let step = before.length;
  const summary = await runMissing(
    store,
    configurations,
    (claim) =>
      trainGridRun(claim, {
        data: source,
        signal,
        onProgress: (event) => {
          if (event.kind === 'epoch') onProgress({ kind: 'batch', epoch: 1, epochs: 1, step, steps, loss: event.row.trainLoss }); // prettier-ignore
        },
      }),
    {
      signal,
      onEvent: ({ kind }) => {
        if (kind === 'finished') step++;
        if (kind === 'started' || kind === 'finished') onProgress({ kind: 'batch', epoch: 1, epochs: 1, step, steps });
      },
    },
  );
  if (summary.stopped) onProgress({ kind: 'stopped', epoch: 0, epochs: 1, seconds: seconds() });
  else onProgress({ kind: 'done', epochs: 1, seconds: seconds() });
  if (summary.failed.length === 0) return;
  const [{ id, error }] = summary.failed;
  throw new UserError(`${summary.failed.length} of ${steps} runs failed, the first of them ${id}: ${error.message}`);
}

async function openImages({ datasets, source }: GridPlan): Promise<Dataset[]> {
  const images: Dataset[] = [];
  for (const dataset of datasets) {
    const { name, size } = dataset;
    const here = !datasetNames().includes(name) || (await locateDataset(name, size)).path !== undefined;
    if (here) images.push(await openGridData(dataset, source));
  }
  return images;
}

/** Each dataset's labels are read once. */
function remembered(source: GridPlan['source']): (dataset: GridDataset) => Promise<TestLabels | undefined> {
  const read = new Map<string, Promise<TestLabels | undefined>>();
  return (dataset) => {
    const labels = read.get(dataset.name) ?? readTestLabels(dataset, source);
    read.set(dataset.name, labels);
    return labels;
  };
}

function compareAll(
  { finished, methods, datasets, seeds }: GridSnapshot,
  kind: ComparisonKind,
): GridMethodComparison[] {
  // What leaves the networks open is the same for all pairs.
  const found = Object.values(networkPairs).flatMap((pair) =>
    compareMethods(finished, comparisonsOf(pair)[kind], methods, datasets, { seeds }),
  );
  return found.filter(({ title }, at) => found.findIndex((other) => other.title === title) === at);
}

function positiveShare({ truth }: TestLabels): number {
  let positives = 0;
  for (let index = 0; index < truth.length; index++) positives += truth[index];
  return positives / truth.length;
}

function optimizerRows(configurations: readonly GridConfiguration[]) {
  const rows = configurations.map(({ network, optimizer }) => {
    const { name, learningRate, weightDecay, ...rest } = optimizer;
    const ofStudy = name === 'adamw' && learningRate === gridOptimizers.adamw.learningRate;
    return {
      network: gridNetworks[network].title,
      optimizer: optimizerTitles[name],
      learningRate,
      weightDecay,
      further: Object.entries(rest).map(([key, value]) => `${heading(key).toLowerCase()} ${value}`).join(', '), // prettier-ignore
      from: ofStudy ? 'the study’s code' : 'chosen here',
    };
  });
  return [...new Map(rows.map((row) => [`${row.network} ${row.optimizer} ${row.learningRate}`, row])).values()];
}

function armRows() {
  const [published, corrected] = arms.map((arm) => gridArms[arm]);
  const area = (fraction: number): string => `${Math.round(100 * fraction ** 2)} % of the image’s area`;
  return [
    { what: 'Validation and test see', asPublished: area(published.evaluation.cropFraction), corrected: area(corrected.evaluation.cropFraction) }, // prettier-ignore
    {
      what: 'Training images are mirrored',
      asPublished: published.horizontalFlip,
      corrected: corrected.horizontalFlip,
    },
  ];
}
