/**
 * The training loop. It knows nothing of models or data: only `loss(batch, scope) → scalar`, which parameters are trainable, and how to
 * validate.
 */
import { UserError } from '../errors';
import type { Parameters } from '../models/parameters';
import type { Scope } from '../models/scope';
import type { Scalar } from '../tf';
import type { CheckpointManifest, CheckpointStore } from './checkpoints';
import { trainEpoch, validate } from './epoch';
import { epochStart } from './epoch-start';
import type { HistoryRow, TrainingEvent } from './events';
import type { LossOutput } from './gradients';
import type { Optimizer } from './optimizers';
import type { Schedule } from './schedules';
import { takeSnapshot, type Snapshot } from './snapshot';

/** What a batch must have; the rest is between `batches` and `loss`. `dispose` is called after the step. */
export interface Batch {
  /** Number of images. */
  readonly count: number;
  dispose(): void;
}

export interface FitOptions<B extends Batch> {
  readonly parameters: Parameters;
  /** Names of what the optimizer updates. */
  readonly names: readonly string[];
  readonly optimizer: Optimizer;
  readonly learningRate: Schedule;
  readonly epochs: number;
  /** Batches of an epoch (counted from 0), in an order that depends on nothing but the epoch. */
  readonly batches: (epoch: number) => Iterable<B> | AsyncIterable<B>;
  readonly batchesPerEpoch: number;
  /** Mean loss of the batch; `reported.correct` counts its correctly classified images. */
  readonly loss: (batch: B, scope: Scope) => LossOutput & { readonly reported: { readonly correct: Scalar } };
  /**
   * Loss and accuracy on the validation split with the current parameters; NaN where they give no finite scores. It may end early with
   * `signal`'s reason.
   */
  readonly validate: (signal?: AbortSignal) => Promise<Validation>;
  /** Gradients whose common norm is larger are scaled down to it. */
  readonly maxGradientNorm?: number;
  /** What the best epoch is: the first with the highest validation accuracy (default) or AUC, or with the lowest validation loss. */
  readonly selectBy?: Selection;
  /** An epoch is better only by more than this; 0 by default. */
  readonly minDelta?: number;
  /** Ends the run after so many epochs without a better one. */
  readonly patience?: number;
  readonly checkpoints?: CheckpointStore;
  /** Seconds of training that a kill may cost; 0 by default: there is a checkpoint of each epoch. */
  readonly saveEverySeconds?: number;
  /** Ends the run softly, between two batches or in a validation: the epoch counts as not begun. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainingEvent) => void;
}

export type Selection = 'accuracy' | 'auc' | 'loss';

export interface Validation {
  readonly loss: number;
  readonly accuracy: number;
  /** Needed where epochs are selected by it. */
  readonly auc?: number;
  /** Further measures by name, for the history. */
  readonly monitors?: Readonly<Record<string, number>>;
}

export interface FitResult {
  readonly history: readonly HistoryRow[];
  /** The epoch of `selectBy`; undefined if none was finished. */
  readonly best?: { readonly epoch: number; readonly valAccuracy: number };
  /** True where `signal` ended the run; the same call continues from its last checkpoint. */
  readonly stopped: boolean;
  /** Time spent training and validating, over all parts of a resumed run. */
  readonly seconds: number;
  /** Puts the best epoch's weights into the parameters: a real copy, taken when that epoch ended; from its checkpoint where there is one. */
  useBest(): void;
  /** Puts the last epoch's weights into the parameters. */
  useLast(): void;
  dispose(): void;
}

const meritOf: Readonly<Record<Selection, (row: HistoryRow) => number>> = {
  accuracy: ({ valAccuracy }) => valAccuracy,
  auc: ({ valAuc = NaN }) => valAuc,
  loss: ({ valLoss }) => -valLoss,
};
const mostRecoveries = 3;

/**
 * Trains for `epochs`, or continues from the last checkpoint. A loss that is not finite, in training or in validation, puts the run back
 * to the start of the epoch with half the learning rate, three times at the most.
 * @throws UserError where the loss stays infinite
 */
