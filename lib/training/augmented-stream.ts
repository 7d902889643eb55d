/** Training images of a classifier as a recipe's augmentations leave them, each epoch another way. */
import type { ImageBatch } from '../data/batches';
import type { Dataset } from '../data/dataset';
import { applyChanges } from '../data/image-changes';
import { augment, augmentedSize, checkAugmentation, drawAugmentation } from '../data/joint-augmentation';
import { UserError } from '../errors';
import type { ImagesShape, Network } from '../models/network';
import { createRandom } from '../random';
import { resizedCropInput } from './augmented-input';
import { sortAugmentations, type Augmentation, type SortedAugmentations } from './augmentations';
import { imageStream, type IndexedTransform } from './image-stream';

export interface TrainingStream {
  /** Of the images, in pixels. */
  readonly size: Readonly<Record<'height' | 'width', number>>;
  /** The batches of an epoch, counted from 0. */
  batches(epoch: number): Iterable<ImageBatch> | AsyncIterable<ImageBatch>;
}

export interface StreamSettings {
  readonly augment?: readonly Augmentation[];
  readonly batchSize: number;
  readonly seed: number;
}

/**
 * The training images of all epochs, each epoch in an order of its own.
 * @throws UserError for augmentations that images of this size or task do not allow
 */
export function trainingStream(
  network: Pick<Network, 'normalization' | 'transform'>,
  dataset: Dataset,
  { augment: parts = [], batchSize, seed }: StreamSettings,
): TrainingStream {
  const { train } = dataset.splits;
  const sorted = sortAugmentations(parts);
  if (sorted.moves !== undefined) checkAugmentation(sorted.moves, dataset);
  if (sorted.mixes.length > 0 && dataset.task === 'multi-label')
    throw new UserError(
      `${dataset.title} has several labels an image, but mixup and cutmix are for one: leave them out.`,
    );
  if (sorted.mixes.length > 0 && train.weights !== undefined)
    throw new UserError(
      `${dataset.title} has weights of images, but mixup and cutmix are for images that count alike: leave them out.`,
    );
  const { normalization, transform } = network;
  const size = transform ?? augmentedSize(sorted.moves ?? {}, dataset);
  const cropped =
    sorted.resizedCrop &&
    resizedCropInput({ ...sorted.resizedCrop, size: { height: size.height, width: size.width }, normalization, seed });
  const transformOf = (epoch: number): IndexedTransform | undefined => {
    const input = cropped?.ofEpoch(epoch) ?? transform;
    return sorted.moves === undefined && sorted.changes.length === 0
      ? input
      : augmentedTransform(sorted, { ...size, normalization, seed, epoch, input });
  };
  return {
    size,
    batches(epoch) {
      const order = createRandom(seed, 'shuffle', epoch).permutation(train.count);
      const batches = imageStream(dataset, train, { batchSize, normalization, transform: transformOf(epoch), order });
      return sorted.erases.length + sorted.mixes.length === 0
        ? batches
        : changedBatches(batches, sorted, { classes: dataset.classNames.length, order, seed, epoch });
    },
  };
}

interface Pass extends Pick<IndexedTransform, 'height' | 'width' | 'normalization'> {
  readonly seed: number;
  readonly epoch: number;
  /** What comes afterwards. */
  readonly input?: IndexedTransform;
}

/** Moves pixels, changes them, and then has the images brought to the network's size. */
function augmentedTransform({ moves = {}, changes }: SortedAugmentations, pass: Pass): IndexedTransform {
  const { height, width, normalization, seed, epoch, input } = pass;
  return {
    key: `augmented, seed ${seed}, epoch ${epoch}`,
    height,
    width,
    normalization,
    apply(bytes, [count, rows, columns, channels], indices) {
      const moved = augmentedSize(moves, { height: rows, width: columns });
      const [before, after] = [rows * columns * channels, moved.height * moved.width * channels];
      const result = new Uint8Array(count * after);
      indices.forEach((index, at) => {
        const target = result.subarray(at * after, (at + 1) * after);
        const from = { height: rows, width: columns, channels };
        const drawn = drawAugmentation(moves, from, { seed, epoch, id: String(index) });
        augment(bytes.subarray(at * before, (at + 1) * before), target, from, moved, drawn);
        applyChanges(changes, { seed, epoch, id: String(index) }, { data: target, ...moved, channels });
      });
      const shape: ImagesShape = [count, moved.height, moved.width, channels];
      return input === undefined ? result : input.apply(result, shape, indices);
    },
  };
}

interface Epoch {
  readonly classes: number;
  /** Of the images. */
  readonly order: Int32Array;
  readonly seed: number;
  readonly epoch: number;
}

async function* changedBatches(
  batches: Iterable<ImageBatch> | AsyncIterable<ImageBatch>,
  { erases, mixes }: SortedAugmentations,
  { classes, order, seed, epoch }: Epoch,
): AsyncGenerator<ImageBatch> {
  let [step, first] = [0, 0];
  for await (const given of batches) {
    const start = first;
    first += given.count;
    const batch = erases.reduce(
      (one, erase, index) => erase(one, (at) => createRandom(seed, 'erase', index, epoch, order[start + at])),
      given,
    );
    const random = createRandom(seed, 'mix', epoch, step++);
    // One of them a batch, each as often as the others, as timm's Mixup switches between the two.
    yield mixes.length === 0 ? batch : mixes[random.integer(mixes.length)](batch, classes, random);
  }
}
