/** What a training run tells about itself while it goes on, and the record that it leaves behind. */

/** One finished epoch. Accuracies are fractions. */
export interface HistoryRow {
  /** Counted from 1. */
  readonly epoch: number;
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  readonly valLoss: number;
  readonly valAccuracy: number;
  /** Where epochs are selected by it. */
  readonly valAuc?: number;
  /** Further measures of the validation by name. */
  readonly monitors?: Readonly<Record<string, number>>;
  readonly learningRate: number;
  /** Duration of the epoch, validation included. */
  readonly seconds: number;
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
  readonly bestEpoch?: number;
  readonly bestValAccuracy?: number;
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
