/** What shows early that a self-supervised training collapses, or how good its features have become. */
import type { Dataset, SplitName } from '../../data/dataset';
import { attribute, executeMany } from '../../tensor/native';
import { tf, type Tensor, type Tensor2D } from '../../tf';
import { openRows } from '../feature-rows';
import { featureSet, type FeatureSet } from '../feature-set';
import { classProbabilities } from '../knn-probe';
import { nearestNeighbours } from '../neighbours';
import { accuracyOf } from '../probe-result';

/**
 * How features spread over the sphere: the deviation of each value of unit vectors, on average, times √width (Chen and He, SimSiam, CVPR
 * 2021). 0 where all are the same, 1 where they point everywhere alike. rows: row-major count × width.
 */
export function featureSpread(rows: Float32Array, width: number): number {
  return readNumber(() => {
    const values = tf.tensor2d(rows.slice(), [rows.length / width, width]);
    const unit = values.div<Tensor2D>(values.square().sum(1, true).add(1e-12).sqrt());
    const deviations = unit.sub(unit.mean(0, true)).square().mean(0).sqrt();
    return deviations.mean().mul(Math.sqrt(width));
  });
}

const eigenAttributes = [attribute.type('T', 'float32'), attribute.bool('compute_v', false)];

/**
 * In how many directions features differ: exp of the entropy of their centred matrix's singular values as shares (Roy and Vetterli,
 * EUSIPCO 2007; Garrido et al., RankMe, ICML 2023). 1 to width.
 */
export function effectiveRank(rows: Float32Array, width: number): number {
  return readNumber(() => {
    const values = tf.tensor2d(rows.slice(), [rows.length / width, width]);
    const centred = values.sub<Tensor2D>(values.mean(0, true));
    const [squares] = executeMany('SelfAdjointEigV2', eigenAttributes, [centred.matMul(centred, true)], 2);
    const singular = squares.maximum(0).sqrt();
    const shares = singular.div(singular.sum().add(1e-12));
    return shares.mul(shares.add(1e-12).log()).sum().neg().exp();
  });
}

/** Entropy in nats of each row's probabilities on average, and of their mean. Collapse is a mean's entropy of 0, or a row's of log K. */
export function entropies(probabilities: Tensor2D): { readonly row: number; readonly mean: number } {
  const of = (p: Tensor2D): Tensor => p.mul(p.add(1e-12).log()).sum(1).neg();
  return {
    row: readNumber(() => of(probabilities).mean()),
    mean: readNumber(() => of(probabilities.mean<Tensor2D>(0, true)).mean()),
  };
}

/** Features of two splits as the network has them: row-major count × width. */
export type SplitRows = Readonly<Record<Extract<SplitName, 'train' | 'val'>, Float32Array>>;

/** Accuracy on the validation split of the 10 nearest training images' votes, weighted as DINO does. */
export async function neighbourAccuracy(dataset: Dataset, rows: SplitRows, width: number): Promise<number> {
  const [train, val] = (['train', 'val'] as const).map((split) => featureSet(dataset, split, width, rows[split]));
  const k = Math.min(10, train.count);
  const found = await findNeighbours(train, val, k);
  return accuracyOf(val, classProbabilities(found, train, { k, temperature: 0.07 }));
}

async function findNeighbours(train: FeatureSet, val: FeatureSet, k: number) {
  const [known, queries] = [openRows(train), openRows(val)];
  try {
    return await nearestNeighbours(known, queries, { k });
  } finally {
    known.dispose();
    queries.dispose();
  }
}

function readNumber(compute: () => { dataSync(): ArrayLike<number> }): number {
  let value = NaN;
  tf.tidy(() => {
    [value] = Array.from(compute().dataSync());
  });
  return value;
}
