/**
 * Stochastic depth (Huang et al. 2016) as timm's DropPath does it: in training, residual branches are left out at
 * random, image by image.
 */
import type { Random } from '../random';
import { inPrecisionOf } from '../tensor/precision';
import { tf, type Tensor4D } from '../tf';

/** For one training step. */
export interface StochasticDepth {
  /** Probability with which the last block's branches are left out; it rises evenly from 0 in the first block. */
  readonly rate: number;
  readonly random: Pick<Random, 'uniform'>;
}

/** The probability of each block, by stage. */
export function blockRates(rate: number, depths: readonly number[]): number[][] {
  const total = depths.reduce((sum, depth) => sum + depth, 0);
  let block = 0;
  return depths.map((depth) => Array.from({ length: depth }, () => (total === 1 ? 0 : (rate * block++) / (total - 1))));
}

/** A branch that is 0 for the images which lose it, and for the others as much larger, so that its mean stays. x: N×H×W×C. */
export function dropBranch(x: Tensor4D, rate: number, random: StochasticDepth['random']): Tensor4D {
  if (rate === 0) return x;
  const kept = 1 - rate;
  const factors = Float32Array.from({ length: x.shape[0] }, () => (random.uniform() < kept ? 1 / kept : 0));
  return inPrecisionOf(x, x.mul<Tensor4D>(tf.tensor4d(factors, [x.shape[0], 1, 1, 1])));
}
