import { UserError } from '../errors';

/** The learning rate of each epoch, or of each step (counted from 0). */
export type Schedule = (time: number) => number;

/** Half a cosine from `learningRate` down towards 0, stepped per epoch: PyTorch's CosineAnnealingLR with T_max = epochs. */
export function cosineSchedule(learningRate: number, epochs: number): Schedule {
  return (epoch) => (learningRate * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2;
}

/** Half a cosine from one value to another over `total` epochs or steps, and the last value after it. */
export function cosineBetween([from, to]: readonly [number, number], total: number): Schedule {
  return (time) => to + ((from - to) * (1 + Math.cos((Math.PI * Math.min(time, total)) / total))) / 2;
}

export interface WarmupCosine {
  readonly learningRate: number;
  /** Epochs or steps on the way up; a fraction is rounded. */
  readonly warmup: number;
  /** Epochs or steps in all, of the same unit as `warmup` and the schedule's argument. */
  readonly total: number;
  /** Whether the last epoch or step of the warm-up has the full rate already, and not the first one after it alone. False by default. */
  readonly peakInWarmup?: boolean;
}

/**
 * A straight line up from learningRate / (warmup + 1), then half a cosine from `learningRate` down towards 0: PyTorch's LinearLR with
 * start_factor = 1 / (warmup + 1), then CosineAnnealingLR with T_max = total − warmup. Never 0 before the end. With `peakInWarmup` the line
 * begins at learningRate / warmup, and the full rate is there twice: in the last of the warm-up, and in the first after it. (timm's
 * CosineLRScheduler and LinearLR leave open where the line begins, and reach the full rate after the warm-up.)
 * @throws UserError where the warm-up does not end before the training
 */
export function warmupCosineSchedule({ learningRate, warmup, total, peakInWarmup = false }: WarmupCosine): Schedule {
  const rising = Math.round(warmup);
  if (!(rising >= 0 && rising < total)) {
    throw new UserError(`A warm-up of ${warmup} does not fit into a training of ${total}: it has to end before.`);
  }
  const falling = cosineSchedule(learningRate, total - rising);
  const parts = peakInWarmup ? rising : rising + 1;
  return (time) => (time < rising ? (learningRate * (time + 1)) / parts : falling(time - rising));
}
