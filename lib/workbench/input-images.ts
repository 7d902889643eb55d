/** Images as networks get them. */
import type { Dataset, SplitName } from '../data/dataset';
import { imageGrid, type GridImage } from '../display/image-grid';
import type { Displayable } from '../display/mime';
import type { ImageTransform } from '../models/network';
import { createRandom } from '../random';

/** Images of a dataset as a network sees them. */
export interface ShownInput {
  readonly title: string;
  readonly data: Dataset;
  readonly input: ImageTransform;
}

export interface InputImagesOptions {
  readonly caption?: string;
  readonly split?: SplitName;
  /** 6 by default. */
  readonly count?: number;
  readonly seed?: number;
}

/** Random images of a split; the same for datasets that have the same images in several sizes. */
export function pickImages(dataset: Dataset, { split = 'train', count = 6, seed = 42 }: InputImagesOptions) {
  return createRandom(seed, 'samples', split).permutation(dataset.splits[split].count).slice(0, count);
}

/** One row of images for each input: the same images as the network gets them. */
export async function inputImages(
  shown: readonly ShownInput[],
  options: InputImagesOptions = {},
): Promise<Displayable> {
  const { caption = 'What the network sees of the same images', split = 'train', count = 6 } = options;
  const rows: GridImage[] = [];
  for (const { title, data, input } of shown) {
    const { height, width, key } = input;
    const indices = pickImages(data, options);
    const pixels = await inputPixels(data, split, indices, input);
    const bytes = height * width * data.channels;
    indices.forEach((index, position) => {
      const own = pixels.subarray(position * bytes, (position + 1) * bytes);
      const alt = `${split} image ${index}, ${title}: ${key}`;
      rows.push({ pixels: own, height, width, channels: data.channels, title, alt });
    });
  }
  const made = shown.some(({ data }) => data.synthetic);
  const note = made ? 'Images made by this project, not photographs.' : undefined;
  return imageGrid({ images: rows, columns: count, aligned: true, caption, note });
}

/** The images at `indices` as bytes at the input's size, one after the other. */
export async function inputPixels(
  { splits, height, width, channels }: Dataset,
  split: SplitName,
  indices: Int32Array,
  input: ImageTransform,
): Promise<Uint8Array> {
  const pixels = new Uint8Array(indices.length * height * width * channels);
  splits[split].readImages(indices, pixels);
  return input.apply(pixels, [indices.length, height, width, channels]);
}
