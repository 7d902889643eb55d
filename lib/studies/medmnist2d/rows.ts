/** `results.json` of the second study's notebook: one row a finished run of its grid. */
import { createHash } from 'node:crypto';
import { splitNames, type SplitName } from '../../data/dataset';
import { countParameters } from '../../models/parameters';
import { gridNetwork } from './networks';
import { gridInitializations, gridNetworks } from './study';
import type { GridConfiguration } from './grid';
import { splitCounts, type SplitCounts } from '../../data/dataset-references';
import type { GridFinishedRun, GridSnapshot } from './results';
import { settingsOf } from '../../runs/identity';
import { writeResults, type ClassificationRow } from '../../runs/results';
import { factsOf, type NotebookRun } from '../../runs/notebook-run';

/** A row of the contract's kind, with what else tells a run of the grid from others. */
export interface GridRow extends ClassificationRow {
  readonly dataset: string;
  readonly size: number;
  readonly task: string;
  readonly optimizer: string;
  readonly initialization: string;
  readonly seed: number;
  /** Of the training images; all of them without it. */
  readonly fraction?: number;
  readonly valAuc: number;
  /** Of graded labels only. */
  readonly testKappa: number | undefined;
  /** In the folder of the run, which `trainingKey` names. */
  readonly predictionFile: string;
}

/** Writes the notebook's results: the finished runs of its grid, and how many are not. `files`: images of datasets that are files. */
export function writeGridResults(
  run: NotebookRun,
  snapshot: GridSnapshot,
  files: ReadonlyMap<string, SplitCounts>,
): void {
  const { finished, configurations, datasets } = snapshot;
  const counts = datasets.map((dataset) => splitCounts(dataset, files));
  const sum = (split: SplitName): number => counts.reduce((total, one) => total + one[split], 0);
  const hash = createHash('sha256').update(JSON.stringify(datasets.map(({ hash: own }) => own)));
  writeResults(run.directory, {
    ...factsOf(run),
    data: {
      name: datasets.map(({ name }) => name).join(', '),
      sha256: hash.digest('hex'),
      splits: Object.fromEntries(splitNames.map((split) => [split, sum(split)])),
      datasets: datasets.map(({ name, size, hash: own, task }, at) => ({
        name,
        size,
        hash: own,
        task,
        splits: counts[at],
      })),
    },
    results: finished.map(gridRow),
    history: Object.fromEntries(finished.map(({ id, result }) => [id, result.history])),
    grid: { runs: configurations.length, finished: finished.length },
  });
}

/** All values of every network are trained. */
export function gridRow({ id, configuration, result }: GridFinishedRun): GridRow {
  const { dataset, network, arm, initialization, weights, optimizer, schedule, seed, fraction } = configuration;
  const parameters = parameterCount(configuration);
  const selected = result.history.find(({ epoch }) => epoch === result.selectedEpoch);
  return {
    trainingKey: id,
    model: gridNetworks[network].title,
    weights,
    protocol: initialization === 'scratch' ? 'scratch' : 'fine-tuned',
    arm,
    dataset: dataset.name,
    size: dataset.size,
    task: dataset.task,
    optimizer: optimizer.name,
    initialization: gridInitializations[initialization],
    seed,
    ...(fraction !== undefined && { fraction }),
    parameters,
    trainableParameters: parameters,
    seconds: result.seconds,
    epoch: result.selectedEpoch,
    bestValAccuracy: Number(selected?.valAccuracy ?? NaN),
    valAuc: result.valAuc,
    testAuc: result.testAuc,
    testAccuracy: result.testAccuracy,
    testMacroF1: result.testMacroF1,
    testKappa: result.testKappa,
    predictionFile: result.predictionFile,
    settings: {
      epochs: schedule.epochs,
      batchSize: schedule.batchSize,
      precision: configuration.precision ?? 'float32',
      patience: schedule.patience,
      warmupEpochs: schedule.warmupEpochs,
      learningRate: optimizer.learningRate,
      weightDecay: optimizer.weightDecay,
      seed,
      ...(configuration.recipe !== undefined && settingsOf(configuration.recipe)),
    },
  };
}

const counted = new Map<string, number>();

/** Of a configuration's network with its head. Each is counted once. */
export function parameterCount(configuration: GridConfiguration): number {
  const { network, inputSize, head } = configuration;
  const key = `${network} ${inputSize} ${head.outputs}`;
  const count = counted.get(key) ?? countParameters(gridNetwork(configuration));
  counted.set(key, count);
  return count;
}
