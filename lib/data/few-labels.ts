/** Training sets of a few images a class, as people have them who label by hand. */
import { createHash } from 'node:crypto';
import { UserError } from '../errors';
import { createRandom } from '../random';
import type { Dataset, Split } from './dataset';
import { counted } from './file-facts';

export interface FewLabelsOptions {
  /** Training images of each class; where a class has fewer, all of them. */
  readonly perClass: number;
  /** Chooses them; those of one seed are nested. */
  readonly seed: number;
}

/** Positions in the split, ascending. @throws UserError for several labels an image, and for no images */
export function fewLabelled(
  { labels, labelWidth }: Pick<Split, 'labels' | 'labelWidth'>,
  { perClass, seed }: FewLabelsOptions,
): Int32Array {
  if (labelWidth !== 1) throw new UserError('A few images of each class are taken where an image has one class.');
  if (!(Number.isInteger(perClass) && perClass >= 1))
    throw new UserError(`perClass is ${perClass}, but must be a whole number from 1.`);
  const taken = new Map<number, number>();
  const order = createRandom(seed, 'few labels').permutation(labels.length);
  const chosen = order.filter((index) => {
    const before = taken.get(labels[index]) ?? 0;
    taken.set(labels[index], before + 1);
    return before < perClass;
  });
  return chosen.sort();
}

/**
 * The dataset with a few training images of each class, and its own validation and test images.
 * @param options.atLeast images of an epoch: fewer come several times each, so that an epoch is worth validating after
 */
export function takeFew(data: Dataset, options: FewLabelsOptions & { readonly atLeast?: number }): Dataset {
  const { train } = data.splits;
  const once = fewLabelled(train, options);
  const times = Math.max(1, Math.ceil((options.atLeast ?? 1) / once.length));
  const indices = Int32Array.from({ length: times * once.length }, (_, at) => once[at % once.length]);
  const of = <T>(values: readonly T[] | undefined): T[] | undefined =>
    values && Array.from(indices, (index) => values[index]);
  const few: Split = {
    ...train,
    count: indices.length,
    labels: Int32Array.from(indices, (index) => train.labels[index]),
    names: of(train.names),
    groups: of(train.groups),
    weights: train.weights && Float32Array.from(indices, (index) => train.weights?.[index] ?? 1),
    readImages: (positions, target) =>
      train.readImages(
        Array.from(positions, (position) => indices[position]),
        target,
      ),
  };
  const whole = JSON.stringify([data.sha256, 'few labels', options.perClass, options.seed, times]);
  return {
    ...data,
    title: `${data.title}, ${counted(options.perClass, 'image')} a class`,
    splits: { ...data.splits, train: few },
    sha256: createHash('sha256').update(whole).digest('hex'),
    close: () => undefined, // the files are the whole's
  };
}
