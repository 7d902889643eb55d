/** Splits and training subsets that a seed draws: the same on every machine, whatever order its folders are listed in. */
import { counted } from './file-facts';
import { UserError } from '../errors';
import { createRandom } from '../random';
import { splitNames, type SplitName } from './dataset';
import { grouped } from '../grouped';

/** Parts of the whole; together 1. */
export type SplitFractions = Readonly<Record<SplitName, number>>;

/** MedMNIST's proportions (Yang et al. 2023). */
export const defaultFractions: SplitFractions = { train: 0.7, val: 0.1, test: 0.2 };

export interface DivisionOptions {
  readonly seed: number;
  /** Images of one group, such as a patient's, are never parted. Each image is by itself without it. */
  readonly groupOf?: (id: string) => string;
  /** What every part gets its share of, such as an image's classes. */
  readonly strataOf?: (id: string) => readonly (string | number)[];
}

export interface SplitOptions extends DivisionOptions {
  readonly fractions?: SplitFractions;
}

/**
 * Draws splits from ids. They are sorted first, so that only the seed and the ids themselves matter; each id is in exactly one split, and
 * a split with a fraction above 0 has at least one.
 * @throws UserError for fractions that are none, and where there are fewer ids or groups than splits
 */
export function drawSplits(
  ids: readonly string[],
  { fractions = defaultFractions, ...options }: SplitOptions,
): Record<SplitName, string[]> {
  checkFractions(fractions);
  const { train, val, test } = fractions;
  checkEnough(
    ids,
    splitNames.filter((name) => fractions[name] > 0),
    options,
  );
  // Test first: images for it do not depend on how the rest is divided. No split is left without an image by the one before it.
  const [rest, ofTest] = divide(ids, { train: train + val, test }, options, Number(train > 0) + Number(val > 0));
  const [ofTrain, ofVal] = divide(rest, { train, val }, options);
  return { train: ofTrain, val: ofVal, test: ofTest };
}

export interface CompletedSplits {
  readonly splits: Record<SplitName, string[]>;
  readonly origins: Record<SplitName, SplitOrigin>;
  /** What was drawn, in one line; undefined where nothing was. */
  readonly note: string | undefined;
}

/** Where a split comes from: `official` where the source says what belongs to it, `drawn` where a seed has picked it. */
export type SplitOrigin = 'official' | 'drawn';

/**
 * The splits that a source gives; what it does not give is drawn from the training images, or from all where it gives none.
 * @throws UserError where there is nothing to train on
 */
export function completeSplits(
  ids: readonly string[],
  givenSplit: (id: string) => SplitName | undefined,
  { fractions = defaultFractions, ...options }: SplitOptions,
): CompletedSplits {
  const given = { train: [] as string[], val: [] as string[], test: [] as string[] };
  const without = ids.filter((id) => givenSplit(id) === undefined);
  for (const id of ids) given[givenSplit(id) ?? 'train'].push(id);
  const groups =
    options.groupOf === undefined ? '' : `, ${new Set(ids.map(options.groupOf)).size} groups kept together`;
  const how = `${options.strataOf === undefined ? '' : ', stratified by class'}${groups}`;
  const percent = (name: SplitName): string => `${Math.round(100 * fractions[name])} %`;
  if (without.length === ids.length) {
    const parts = splitNames.map((name) => `${percent(name)} ${name}`).join(', ');
    return {
      splits: drawSplits(ids, { ...options, fractions }),
      origins: { train: 'drawn', val: 'drawn', test: 'drawn' },
      note: `no official splits; ${parts} drawn by seed ${options.seed}${how}`,
    };
  }
  if (given.train.length === 0) throw new UserError('There is no training image: the source gives val or test only.');
  const missing = splitNames.filter((name) => given[name].length === 0);
  if (missing.length === 0)
    return {
      splits: sorted(given),
      origins: { train: 'official', val: 'official', test: 'official' },
      note: undefined,
    };
  const drawn = (name: SplitName): number => (missing.includes(name) ? fractions[name] : 0);
  const parts = drawSplits(given.train, {
    ...options,
    fractions: { train: 1 - drawn('val') - drawn('test'), val: drawn('val'), test: drawn('test') },
  });
  const origin = (name: SplitName): SplitOrigin => (missing.includes(name) ? 'drawn' : 'official');
  return {
    splits: sorted({ ...given, train: parts.train, ...Object.fromEntries(missing.map((name) => [name, parts[name]])) }),
    origins: { train: 'drawn', val: origin('val'), test: origin('test') },
    note: `${missing.map((name) => `${percent(name)} of the training images drawn for ${name}`).join(', ')} by seed ${options.seed}${how}`,
  };
}

function sorted(splits: Record<SplitName, string[]>): Record<SplitName, string[]> {
  return { train: sortedIds(splits.train), val: sortedIds(splits.val), test: sortedIds(splits.test) };
}

/**
 * Draws folds from ids: each id is in exactly one, and all are as equal as groups allow.
 * @throws UserError where there are fewer ids or groups than folds
 */
