import { normalCritical } from './distributions';
import { mean, type Interval } from './intervals';
import { midranks } from './significance';
import { UserError } from '../errors';

/**
 * Spearman's rank correlation (`scipy.stats.spearmanr`) and its confidence interval by Fisher's transformation with
 * the standard error of Bonett and Wright (2000), √((1 + r²/2) / (n − 3)). NaN where all values of one are equal; the
 * interval is NaN for fewer than four pairs.
 * @throws UserError for numbers of values that differ
 */
export function rankCorrelation(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  confidence = 0.95,
): Interval & { readonly correlation: number } {
  if (first.length !== second.length)
    throw new UserError(`A correlation is of pairs, but there are ${first.length} and ${second.length} values.`);
  const [a, b] = [first, second].map((values) => Float64Array.from(midranks(Float64Array.from(values)).doubledRanks));
  const [centerA, centerB] = [mean(a), mean(b)];
  let [shared, ofA, ofB] = [0, 0, 0];
  a.forEach((rank, index) => {
    shared += (rank - centerA) * (b[index] - centerB);
    ofA += (rank - centerA) ** 2;
    ofB += (b[index] - centerB) ** 2;
  });
  const correlation = shared / Math.sqrt(ofA * ofB);
  const error = first.length > 3 ? Math.sqrt((1 + correlation ** 2 / 2) / (first.length - 3)) : NaN;
  const margin = normalCritical(confidence) * error;
  const z = Math.atanh(correlation);
  const end = (side: number): number => (Math.abs(correlation) === 1 ? correlation : Math.tanh(z + side * margin));
  return { correlation, low: end(-1), high: end(1) };
}
