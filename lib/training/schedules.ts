/** The learning rate over time, as parts of a recipe. */
import { UserError } from '../errors';
import { withStepSchedule, type Optimizer } from './optimizers';

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

/** How long a training is. */
export interface Duration {
  readonly epochs: number;
  readonly stepsPerEpoch: number;
}

/** A schedule of the library: name and options say what it is. */
export interface NamedSchedule {
  readonly name: string;
  readonly options: { readonly learningRate: number; readonly per?: 'epoch' | 'step' };
  /** Of each epoch, or of each step where the options say so. */
  rate(duration: Duration): Schedule;
}

/** A function of one's own: the learning rate of an epoch, counted from 0. */
export type OwnSchedule = (epoch: number, epochs: number) => number;

export type ScheduleSettings = NamedSchedule | OwnSchedule;

interface Rate {
  /** The highest. */
  readonly learningRate: number;
}

export interface CosineOptions extends Rate {
  /** Epochs on the way up, before the cosine begins; 0 by default. */
  readonly warmup?: number;
  /** How often the rate changes; per epoch by default. */
  readonly per?: 'epoch' | 'step';
  /** See `warmupCosineSchedule`. */
  readonly peakInWarmup?: boolean;
}

/** A straight line up over the warm-up, then half a cosine down towards 0; see `warmupCosineSchedule`. */
export function cosine(options: CosineOptions): NamedSchedule {
  const { learningRate, warmup = 0, per = 'epoch', peakInWarmup } = options;
  checkRate(learningRate);
  return {
    name: 'cosine',
    options,
    rate({ epochs, stepsPerEpoch }) {
      const unit = per === 'step' ? stepsPerEpoch : 1;
      return warmupCosineSchedule({ learningRate, warmup: warmup * unit, total: epochs * unit, peakInWarmup });
    },
  };
}

/** The same rate in all epochs. */
export function constant(options: Rate): NamedSchedule {
  checkRate(options.learningRate);
  return { name: 'constant', options, rate: () => () => options.learningRate };
}

/**
 * The rate times `factor` (0.1 by default) from each of the milestones on: PyTorch's MultiStepLR. Milestones are
 * epochs, counted from 0.
 */
export function multiStep(
  options: Rate & { readonly milestones: readonly number[]; readonly factor?: number },
): NamedSchedule {
  const { learningRate, milestones, factor = 0.1 } = options;
  checkRate(learningRate);
  return {
    name: 'multi-step',
    options,
    rate: () => (epoch) => learningRate * factor ** milestones.filter((milestone) => milestone <= epoch).length,
  };
}

function checkRate(learningRate: number): void {
  if (!(learningRate > 0 && learningRate < Infinity))
    throw new UserError(`learningRate is ${learningRate}, but must be a number above 0, such as 1e-3.`);
}

/** The optimizer, and the learning rate of each epoch as `fit` takes it. */
export function followSchedule(
  schedule: ScheduleSettings,
  optimizer: Optimizer,
  duration: Duration,
): { readonly optimizer: Optimizer; readonly learningRate: Schedule } {
  const { epochs, stepsPerEpoch } = duration;
  if (typeof schedule === 'function') return { optimizer, learningRate: (epoch) => schedule(epoch, epochs) };
  const rate = schedule.rate(duration);
  if (schedule.options.per !== 'step') return { optimizer, learningRate: rate };
  return {
    optimizer: withStepSchedule(optimizer, rate, stepsPerEpoch),
    learningRate: (epoch) => rate(epoch * stepsPerEpoch),
  };
}
