import { floatFromBytes } from '../tensor/native';
import { tf, type Tensor4D } from '../tf';
import { normalizedImages } from './batches';
import { applyChanges, type ImageFunction } from './image-changes';
import {
  augment,
  augmentedSize,
  checkAugmentation,
  drawAugmentation,
  type AugmentationOptions,
} from './joint-augmentation';
import { unitNormalization, type Normalization } from './normalization';
import type { SegmentationDataset, SegmentationSplit } from './segmentation-dataset';

/** A batch on the device. */
export interface SegmentationBatch {
  /** N×H×W×3, normalised. */
  readonly images: Tensor4D;
  /** N×H×W×1, float: 1 in the lesion, 0 outside. */
  readonly masks: Tensor4D;
  readonly count: number;
  readonly ids: readonly string[];
  dispose(): void;
}

export interface SegmentationBatchOptions {
  readonly batchSize: number;
  /** Values in [0, 1] by default. */
  readonly normalization?: Normalization;
  /** Which images, in which order; all in the split's order by default. */
  readonly order?: ArrayLike<number>;
  /** Moves the pixels of each image and its mask; none by default. What is drawn depends on seed, epoch and the image's id alone. */
  readonly augmentation?: AugmentationOptions & {
    readonly seed: number;
    readonly epoch: number;
    /** What each image goes through afterwards. */
    readonly changes?: readonly ImageFunction[];
  };
}

/**
 * The batches of one pass over a split, the last one as large as what is left. The caller disposes each.
 * @throws UserError for an augmentation that images of this size do not allow
 */
export function* segmentationBatches(
  dataset: Pick<SegmentationDataset, 'height' | 'width'>,
  split: SegmentationSplit,
  options: SegmentationBatchOptions,
): Generator<SegmentationBatch> {
  const { batchSize, normalization = unitNormalization, order, augmentation } = options;
  if (augmentation !== undefined) checkAugmentation(augmentation, dataset);
  const { height, width } = augmentedSize(augmentation ?? {}, dataset);
  const total = order?.length ?? split.count;
  for (let start = 0; start < total; start += batchSize) {
    const count = Math.min(batchSize, total - start);
    const indices = Int32Array.from({ length: count }, (_, offset) => (order ? order[start + offset] : start + offset));
    const { images, masks } = readPairs(dataset, split, indices, augmentation);
    const imageTensor = normalizedImages(images, [count, height, width, 3], normalization);
    const maskTensor = floatFromBytes(masks, [count, height, width, 1]) as Tensor4D;
    yield {
      images: imageTensor,
      masks: maskTensor,
      count,
      ids: Array.from(indices, (index) => split.ids[index]),
      dispose: () => tf.dispose([imageTensor, maskTensor]),
    };
  }
}

/** Images and masks one after the other, as bytes. */
function readPairs(
  { height, width }: Pick<SegmentationDataset, 'height' | 'width'>,
  split: SegmentationSplit,
  indices: Int32Array,
  augmentation: SegmentationBatchOptions['augmentation'],
): { images: Uint8Array; masks: Uint8Array } {
  const area = height * width;
  const images = new Uint8Array(indices.length * area * 3);
  const masks = new Uint8Array(indices.length * area);
  split.readImages(indices, images);
  split.readMasks(indices, masks);
  if (augmentation === undefined) return { images, masks };
  const size = augmentedSize(augmentation, { height, width });
  const newArea = size.height * size.width;
  const moved = {
    images: new Uint8Array(indices.length * newArea * 3),
    masks: new Uint8Array(indices.length * newArea),
  };
  const { seed, epoch, changes = [] } = augmentation;
  indices.forEach((index, at) => {
    const drawn = drawAugmentation(augmentation, { height, width }, { seed, epoch, id: split.ids[index] });
    const part = (bytes: Uint8Array, length: number): Uint8Array => bytes.subarray(at * length, (at + 1) * length);
    augment(part(images, 3 * area), part(moved.images, 3 * newArea), { height, width, channels: 3 }, size, drawn);
    augment(part(masks, area), part(moved.masks, newArea), { height, width, channels: 1 }, size, drawn);
    const [image, mask] = [part(moved.images, 3 * newArea), part(moved.masks, newArea)];
    applyChanges(
      changes,
      { seed, epoch, id: split.ids[index] },
      { data: image, ...size, channels: 3 },
      { data: mask, ...size, channels: 1 },
    );
  });
  return moved;
}