export function drawFolds(ids: readonly string[], folds: number, options: DivisionOptions): string[][] {
  const names = Array.from({ length: folds }, (_, fold) => `fold ${fold}`);
  checkEnough(ids, names, options);
  return divide(ids, Object.fromEntries(names.map((name) => [name, 1 / folds])), options);
}

/** Images that stay together. */
interface Unit {
  readonly ids: readonly string[];
  /** Images of each stratum. */
  readonly counts: ReadonlyMap<string | number, number>;
}

/** Stands for all images. */
const everything = ' all';

/**
 * Divides ids into parts by shares: units come one after the other, large ones and those of rare strata first, and each goes where the sum
 * of (images − share)² / share over all strata grows least. For units of one image that is Sainte-Laguë's apportionment in each stratum.
 * @param least units that the first part keeps at least
 */
function divide(
  ids: readonly string[],
  shares: Readonly<Record<string, number>>,
  options: DivisionOptions,
  least = 1,
): string[][] {
  const units = unitsOf(ids, options);
  const totals = new Map<string | number, number>();
  for (const { counts } of units)
    for (const [stratum, count] of counts) totals.set(stratum, (totals.get(stratum) ?? 0) + count);
  const names = Object.keys(shares);
  const order = createRandom(options.seed, 'splits', ...names).permutation(units.length);
  const rarity = ({ counts }: Unit): number =>
    Math.min(...[...counts.keys()].map((stratum) => totals.get(stratum) ?? 0));
  const queue = Array.from(order, (index) => ({ unit: units[index], rarity: rarity(units[index]) }));
  queue.sort((a, b) => b.unit.ids.length - a.unit.ids.length || a.rarity - b.rarity);
  const whole = names.reduce((sum, name) => sum + shares[name], 0);
  const parts = names.map((name, at) => ({
    share: shares[name] / (whole || 1),
    missing: shares[name] > 0 ? (at === 0 ? least : 1) : 0,
    ids: [] as string[],
    counts: new Map<string | number, number>(),
  }));
  queue.forEach(({ unit }, done) => {
    const left = queue.length - done;
    const needed = parts.reduce((sum, { missing }) => sum + Math.max(0, missing), 0);
    const open = parts.filter(({ share, missing }) => share > 0 && (left > needed || missing > 0));
    const cost = (part: (typeof parts)[number]): number => {
      let sum = 0;
      for (const [stratum, count] of unit.counts)
        sum +=
          (count * (count + 2 * (part.counts.get(stratum) ?? 0))) / (part.share * (totals.get(stratum) ?? 1)) -
          2 * count;
      return sum;
    };
    const best = open.map((part) => ({ part, cost: cost(part) })).reduce((a, b) => (b.cost < a.cost ? b : a)).part;
    best.missing--;
    best.ids.push(...unit.ids);
    for (const [stratum, count] of unit.counts) best.counts.set(stratum, (best.counts.get(stratum) ?? 0) + count);
  });
  return parts.map((part) => part.ids.sort(byCharacters));
}

function unitsOf(ids: readonly string[], { groupOf = (id) => id, strataOf = () => [] }: DivisionOptions): Unit[] {
  const groups = grouped(sortedIds(ids), groupOf);
  return [...groups.keys()].sort(byCharacters).map((group) => {
    const members = groups.get(group) ?? [];
    const counts = new Map<string | number, number>();
    for (const stratum of members.flatMap((id) => [everything, ...strataOf(id)]))
      counts.set(stratum, (counts.get(stratum) ?? 0) + 1);
    return { ids: members, counts };
  });
}

function checkEnough(ids: readonly string[], parts: readonly string[], { groupOf }: DivisionOptions): void {
  const count = groupOf === undefined ? ids.length : new Set(ids.map(groupOf)).size;
  if (count >= parts.length) return;
  const images = counted(ids.length, 'image');
  const parted = groupOf === undefined ? images : `${counted(count, 'group')} of ${images}`;
  throw new UserError(`${parted} cannot be divided into ${parts.join(', ')}: at least ${parts.length} are needed.`);
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
    throw new UserError(
      `A subset of ${size} images cannot be taken from ${count}: give a whole number from 1 to ${count}.`,
    );
  return createRandom(seed, 'nested subset', draw).permutation(count).slice(0, size).sort();
}

/** In the order of their characters' numbers, which no language setting changes. */
export function sortedIds(ids: readonly string[]): string[] {
  return [...ids].sort(byCharacters);
}

export function byCharacters(first: string, second: string): number {
  return first < second ? -1 : first > second ? 1 : 0;
}

function checkFractions(fractions: SplitFractions): void {
  const values = splitNames.map((name) => fractions[name]);
  const sum = values.reduce((total, value) => total + value, 0);
  if (values.every((value) => value >= 0 && value <= 1) && Math.abs(sum - 1) < 1e-9) return;
  const given = splitNames.map((name) => `${name} ${fractions[name]}`).join(', ');
  throw new UserError(`The fractions of the splits are ${given}; they must be from 0 to 1 and 1 together.`);
}
