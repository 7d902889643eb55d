/** Linear probes: a linear layer trained on frozen features, as the first study trains the head of a frozen network. */
import { UserError } from '../errors';
import { createParameters, disposeParameters, importParameters, linearHead } from '../models/parameters';
import type { TrainingEvent } from './events';
import { openRows } from './feature-rows';
import type { FeatureSets } from './feature-set';
import { headProbabilities } from './linear-head';
import { checkSets, firstLargest, scoredSet, type ProbeControls, type ProbeResult } from './probe-result';
import { testResult } from './scored-split';
import {
  trainHead,
  withRows,
  type HeadControls,
  type HeadValues,
  type LinearProbeSettings,
  type TrainedHead,
} from './train-head';

export type { LinearProbeSettings } from './train-head';

/** The first study's, for its frozen networks. */
export const linearProbeRecipe = { epochs: 20, batchSize: 128, learningRate: 1e-3, weightDecay: 1e-5 } as const;

export interface GridSettings extends Omit<LinearProbeSettings, 'learningRate' | 'weightDecay'> {
  readonly learningRates: readonly number[];
  readonly weightDecays: readonly number[];
}

/** One training of a grid. */
export interface GridRow {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly bestEpoch: number | undefined;
  readonly bestValAccuracy: number | undefined;
}

/**
 * Trains a linear layer with AdamW on cross-entropy and tests its best epoch (`test`, the corrected arm) and its last one
 * (`testOfLast`, as published).
 */
export async function linearProbe(
  sets: FeatureSets,
  settings: LinearProbeSettings,
  controls: HeadControls = {},
): Promise<ProbeResult> {
  checkSets(sets);
  return withRows(sets, async (rows) => {
    const head = await trainHead(sets, rows, settings, controls);
    return probeResult(sets, head, head.seconds, controls);
  });
}

/** Trains with each learning rate and weight decay, selects on the validation split (the first of the best), and tests that one only. */
export async function linearProbeGrid(
  sets: FeatureSets,
  { learningRates, weightDecays, ...common }: GridSettings,
  controls: ProbeControls = {},
): Promise<ProbeResult & { readonly grid: readonly GridRow[] }> {
  checkSets(sets);
  if (learningRates.length === 0 || weightDecays.length === 0) {
    const empty = learningRates.length === 0 ? 'learningRates' : 'weightDecays';
    throw new UserError(`${empty} is empty: at least one number is needed.`);
  }
  const points = learningRates.flatMap((learningRate) =>
    weightDecays.map((weightDecay) => ({ learningRate, weightDecay })),
  );
  return withRows(sets, async (rows) => {
    const heads: TrainedHead[] = [];
    for (const point of points) {
      const onProgress = controls.onProgress && partOf(controls.onProgress, heads.length, points.length);
      // No checkpoints: a second training would continue the first one's.
      const head = await trainHead(sets, rows, { ...common, ...point }, { signal: controls.signal, onProgress });
      heads.push(head);
      if (head.stopped) break;
    }
    const seconds = heads.reduce((total, head) => total + head.seconds, 0);
    const grid = heads.map(({ best, settings: { learningRate, weightDecay } }) => {
      return { learningRate, weightDecay, bestEpoch: best?.epoch, bestValAccuracy: best?.value };
    });
    const selected = heads[firstLargest(grid.map(({ bestValAccuracy = NaN }) => bestValAccuracy))];
    const stopped = heads[heads.length - 1].stopped;
    const result = probeResult(sets, { ...selected, stopped }, seconds, controls);
    if (!stopped) {
      controls.onProgress?.({ kind: 'done', epochs: points.length * common.epochs, seconds, best: selected.best });
    }
    return { ...result, grid };
  });
}

/** Tests the best and the last weights, unless the training was stopped. */
function probeResult(
  { train, test }: FeatureSets,
  { settings, history, best, stopped, bestValues, lastValues }: TrainedHead,
  seconds: number,
  { model = 'linear probe' }: ProbeControls,
): ProbeResult {
  const outcome = {
    model,
    history,
    bestEpoch: best?.epoch,
    bestValAccuracy: best?.value,
    stopped,
    seconds,
    hyperparameters: { ...settings },
  };
  if (stopped || best === undefined) return { ...outcome, test: undefined, testOfLast: undefined };
  const parameters = createParameters(linearHead(train.width, train.classes), 0);
  const rows = openRows(test);
  const testWith = (values: HeadValues, epoch: number) => {
    importParameters(parameters, values, 'the head');
    return testResult(scoredSet(test, headProbabilities(rows, parameters)), epoch);
  };
  try {
    const ofBest = testWith(bestValues, best.epoch);
    const ofLast = best.epoch === history.length ? ofBest : testWith(lastValues, history.length);
    return { ...outcome, test: ofBest, testOfLast: ofLast, heads: { best: bestValues, last: lastValues } };
  } finally {
    rows.dispose();
    disposeParameters(parameters);
  }
}

/** The progress of one of several trainings as part of all of them. */
export function partOf(
  onProgress: (event: TrainingEvent) => void,
  index: number,
  trainings: number,
): (event: TrainingEvent) => void {
  return (event) => {
    const epochs = event.epochs * trainings;
    if (event.kind === 'done') return;
    onProgress({ ...event, epochs, epoch: index * event.epochs + event.epoch });
  };
}
