/** k nearest neighbours on frozen features: nothing is trained, so it tells how features lie rather than how a head was trained. */
import { UserError } from '../errors';
import { openRows, type FeatureRows } from './feature-rows';
import type { FeatureSet, FeatureSets } from './feature-set';
import { nearestNeighbours, type Neighbours } from './neighbours';
import { accuracyOf, checkSets, firstLargest, testOf, type ProbeControls, type ProbeResult } from './probe-result';

export interface KnnSettings {
  /** Neighbours that vote, 20 by default; of several numbers, the first with the best validation accuracy. */
  readonly k?: number | readonly number[];
  /**
   * `weighted`: each neighbour votes with exp(cosine / temperature), as DINO's eval_knn (Caron et al. 2021, after Wu et al. 2018).
   * `majority`: each has one vote. Of classes with equal votes, the lowest number wins.
   */
  readonly votes?: 'weighted' | 'majority';
  /** 0.07 by default. */
  readonly temperature?: number;
}

/** Classifies each image as the training images whose features have the largest cosine with its own. */
export async function knnProbe(
  sets: FeatureSets,
  { k = 20, votes = 'weighted', temperature = 0.07 }: KnnSettings = {},
  { model = 'kNN', signal, onProgress = () => undefined }: ProbeControls = {},
): Promise<ProbeResult> {
  checkSets(sets);
  const candidates = typeof k === 'number' ? [k] : k;
  if (candidates.length === 0) throw new UserError('k is empty: at least one number is needed.');
  const wrong = candidates.find((value) => !(Number.isInteger(value) && value >= 1 && value <= sets.train.count));
  if (wrong !== undefined) {
    throw new UserError(
      `k is ${wrong}, but must be a whole number from 1 to ${sets.train.count}, the training images.`,
    );
  }
  if (!(temperature > 0)) throw new UserError(`temperature is ${temperature}, but must be above 0.`);

  const begin = performance.now();
  const total = sets.val.count + sets.test.count;
  const train = openRows(sets.train);
  const neighboursOf = async (set: FeatureSet, before: number, most: number): Promise<Neighbours> => {
    const queries = openRows(set);
    const onShare = async (share: number): Promise<void> => {
      const step = before + Math.floor(share * set.count);
      onProgress({ kind: 'batch', epoch: 1, epochs: 1, step, steps: total });
      await new Promise(setImmediate);
      signal?.throwIfAborted();
    };
    return findNeighbours(train, queries, most, onShare);
  };
  const vote = (neighbours: Neighbours, count: number): Float64Array =>
    classProbabilities(neighbours, sets.train, {
      k: count,
      temperature: votes === 'weighted' ? temperature : Infinity,
    });
  const outcome = { model, history: [], bestEpoch: undefined };

  try {
    const found = await neighboursOf(sets.val, 0, Math.max(...candidates));
    const accuracies = candidates.map((count) => accuracyOf(sets.val, vote(found, count)));
    const best = firstLargest(accuracies);
    const selected = candidates[best];
    const seconds = (performance.now() - begin) / 1000;
    const test = testOf(sets.test, vote(await neighboursOf(sets.test, sets.val.count, selected), selected));
    onProgress({ kind: 'done', epochs: 1, seconds: (performance.now() - begin) / 1000 });
    const hyperparameters = { k: selected, votes, ...(votes === 'weighted' ? { temperature } : {}) };
    return {
      ...outcome,
      bestValAccuracy: accuracies[best],
      stopped: false,
      seconds,
      test,
      testOfLast: test,
      hyperparameters,
    };
  } catch (error) {
    if (!signal?.aborted) throw error;
    const seconds = (performance.now() - begin) / 1000;
    onProgress({ kind: 'stopped', epoch: 0, epochs: 1, seconds });
    const nothing = { bestValAccuracy: undefined, test: undefined, testOfLast: undefined, hyperparameters: { votes } };
    return { ...outcome, ...nothing, stopped: true, seconds };
  } finally {
    train.dispose();
  }
}

async function findNeighbours(
  train: FeatureRows,
  queries: FeatureRows,
  k: number,
  onProgress: (share: number) => Promise<void>,
): Promise<Neighbours> {
  try {
    return await nearestNeighbours(train, queries, { k, onProgress });
  } finally {
    queries.dispose();
  }
}

/**
 * The share of the votes that each class has: row-major queries × classes. A vote weighs exp(cosine / temperature); an infinite
 * temperature counts heads.
 * @param options k at most that of the neighbours
 */
export function classProbabilities(
  { k: found, similarities, indices }: Neighbours,
  { labels, classes }: Pick<FeatureSet, 'labels' | 'classes'>,
  { k, temperature }: { readonly k: number; readonly temperature: number },
): Float64Array {
  const queries = similarities.length / found;
  const probabilities = new Float64Array(queries * classes);
  for (let query = 0; query < queries; query++) {
    const start = query * found;
    let total = 0;
    for (let position = start; position < start + k; position++) {
      // Relative to the nearest: a small temperature would overflow.
      const weight = Math.exp((similarities[position] - similarities[start]) / temperature);
      probabilities[query * classes + labels[indices[position]]] += weight;
      total += weight;
    }
    for (let label = 0; label < classes; label++) probabilities[query * classes + label] /= total;
  }
  return probabilities;
}
