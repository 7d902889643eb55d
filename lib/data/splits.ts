/** Splits and training subsets that a seed draws: the same on every machine, whatever order its folders are listed in. */
import { UserError } from '../errors';
import { createRandom } from '../random';
import { splitNames, type SplitName } from './dataset';

/** Parts of the whole; together 1. */
export type SplitFractions = Readonly<Record<SplitName, number>>;

/** MedMNIST's proportions (Yang et al. 2023). */
export const defaultFractions: SplitFractions = { train: 0.7, val: 0.1, test: 0.2 };

export interface SplitOptions {
  readonly seed: number;
  readonly fractions?: SplitFractions;
}

/**
 * Draws splits from ids. They are sorted first, so that only the seed and the ids themselves matter; each id is in exactly one split, and
 * a split with a fraction above 0 has at least one.
 * @throws UserError for fractions that are none, and where there are fewer ids than splits
 */
export function drawSplits(
  ids: readonly string[],
  { seed, fractions = defaultFractions }: SplitOptions,
): Record<SplitName, string[]> {
  checkFractions(fractions);
  const sorted = sortedIds(ids);
  const counts = splitCounts(sorted.length, fractions);
  const order = createRandom(seed, 'splits').permutation(sorted.length);
  let start = 0;
  const take = (name: SplitName): string[] => {
    const part = Array.from(order.subarray(start, start + counts[name]), (index) => sorted[index]);
    start += counts[name];
    return part.sort(byCharacters);
  };
  // Test first: images for it do not depend on how the rest is divided.
  const [test, val, train] = [take('test'), take('val'), take('train')];
  return { train, val, test };
}

export interface SubsetOptions {
  readonly seed: number;
  /** Which of several independent draws; 0 by default. */
  readonly draw?: number;
}

/**
 * The images of a small training set, as ascending indices. Those of one seed and draw are nested: 10 of them are among the 20, these among
 * the 40, and so on, so that a learning curve is not blurred by another choice of images at each size.
 * @param count how many there are to choose from, in the order of their sorted ids
 * @param size how many of them are wanted
 * @throws UserError where there are not that many
 */
export function nestedSubset(count: number, size: number, { seed, draw = 0 }: SubsetOptions): Int32Array {
  if (!Number.isInteger(size) || size < 1 || size > count)
    throw new UserError(`A subset of ${size} images cannot be taken from ${count}: give a whole number from 1 to ${count}.`); // prettier-ignore
  return createRandom(seed, 'nested subset', draw).permutation(count).slice(0, size).sort();
}

/** In the order of their characters' numbers, which no language setting changes. */
export function sortedIds(ids: readonly string[]): string[] {
  return [...ids].sort(byCharacters);
}

export function byCharacters(first: string, second: string): number {
  return first < second ? -1 : first > second ? 1 : 0;
}

function splitCounts(total: number, fractions: SplitFractions): Record<SplitName, number> {
  const wanted = splitNames.filter((name) => fractions[name] > 0);
  if (total < wanted.length)
    throw new UserError(`${total} images cannot be divided into ${wanted.join(', ')}: at least ${wanted.length} are needed.`); // prettier-ignore
  const atLeastOne = (name: SplitName): number => (fractions[name] > 0 ? 1 : 0);
  const share = (name: SplitName, left: number): number =>
    Math.min(left, Math.max(atLeastOne(name), Math.round(total * fractions[name])));
  const test = share('test', total - atLeastOne('train') - atLeastOne('val'));
  const val = fractions.train > 0 ? share('val', total - test - 1) : total - test;
  return { train: total - test - val, val, test };
}

function checkFractions(fractions: SplitFractions): void {
  const values = splitNames.map((name) => fractions[name]);
  const sum = values.reduce((total, value) => total + value, 0);
  if (values.every((value) => value >= 0 && value <= 1) && Math.abs(sum - 1) < 1e-9) return;
  const given = splitNames.map((name) => `${name} ${fractions[name]}`).join(', ');
  throw new UserError(`The fractions of the splits are ${given}; they must be from 0 to 1 and 1 together.`);
}
