import { UserError } from '../errors';
import { medmnistAccuracy } from '../metrics/classification';
import type { HistoryRow, TrainingEvent } from './events';
import type { FeatureSet, FeatureSets } from './feature-set';
import { testResult, type ScoredSplit, type TestResult } from './scored-split';

/** What a probe found. Where there are no epochs, `history` is empty and the two test results are the same. */
export interface ProbeResult {
  readonly model: string;
  readonly history: readonly HistoryRow[];
  /** The first epoch with the highest validation accuracy. */
  readonly bestEpoch: number | undefined;
  readonly bestValAccuracy: number | undefined;
  readonly stopped: boolean;
  /** Training and validation, over all parts of a training that was continued. */
  readonly seconds: number;
  /** Test scores of the best epoch's weights; undefined if it was stopped, since the test split is read once, at the end. */
  readonly test: TestResult | undefined;
  /** Test scores of the last epoch's weights. */
  readonly testOfLast: TestResult | undefined;
  /** What it was trained with, the values that were selected on the validation split among them. */
  readonly hyperparameters: Readonly<Record<string, number | string>>;
  /** Of a linear layer that was trained by steps: its values, in the published layout. */
  readonly heads?: Readonly<Record<'best' | 'last', ReadonlyMap<string, Float32Array>>>;
}

export interface ProbeControls {
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
  /** Name in the result; the probe's by default. */
  readonly model?: string;
}

/** Probabilities of a feature set beside its labels. probabilities: row-major N × classes. */
export function scoredSet({ task, labels, classes }: FeatureSet, probabilities: Float64Array): ScoredSplit {
  return { task, truth: labels, scores: probabilities, classes };
}

export function accuracyOf(set: FeatureSet, probabilities: Float64Array): number {
  return medmnistAccuracy(scoredSet(set, probabilities));
}

/** The test result of a probe without epochs. */
export function testOf(set: FeatureSet, probabilities: Float64Array): TestResult {
  return testResult(scoredSet(set, probabilities), 0);
}

/** @throws UserError where the sets do not belong together, or images have several labels or a split none */
export function checkSets(sets: FeatureSets): void {
  const { width, classes, task } = sets.train;
  if (task === 'multi-label') throw new UserError('Probes are for one label an image, but these data have several.');
  for (const [name, set] of Object.entries(sets)) {
    if (set.count === 0) throw new UserError(`The features of ${name} are of no image: each split needs one or more.`);
    if (set.width === width && set.classes === classes) continue;
    throw new UserError(
      `The features of train have ${width} values and ${classes} classes, those of ${name} ${set.width} and ${set.classes}: extract them with the same network.`,
    );
  }
}

/** The position of the largest number, the first among equals; NaN never is. */
export function firstLargest(values: readonly number[]): number {
  let best = 0;
  values.forEach((value, index) => {
    if (value > values[best] || Number.isNaN(values[best])) best = index;
  });
  return best;
}
