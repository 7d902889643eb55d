import type { Dataset, SplitName } from '../data/dataset';
import { imageGrid, type GridImage } from '../display/image-grid';
import type { Displayable } from '../display/mime';
import { createRandom } from '../random';
import type { InputTransform } from '../training/input-transforms';

/** Images as a network sees them. */
export interface ShownInput {
  readonly title: string;
  readonly dataset: Dataset;
  readonly input: InputTransform;
}

export interface InputImagesOptions {
  readonly caption: string;
  readonly split?: SplitName;
  readonly count?: number;
  readonly seed?: number;
}

/** Random images of a split; the same for datasets that have the same images in several sizes. */
export function pickImages(dataset: Dataset, { split = 'train', count = 6, seed = 42 }: Partial<InputImagesOptions>) {
  return createRandom(seed, 'samples', split).permutation(dataset.splits[split].count).slice(0, count);
}

/** One row of images for each input: the same images as the network gets them. */
export async function inputImages(shown: readonly ShownInput[], options: InputImagesOptions): Promise<Displayable> {
  const { caption, split = 'train', count = 6 } = options;
  const rows: GridImage[] = [];
  for (const { title, dataset, input } of shown) {
    const indices = pickImages(dataset, options);
    const pixels = await inputPixels(dataset, split, indices, input);
    const bytes = input.height * input.width * dataset.channels;
    indices.forEach((index, position) => {
      rows.push({
        pixels: pixels.subarray(position * bytes, (position + 1) * bytes),
        height: input.height,
        width: input.width,
        channels: dataset.channels,
        title,
        alt: `${split} image ${index}, ${title}: ${input.key}`,
      });
    });
    await input.close();
  }
  const made = shown.some(({ dataset }) => dataset.synthetic);
  const note = made ? 'Images made by this project, not photographs.' : undefined;
  return imageGrid({ images: rows, columns: count, caption, note });
}

/** The images at `indices` as bytes at the input's size, one after the other. */
export async function inputPixels(
  { splits, height, width, channels }: Dataset,
  split: SplitName,
  indices: Int32Array,
  input: InputTransform,
): Promise<Uint8Array> {
  const pixels = new Uint8Array(indices.length * height * width * channels);
  splits[split].readImages(indices, pixels);
  return input.apply(pixels, [indices.length, height, width, channels]);
}
