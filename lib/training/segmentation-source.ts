/** What a segmentation network is trained on: images with their masks, or a frozen encoder's feature maps in their place. */
import type { Normalization } from '../data/normalization';
import type { SplitName } from '../data/dataset';
import type { ImageFunction } from '../data/image-changes';
import { augment, drawAugmentation, type AugmentationOptions } from '../data/joint-augmentation';
import { segmentationBatches, type SegmentationBatch } from '../data/segmentation-batches';
import type { SegmentationDataset, SegmentationSplit } from '../data/segmentation-dataset';
import { UserError } from '../errors';
import { floatFromBytes } from '../tensor/native';
import type { PlaneSize } from '../tensor/resample';
import { tf, type Tensor4D } from '../tf';
import { mapsOf, type EncoderMaps } from './encoder-maps';
import { flipVariant } from './feature-map-cache';

export type SegmentationSplits = Readonly<Record<SplitName, SegmentationSplit>>;

export interface PassOptions {
  readonly batchSize: number;
  /** All in the split's order by default. */
  readonly order?: ArrayLike<number>;
  /** Draws the augmentation of a training epoch; without it there is none. */
  readonly epoch?: number;
}

export interface SegmentationSource {
  readonly splits: SegmentationSplits;
  /** Of masks, and of images where there are any, in pixels. */
  readonly size: PlaneSize;
  /** The batches of one pass; `images` are what the network takes. The caller disposes each. */
  batches(split: SplitName, options: PassOptions): Iterable<SegmentationBatch>;
}

export interface SourceOptions {
  readonly dataset: Pick<SegmentationDataset, 'height' | 'width'>;
  /** Such as a dataset's, or parts of them. */
  readonly splits: SegmentationSplits;
  /** Of training images. */
  readonly augmentation: AugmentationOptions;
  /** What each training image goes through after its pixels were moved. */
  readonly changes?: readonly ImageFunction[];
  /** Of the augmentation. */
  readonly seed: number;
}

/** Images as they are read, N×H×W×3. */
export function imageSource({
  dataset,
  splits,
  augmentation,
  changes,
  seed,
  normalization,
}: SourceOptions & { readonly normalization: Normalization }): SegmentationSource {
  return {
    splits,
    size: { height: dataset.height, width: dataset.width },
    batches: (split, { epoch, ...options }) =>
      segmentationBatches(dataset, splits[split], {
        ...options,
        normalization,
        augmentation: epoch === undefined ? undefined : { ...augmentation, changes, seed, epoch },
      }),
  };
}

/**
 * Feature maps of a frozen encoder in place of the images, N×rows×columns×channels. An image that is flipped has a map of its own, which
 * is not the flipped map; with flips alone there are four an image. The same seed and epoch flip the same images as `imageSource` does.
 * @param maps of each split, with the flips in training
 */
export function mapSource({
  dataset: { height, width },
  splits,
  augmentation,
  changes = [],
  seed,
  maps,
}: SourceOptions & { readonly maps: EncoderMaps }): SegmentationSource {
  const { horizontalFlip, verticalFlip, ...others } = augmentation;
  if (changes.length > 0 || Object.values(others).some((option) => option !== undefined && option !== false))
    throw new UserError(
      'Maps of a frozen encoder are kept of flipped images only: leave other augmentations out, or give nb.frozen(encoder, decoder, { cache: false }).',
    );

  function* batches(name: SplitName, { batchSize, order, epoch }: PassOptions): Generator<SegmentationBatch> {
    const split = splits[name];
    const total = order?.length ?? split.count;
    const area = height * width;
    for (let start = 0; start < total; start += batchSize) {
      const count = Math.min(batchSize, total - start);
      const indices = Int32Array.from({ length: count }, (_, offset) =>
        order ? order[start + offset] : start + offset,
      );
      const ids = Array.from(indices, (index) => split.ids[index]);
      const masks = new Uint8Array(count * area);
      split.readMasks(indices, masks);
      const variants = ids.map((id, at) => {
        if (epoch === undefined) return 0;
        const drawn = drawAugmentation({ horizontalFlip, verticalFlip }, { height, width }, { seed, epoch, id });
        const mask = masks.subarray(at * area, (at + 1) * area);
        augment(mask.slice(), mask, { height, width, channels: 1 }, { height, width }, drawn);
        return flipVariant(drawn);
      });
      const images = mapsOf(maps, name).gather(ids, variants);
      const maskTensor = floatFromBytes(masks, [count, height, width, 1]) as Tensor4D;
      yield { images, masks: maskTensor, count, ids, dispose: () => tf.dispose([images, maskTensor]) };
    }
  }
  return { splits, size: { height, width }, batches };
}
