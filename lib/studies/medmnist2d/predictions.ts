/** The test predictions that the runs of the second study's grid leave, and bootstrap intervals over the images of the test split. */
import { join } from 'node:path';
import { UserError } from '../../errors';
import { pooledAucDifference, type AucInterval } from '../../metrics/auc-interval';
import type { ResamplingOptions } from '../../metrics/intervals';
import { evaluatePredictionFile, readPredictionFile } from '../../metrics/medmnist-files';
import type { Scored } from '../../metrics/scores';
import type { BatchEvent, DoneEvent, StoppedEvent } from '../../training/events';
import type { GridDataset, TestLabels } from './datasets';
import { seedScores, type GridMethod, type GridMethodComparison } from './results';
import type { GridSnapshot } from './snapshot';

/**
 * The predictions of a method on a dataset, one a seed of those asked for. Each is evaluated again and has to give its run's AUC, so that
 * neither a damaged file nor other labels go unnoticed.
 * @throws UserError where a file is missing, damaged or gives another AUC
 */
export function readPredictions(
  { folder, finished }: Pick<GridSnapshot, 'folder' | 'finished'>,
  {
    dataset,
    method,
    seeds,
  }: { readonly dataset: GridDataset; readonly method: GridMethod; readonly seeds: readonly number[] },
  labels: TestLabels,
): Scored[] {
  return seeds.map((seed) => {
    const run = finished.find((one) => one.configuration.seed === seed && seedScores([one], method, dataset).size > 0);
    if (run === undefined) throw new UserError(`No run of seed ${seed} on ${dataset.name} is finished.`);
    const path = join(folder, run.id, run.result.predictionFile);
    const { auc } = evaluatePredictionFile(path, labels);
    if (Math.abs(auc - run.result.testAuc) > 1e-12) {
      throw new UserError(
        `${path} gives an AUC of ${auc}, but run ${run.id} recorded ${run.result.testAuc}: delete the run's folder to run it again.`,
      );
    }
    return { ...labels, scores: readPredictionFile(path).scores };
  });
}

/** How far another test set of this size could move a difference. */
export interface DifferenceInterval {
  readonly dataset: GridDataset;
  /** Seeds that both sides have. */
  readonly pairs: number;
  readonly images: number;
  /** Undefined without a pair, and where the labels are not on this machine. */
  readonly interval: AucInterval | undefined;
  readonly note: string;
}

/** A comparison with an interval for each of its datasets. */
export interface ComparisonIntervals {
  readonly comparison: GridMethodComparison;
  readonly datasets: readonly DifferenceInterval[];
}

type IntervalEvent = BatchEvent | DoneEvent | StoppedEvent;

export interface IntervalControls extends ResamplingOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: IntervalEvent) => void;
}

/**
 * Bootstrap intervals of the difference in AUC, both sides on the same resampled test images, pooled over the seeds that both have;
 * undefined where the signal stopped it.
 */
export async function compareOnTestImages(
  snapshot: GridSnapshot,
  comparisons: readonly GridMethodComparison[],
  labelsOf: (dataset: GridDataset) => Promise<TestLabels | undefined>,
  { signal, onProgress = () => undefined, ...resampling }: IntervalControls,
): Promise<ComparisonIntervals[] | undefined> {
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  const steps = comparisons.length * snapshot.datasets.length;
  const found: ComparisonIntervals[] = [];
  for (const comparison of comparisons) {
    const datasets: DifferenceInterval[] = [];
    for (const dataset of snapshot.datasets) {
      // Lets a stop be heard: a large test split takes seconds.
      await new Promise(setImmediate);
      if (signal?.aborted) {
        onProgress({ kind: 'stopped', epoch: found.length, epochs: comparisons.length, seconds: seconds() });
        return undefined;
      }
      datasets.push(differenceInterval(snapshot, comparison, dataset, await labelsOf(dataset), resampling));
      onProgress({
        kind: 'batch',
        epoch: 1,
        epochs: 1,
        step: found.length * snapshot.datasets.length + datasets.length,
        steps,
      });
    }
    found.push({ comparison, datasets });
  }
  onProgress({ kind: 'done', epochs: 1, seconds: seconds() });
  return found;
}

function differenceInterval(
  snapshot: GridSnapshot,
  { first, second, datasets }: GridMethodComparison,
  dataset: GridDataset,
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
  const [a, b] = [first, second].map((method) => readPredictions(snapshot, { dataset, method, seeds }, labels));
  const images = labels.task === 'multi-label' ? labels.truth.length / labels.classes : labels.truth.length;
  const interval = pooledAucDifference(a, b, resampling);
  const note = interval.redrawn === 0 ? '' : `${interval.redrawn} resamples lacked a label and were drawn again.`;
  return { ...without, images, interval, note };
}
