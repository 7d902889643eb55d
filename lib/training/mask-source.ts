/** What a segmentation network is given: images, or the maps of the frozen encoder that stands before it. */
import type { ImageFunction } from '../data/image-changes';
import type { AugmentationOptions } from '../data/joint-augmentation';
import type { SegmentationDataset } from '../data/segmentation-dataset';
import { frozenParameters } from '../models/encoders';
import type { Network } from '../models/network';
import { disposeParameters, readParameters } from '../models/parameters';
import { createScope } from '../models/scope';
import { tf } from '../tf';
import { openEncoderMaps, type EncoderMaps, type MapRequest, type MapVariants } from './encoder-maps';
import { imageSource, mapSource, type SegmentationSource } from './segmentation-source';

export interface Augmented {
  /** Of training images; none by default. */
  readonly augmentation?: AugmentationOptions;
  readonly changes?: readonly ImageFunction[];
  /** Of the augmentation. */
  readonly seed?: number;
}

export interface MaskSource {
  source(options?: Augmented): SegmentationSource;
  /** Undefined where there is no frozen encoder, or its maps are not kept. */
  readonly maps: EncoderMaps | undefined;
  close(): void;
}

export interface MaskSourceOptions extends Pick<MapRequest, 'signal' | 'onProgress' | 'featureCache'> {
  /** Of the splits that will be read; with flips where images are flipped. */
  readonly variants: MapVariants;
  /** Opens those that several trainings share; the caller closes them. */
  readonly maps?: () => Promise<EncoderMaps>;
}

/** Opens what a network is given of some data; `close` frees what was opened for it. */
export async function openMaskSource(
  network: Pick<Network, 'frozen' | 'normalization'>,
  dataset: SegmentationDataset,
  { maps: given, ...options }: MaskSourceOptions,
): Promise<MaskSource> {
  const { frozen, normalization } = network;
  const common = { dataset, splits: dataset.splits };
  const images = ({ augmentation = {}, changes, seed = 0 }: Augmented = {}) =>
    imageSource({ ...common, augmentation, changes, seed, normalization });
  if (frozen === undefined) return { source: images, maps: undefined, close: () => undefined };
  const { encoder, cache } = frozen;
  if (!cache) {
    const parameters = frozenParameters(encoder);
    const encode = (batch: { readonly images: Parameters<typeof encoder.encode>[0] }) =>
      tf.tidy(() => encoder.encode(batch.images, createScope(readParameters(parameters))));
    return {
      source: (augmented) => encodedSource(images(augmented), encode),
      maps: undefined,
      close: () => disposeParameters(parameters),
    };
  }
  const maps = await (given?.() ?? openEncoderMaps({ ...options, encoder, dataset, splits: dataset.splits }));
  return {
    source: ({ augmentation = {}, changes, seed = 0 } = {}) =>
      mapSource({ ...common, augmentation, changes, seed, maps }),
    maps,
    close: () => {
      if (given === undefined) maps.close();
    },
  };
}

type Batch = ReturnType<SegmentationSource['batches']> extends Iterable<infer B> ? B : never;

/** The same source with the encoder run on every batch. */
function encodedSource(source: SegmentationSource, encode: (batch: Batch) => Batch['images']): SegmentationSource {
  return {
    ...source,
    *batches(split, options) {
      for (const batch of source.batches(split, options)) {
        const maps = encode(batch);
        batch.images.dispose();
        yield { ...batch, images: maps, dispose: () => tf.dispose([maps, batch.masks]) };
      }
    },
  };
}