export async function fit<B extends Batch>(options: FitOptions<B>): Promise<FitResult> {
  const { parameters, optimizer, epochs, checkpoints, patience = Infinity, onProgress = () => undefined } = options;
  const { selectBy = 'accuracy', minDelta = 0, saveEverySeconds = 0 } = options;
  const merit = meritOf[selectBy];
  const history: HistoryRow[] = [];
  let best: { epoch: number; valAccuracy: number } | undefined;
  /** Its weights, where no checkpoint has them. */
  let bestValues: Snapshot | undefined;
  let factor = 1;
  let recoveries = 0;
  let stopped = false;
  let saving: Promise<CheckpointManifest> | undefined;

  const manifest = await checkpoints?.load();
  if (checkpoints && manifest) {
    checkpoints.restore(manifest, parameters, optimizer);
    saving = Promise.resolve(manifest);
    history.push(...manifest.history);
    ({ learningRateFactor: factor, recoveries } = manifest);
    if (manifest.best) best = { epoch: manifest.best.epoch, valAccuracy: manifest.best.valAccuracy };
  }
  const isFinished = (): boolean =>
    history.length >= epochs || history.length - (best?.epoch ?? history.length) >= patience;
  let saved = { epoch: history.length, time: performance.now() };
  const forgetBestValues = (): void => {
    bestValues?.dispose();
    bestValues = undefined;
  };
  const save = async (): Promise<void> => {
    const epoch = history.length;
    const progress = { epoch, learningRateFactor: factor, recoveries, history: [...history], finished: isFinished() };
    const isNew = best !== undefined && best.epoch > saved.epoch;
    await saving;
    saving = checkpoints
      ?.save(progress, best && { ...best, isNew, values: bestValues?.values }, parameters, optimizer)
      .then((manifest) => {
        if (manifest.best?.epoch === best?.epoch) forgetBestValues();
        return manifest;
      });
    saving?.catch(() => undefined); // thrown where it is awaited
    saved = { epoch, time: performance.now() };
  };
  // What the first epoch begins with is then no more kept in memory than what the others do.
  if (saving === undefined && saveEverySeconds === 0 && !isFinished()) await save();

  while (!isFinished() && !stopped) {
    const epoch = history.length;
    const start = performance.now();
    const learningRate = options.learningRate(epoch) * factor;
    const before = epochStart(parameters, optimizer, saved.epoch === epoch ? checkpoints : undefined, saving);
    try {
      const trained = await trainEpoch(options, epoch, learningRate);
      const validation = typeof trained === 'object' ? await validate(options) : trained;
      if (typeof trained !== 'object' || typeof validation !== 'object') {
        await before.restore();
        if (validation === 'stopped') {
          stopped = true;
          continue;
        }
        if (++recoveries > mostRecoveries) {
          throw new UserError(
            `The loss of epoch ${epoch + 1} is not finite, even with learningRate ${learningRate}: lower learningRate or set maxGradientNorm.`,
          );
        }
        factor /= 2;
        const message = `The loss of epoch ${epoch + 1} is not finite: the epoch starts over with half the learning rate (${learningRate / 2}).`;
        onProgress({ kind: 'warning', epoch: epoch + 1, epochs, message });
        continue;
      }
      before.dispose(); // so that it is not beside the best epoch's weights and what is saved
      const seconds = (performance.now() - start) / 1000;
      const row: HistoryRow = {
        epoch: epoch + 1,
        ...trained,
        valLoss: validation.loss,
        valAccuracy: validation.accuracy,
        ...(validation.auc === undefined ? {} : { valAuc: validation.auc }),
        ...(validation.monitors === undefined ? {} : { monitors: validation.monitors }),
        learningRate,
        seconds,
      };
      history.push(row);
      // A NaN is never larger: it cannot become the best.
      const isNew =
        best === undefined ? Number.isFinite(merit(row)) : merit(row) > merit(history[best.epoch - 1]) + minDelta;
      if (isNew) {
        best = { epoch: row.epoch, valAccuracy: row.valAccuracy };
        forgetBestValues();
      }
      const isDue = isFinished() || performance.now() - saved.time >= 1000 * saveEverySeconds;
      if (isNew && !(isDue && checkpoints)) bestValues = takeSnapshot(parameters.variables);
      if (isDue) await save();
      onProgress({ kind: 'epoch', epoch: row.epoch, epochs, row });
    } catch (error) {
      forgetBestValues();
      await saving?.catch(() => undefined);
      throw error;
    } finally {
      before.dispose();
    }
  }

  if (history.length > saved.epoch) await save();
  const checkpoint = await saving;
  const seconds = history.reduce((total, row) => total + row.seconds, 0);
  if (stopped) onProgress({ kind: 'stopped', epoch: history.length, epochs, seconds });
  else
    onProgress({
      kind: 'done',
      epochs: history.length,
      seconds,
      bestEpoch: best?.epoch,
      bestValAccuracy: best?.valAccuracy,
    });
  const last = takeSnapshot(parameters.variables);
  return {
    history,
    best,
    stopped,
    seconds,
    useBest() {
      if (checkpoint?.best) checkpoints?.restoreBest(checkpoint, parameters);
      else (bestValues ?? last).restore();
    },
    useLast: () => last.restore(),
    dispose() {
      last.dispose();
      forgetBestValues();
    },
  };
}
