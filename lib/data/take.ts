import { createHash } from 'node:crypto';
import { UserError } from '../errors';
import { createRandom } from '../random';
import type { Dataset, Split } from './dataset';
import { subsetOf, type SegmentationDataset } from './segmentation-dataset';
import { nestedSubset, type SubsetOptions } from './splits';

export interface TakeOptions extends SubsetOptions {
  /** Images of the split; all by default. */
  readonly train?: number;
  readonly val?: number;
}

/**
 * The same data with fewer training or validation images, which seed and draw choose; all test images. Those of one seed and draw are
 * nested: 10 images are among the 20. Of images with one class each, every class keeps its share. Which images they are is part of the
 * identity of a training.
 * @throws UserError where there are not as many
 */
export function take(data: Dataset, options: TakeOptions): Dataset;
export function take(data: SegmentationDataset, options: TakeOptions): SegmentationDataset;
export function take(data: Dataset | SegmentationDataset, options: TakeOptions): Dataset | SegmentationDataset {
  return 'task' in data ? takeLabelled(data, options) : takeMasks(data, options);
}

/** How many of a split are wanted. @throws UserError where there are not as many */
function checkedSize(name: 'train' | 'val', of: string, split: { readonly count: number }, size = split.count): number {
  if (Number.isInteger(size) && size >= 1 && size <= split.count) return size;
  throw new UserError(
    `${name} is ${size}, but ${of} has ${split.count} such images: give a whole number from 1 to ${split.count}.`,
  );
}

function takeMasks(data: SegmentationDataset, { train, val, ...options }: TakeOptions): SegmentationDataset {
  const part = (name: 'train' | 'val', given: number | undefined) => {
    const split = data.splits[name];
    const size = checkedSize(name, data.name, split, given);
    return given === undefined ? split : subsetOf(split, nestedSubset(split.count, size, options));
  };
  return {
    ...data,
    whole: data.whole ?? data,
    splits: { ...data.splits, train: part('train', train), val: part('val', val) },
    close: () => undefined, // the files are the whole's
  };
}

function takeLabelled(data: Dataset, { train, val, ...options }: TakeOptions): Dataset {
  const part = (name: 'train' | 'val', given: number | undefined): Split => {
    const split = data.splits[name];
    const size = checkedSize(name, data.name, split, given);
    return given === undefined ? split : partOf(split, classOrder(split, options).slice(0, size).sort());
  };
  const whole = JSON.stringify([data.sha256, 'taken', train ?? 'all', val ?? 'all', options.seed, options.draw ?? 0]);
  return {
    ...data,
    sha256: createHash('sha256').update(whole).digest('hex'),
    splits: { ...data.splits, train: part('train', train), val: part('val', val) },
    close: () => undefined, // the file is the whole's
  };
}

/** All indices in an order of which any beginning has the classes in the proportions of the whole, as nearly as it can. */
function classOrder({ count, labels, labelWidth }: Split, { seed, draw = 0 }: SubsetOptions): Int32Array {
  const order = createRandom(seed, 'nested subset', draw).permutation(count);
  if (labelWidth > 1) return order;
  const members = new Map<number, number[]>();
  for (const index of order) {
    const own = members.get(labels[index]);
    if (own) own.push(index);
    else members.set(labels[index], [index]);
  }
  const places = [...members.values()].flatMap((some) =>
    some.map((index, rank) => ({ index, place: (rank + 0.5) / some.length })),
  );
  return Int32Array.from(
    places.sort((a, b) => a.place - b.place),
    ({ index }) => index,
  );
}

function partOf(split: Split, chosen: Int32Array): Split {
  const { labels, labelWidth, names, groups, weights } = split;
  return {
    name: split.name,
    count: chosen.length,
    labels: Int32Array.from(
      { length: chosen.length * labelWidth },
      (_, at) => labels[chosen[Math.floor(at / labelWidth)] * labelWidth + (at % labelWidth)],
    ),
    labelWidth,
    ...(names && { names: Array.from(chosen, (index) => names[index]) }),
    ...(groups && { groups: Array.from(chosen, (index) => groups[index]) }),
    ...(weights && { weights: Float32Array.from(chosen, (index) => weights[index]) }),
    readImages: (positions, target) =>
      split.readImages(
        Int32Array.from(positions, (at) => chosen[at]),
        target,
      ),
  };
}
