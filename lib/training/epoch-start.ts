import type { Parameters } from '../models/parameters';
import { tf } from '../tf';
import type { CheckpointManifest, CheckpointStore } from './checkpoints';
import type { Optimizer } from './optimizers';
import { takeSnapshot } from './snapshot';

/** What an epoch began with: weights, the optimizer's slots and its count of steps. */
export interface EpochStart {
  /** Puts all of it back. */
  restore(): Promise<void>;
  dispose(): void;
}

/**
 * Remembers the present state, so that an epoch can be taken back. Where a checkpoint holds it, or will when it is written, it is not kept
 * in memory a second time: for AdamW, that would be three times the weights.
 * @param checkpoints only where `saving` is the checkpoint of just this state
 */
export function epochStart(
  parameters: Parameters,
  optimizer: Optimizer,
  checkpoints?: CheckpointStore,
  saving?: Promise<CheckpointManifest>,
): EpochStart {
  if (checkpoints !== undefined && saving !== undefined) {
    return {
      restore: async () => checkpoints.restore(await saving, parameters, optimizer),
      dispose: () => undefined,
    };
  }
  const { steps } = optimizer;
  const weights = takeSnapshot(parameters.variables);
  // Before the first step, slots are zeros, of which no copy is needed.
  const slots = steps === 0 ? undefined : takeSnapshot(optimizer.slots);
  return {
    restore() {
      weights.restore();
      if (slots !== undefined) slots.restore();
      else for (const slot of optimizer.slots.values()) tf.tidy(() => slot.assign(tf.zeros([...slot.shape])));
      optimizer.steps = steps;
      return Promise.resolve();
    },
    dispose() {
      weights.dispose();
      slots?.dispose();
    },
  };
}
