import { UserError } from '../errors';
import { subsetOf, type SegmentationDataset } from './segmentation-dataset';
import { nestedSubset, type SubsetOptions } from './splits';

export interface TakeOptions extends SubsetOptions {
  /** Images of the split; all by default. */
  readonly train?: number;
  readonly val?: number;
}

/**
 * The same data with fewer training or validation images, which seed and draw choose; all test images. Those of one seed and draw are
 * nested: 10 images are among the 20. Which images they are is part of the identity of a training.
 * @throws UserError where there are not as many
 */
export function take(data: SegmentationDataset, { train, val, ...options }: TakeOptions): SegmentationDataset {
  const part = (name: 'train' | 'val', size: number | undefined) => {
    const split = data.splits[name];
    if (size === undefined) return split;
    if (!Number.isInteger(size) || size < 1 || size > split.count)
      throw new UserError(`${name} is ${size}, but ${data.name} has ${split.count} such images: give a whole number from 1 to ${split.count}.`); // prettier-ignore
    return subsetOf(split, nestedSubset(split.count, size, options));
  };
  return {
    ...data,
    whole: data.whole ?? data,
    splits: { ...data.splits, train: part('train', train), val: part('val', val) },
    close: () => undefined, // the files are the whole's
  };
}
