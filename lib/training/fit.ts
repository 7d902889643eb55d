/**
 * The training loop. It knows nothing of models or data: only `loss(batch, scope) → scalar`, which parameters are trainable, and how to
 * validate.
 */
import { UserError } from '../errors';
import type { Parameters } from '../models/parameters';
import type { Scope } from '../models/scope';
import type { CheckpointManifest, CheckpointStore } from './checkpoints';
import { trainEpoch, validate } from './epoch';
import { epochStart } from './epoch-start';
import { historyKey, type BestEpoch, type HistoryRow, type TrainingEvent } from './events';
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
  /** Mean loss of the batch, and of each reported metric the sum over its images. */
  readonly loss: (batch: B, scope: Scope) => LossOutput;
  /**
   * Loss and metrics on the validation split with the current parameters; NaN where they give no finite scores. It may end early with
   * `signal`'s reason.
   */
  readonly validate: (signal?: AbortSignal) => Promise<Validation>;
  /** Gradients whose common norm is larger are scaled down to it. */
  readonly maxGradientNorm?: number;
  /** What the best epoch is: the first with the lowest validation `loss`, or with the highest value of a validation metric. */
  readonly select: string;
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

/** Means over the validation images, by name. */
export interface Validation {
  readonly loss: number;
  readonly [metric: string]: number;
}

export interface FitResult {
  readonly history: readonly HistoryRow[];
  /** The selected epoch; undefined if none was finished. */
  readonly best?: BestEpoch;
  /** True where `signal` ended the run; the same call continues from its last checkpoint. */
  readonly stopped: boolean;
  /** Time spent training and validating, over all parts of a resumed run. */
  readonly seconds: number;
  /**
   * Puts the best epoch's weights into the parameters: a real copy, taken when that epoch ended; from its checkpoint
   * where there is one.
   */
  useBest(): void;
  /** Puts the last epoch's weights into the parameters. */
  useLast(): void;
  dispose(): void;
}

const mostRecoveries = 3;

/**
 * Trains for `epochs`, or continues from the last checkpoint. A loss that is not finite, in training or in validation, puts the run back
 * to the start of the epoch with half the learning rate, three times at the most.
 * @throws UserError where the loss stays infinite
 */
export async function fit<B extends Batch>(options: FitOptions<B>): Promise<FitResult> {
  const { parameters, optimizer, epochs, checkpoints, patience = Infinity, onProgress = () => undefined } = options;
  const { select, minDelta = 0, saveEverySeconds = 0 } = options;
  const selected = historyKey('val', select);
  const merit = (row: HistoryRow): number => (select === 'loss' ? -row.valLoss : row[selected]);
  const history: HistoryRow[] = [];
  let best: BestEpoch | undefined;
  /** Its weights, where no checkpoint has them. */
  let bestValues: Snapshot | undefined;
  let factor = 1;
  let recoveries = 0;
  let stopped = false;
  let saving: Promise<CheckpointManifest> | undefined;

  const manifest = await checkpoints?.load((message) => onProgress({ kind: 'warning', epoch: 1, epochs, message }));
  if (checkpoints && manifest) {
    checkpoints.restore(manifest, parameters, optimizer);
    saving = Promise.resolve(manifest);
    history.push(...manifest.history);
    ({ learningRateFactor: factor, recoveries } = manifest);
    if (manifest.best) {
      const { epoch } = manifest.best;
      best = { epoch, metric: select, value: history[epoch - 1][selected] };
    }
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
    if (options.signal?.aborted) {
      stopped = true;
      continue;
    }
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
            `The loss of epoch ${epoch + 1} is not finite, even with learningRate ${learningRate}: lower learningRate or set maxGradientNorm.${epoch === 0 ? ' Where it is not from the first batch on, the images, the network or the loss have values that are not.' : ''}`,
          );
        }
        factor /= 2;
        const message = `The loss of epoch ${epoch + 1} is not finite: the epoch starts over with half the learning rate (${learningRate / 2}).`;
        onProgress({ kind: 'warning', epoch: epoch + 1, epochs, message });
        continue;
      }
      before.dispose(); // so that it is not beside the best epoch's weights and what is saved
      const seconds = (performance.now() - start) / 1000;
      const validated = Object.entries(validation).map(([metric, value]) => [historyKey('val', metric), value]);
      const row: HistoryRow = {
        epoch: epoch + 1,
        ...trained,
        ...(Object.fromEntries(validated) as { valLoss: number }),
        learningRate,
        seconds,
      };
      if (!(selected in row)) throw new Error(`The validation gives no ${select}, by which epochs are selected.`);
      history.push(row);
      // A NaN is never larger: it cannot become the best.
      const isNew =
        best === undefined ? Number.isFinite(merit(row)) : merit(row) > merit(history[best.epoch - 1]) + minDelta;
      if (isNew) {
        best = { epoch: row.epoch, metric: select, value: row[selected] };
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
  else onProgress({ kind: 'done', epochs: history.length, seconds, best });
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
