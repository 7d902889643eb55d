import { marginOf, type Estimate } from './interval-over-draws';
import { mean, sampleDeviation } from './intervals';

/** A sum or difference of accuracies, of which each training of a seed adds its own with a sign. */
export interface AccuracyTerm {
  readonly sign: 1 | -1;
  /** By seed. */
  readonly accuracies: ReadonlyMap<number, number>;
}

/**
 * Over the seeds that all terms have; undefined where they have none in common. What other images would change is not known from
 * accuracies alone: taken is what it could be at the most, were the networks wrong on images that have nothing to do with each other.
 */
export function sumOfAccuracies(terms: readonly AccuracyTerm[], images: number): Estimate | undefined {
  const [first] = terms;
  const seeds = [...first.accuracies.keys()].filter((seed) => terms.every(({ accuracies }) => accuracies.has(seed)));
  if (seeds.length === 0) return undefined;
  const of = ({ accuracies }: AccuracyTerm, seed: number): number => accuracies.get(seed) ?? NaN;
  const sums = seeds.map((seed) => terms.reduce((sum, term) => sum + term.sign * of(term, seed), 0));
  const ofImages = (term: AccuracyTerm): number => {
    const center = mean(seeds.map((seed) => of(term, seed)));
    return (center * (1 - center)) / images;
  };
  const margin = marginOf({
    drawVariance: seeds.length === 1 ? 0 : sampleDeviation(sums) ** 2 / seeds.length,
    draws: seeds.length,
    imageVariance: terms.reduce((sum, term) => sum + ofImages(term), 0),
    images,
    confidence: 0.95,
  });
  const center = mean(sums);
  return { mean: center, low: center - margin, high: center + margin, draws: seeds.length };
}
