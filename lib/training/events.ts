/** What a training run tells about itself while it goes on, and the record that it leaves behind. */

/**
 * One finished epoch: beside the losses, each metric of the training under its name, such as `trainAccuracy` and `valDice`. Fractions are
 * fractions.
 */
export interface HistoryRow {
  /** Counted from 1. */
  readonly epoch: number;
  readonly trainLoss: number;
  readonly valLoss: number;
  readonly learningRate: number;
  /** Duration of the epoch, validation included. */
  readonly seconds: number;
  readonly [metric: string]: number;
}

/** A metric's name in a history row: `accuracy` of `val` is `valAccuracy`. */
export function historyKey(split: 'train' | 'val', metric: string): string {
  return `${split}${metric[0].toUpperCase()}${metric.slice(1)}`;
}

/** The first metric of a row that is no loss, such as `accuracy`; undefined where a training watches nothing else. */
export function mainMetric(row: HistoryRow): string | undefined {
  const key = Object.keys(row).find((name) => name.startsWith('val') && name !== 'valLoss');
  return key === undefined ? undefined : key[3].toLowerCase() + key.slice(4);
}

/** The epoch that was selected, and the validation score that it was selected by. */
export interface BestEpoch {
  readonly epoch: number;
  /** `loss`, or a metric's name. */
  readonly metric: string;
  readonly value: number;
}

/** After a batch. Work without epochs, such as the extraction of features, has one. */
export interface BatchEvent {
  readonly kind: 'batch';
  readonly epoch: number;
  readonly epochs: number;
  /** Finished batches of this epoch. */
  readonly step: number;
  readonly steps: number;
  readonly loss?: number;
  readonly imagesPerSecond?: number;
}

/** After an epoch and its validation. */
export interface EpochEvent {
  readonly kind: 'epoch';
  readonly epoch: number;
  readonly epochs: number;
  readonly row: HistoryRow;
}

/** The run has come to its end, be it by early stopping. */
export interface DoneEvent {
  readonly kind: 'done';
  /** Epochs that were run. */
  readonly epochs: number;
  readonly seconds: number;
  readonly best?: BestEpoch;
}

/** Somebody stopped the run; what was reached is kept. */
export interface StoppedEvent {
  readonly kind: 'stopped';
  /** Finished epochs. */
  readonly epoch: number;
  readonly epochs: number;
  readonly seconds: number;
}

/** Something went wrong and was mended; the run goes on. */
export interface WarningEvent {
  readonly kind: 'warning';
  readonly epoch: number;
  readonly epochs: number;
  readonly message: string;
}

export type TrainingEvent = BatchEvent | EpochEvent | DoneEvent | StoppedEvent | WarningEvent;

/** What is done beside the epochs of a run, such as `scoring the test split`; a bar shows it. */
export interface PhaseEvent {
  readonly kind: 'phase';
  readonly message: string;
  /** Where nothing more comes. */
  readonly ended?: 'done' | 'stopped';
}
