/**
 * Stochastic depth (Huang et al. 2016) as timm's DropPath does it: in training, residual branches are left out at
 * random, image by image.
 */
import type { Random } from '../random';
import { addBias } from '../tensor/linear';
import { inPrecisionOf } from '../tensor/precision';
import { biasResidual } from '../tensor/transformer';
import { tf, type Tensor, type Tensor1D } from '../tf';

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

/**
 * A branch that is 0 for the images which lose it, and for the others as much larger, so that its mean stays. x: N×… or, of `images`, N·T×…
 */
export function dropBranch<T extends Tensor>(
  x: T,
  rate: number,
  random: StochasticDepth['random'],
  images: number = x.shape[0],
): T {
  if (rate === 0) return x;
  const kept = 1 - rate;
  const factors = Float32Array.from({ length: images }, () => (random.uniform() < kept ? 1 / kept : 0));
  const thinned = x.reshape([images, -1]).mul(tf.tensor2d(factors, [images, 1]));
  return inPrecisionOf(x, thinned.reshape<T>(x.shape));
}

/** How a branch ends. */
export interface BranchEnd<T extends Tensor> {
  readonly bias: Tensor1D;
  /** Layer scale (Touvron et al. 2021). */
  readonly scale?: Tensor1D;
  /** What stochastic depth does to it; nothing is left out by default. */
  readonly drop?: (branch: T) => T;
}

/** x + scale · (branch + bias), or what is left of the branch. x, branch: …×C → …×C. */
export function addBranch<T extends Tensor>(x: T, branch: T, { bias, scale, drop }: BranchEnd<T>): T {
  if (drop === undefined) return biasResidual(x, branch, bias, scale);
  const biased = addBias(branch, bias);
  return x.add<T>(drop(scale === undefined ? biased : biased.mul<T>(scale)));
}
