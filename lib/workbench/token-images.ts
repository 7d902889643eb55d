/** Pictures of what a vision transformer makes of each patch. */
import type { Dataset } from '../data/dataset';
import { imageGrid, type GridImage } from '../display/image-grid';
import { componentPixels, heatPixels } from '../display/map-images';
import type { Displayable } from '../display/mime';
import type { ImageTransform } from '../models/network';
import type { OpenedBackbone } from '../models/open-backbone';
import type { PublishedValues } from '../models/parameters';
import { tokenMaps } from '../training/token-maps';
import { inputPixels, pickImages } from './input-images';

export interface TokenImagesOptions {
  /** What brings images to the backbone's size; see `input`. */
  readonly input: ImageTransform;
  readonly caption?: string;
  /** 6 by default. */
  readonly count?: number;
  readonly seed?: number;
  /** Of a training, in place of the backbone's own: `run.best?.read()`. */
  readonly values?: PublishedValues;
}

/**
 * Three rows of a vision transformer: test images, where the class token looks, and the patch tokens' first three
 * components as red, green and blue.
 */
export async function tokenImages(
  backbone: OpenedBackbone,
  dataset: Dataset,
  { input, caption = `What ${backbone.title} makes of each patch`, count = 6, seed, values }: TokenImagesOptions,
): Promise<Displayable> {
  const indices = pickImages(dataset, { split: 'test', count, seed });
  const pixels = await inputPixels(dataset, 'test', indices, input);
  const maps = await tokenMaps(backbone, input, pixels, { channels: dataset.channels, values });
  const { rows, columns, attention, explained } = maps;
  const patches = rows * columns;
  const colors = componentPixels(maps.components);
  const bytes = input.height * input.width * dataset.channels;
  const map = (part: Uint8Array): Pick<GridImage, 'pixels' | 'height' | 'width' | 'channels'> => {
    return { pixels: part, height: rows, width: columns, channels: 3 };
  };
  // Some names end in a list of what belongs to the class.
  const labels = [...indices].map((index) =>
    dataset.classNames[dataset.splits.test.labels[index]].replace(/\s*\(.*$/, ''),
  );
  const images = labels.map((title, at): GridImage => {
    const own = pixels.subarray(at * bytes, (at + 1) * bytes);
    const size = { height: input.height, width: input.width, channels: dataset.channels };
    return { pixels: own, ...size, title, alt: `test image ${indices[at]}: ${title}` };
  });
  const looks = labels.map((title, at): GridImage => {
    const own = attention.subarray(at * patches, (at + 1) * patches);
    const place = largestAt(own);
    const where = `row ${Math.floor(place / columns) + 1}, column ${(place % columns) + 1} of ${rows}×${columns} patches`;
    const alt = `attention of the class token on test image ${indices[at]}, ${title}: most at ${where}`;
    return { ...map(heatPixels(own)), title: 'attention', alt };
  });
  const components = labels.map((title, at): GridImage => {
    const alt = `principal components of the patch tokens of test image ${indices[at]}, ${title}, as colours`;
    return { ...map(colors.subarray(at * patches * 3, (at + 1) * patches * 3)), title: 'components', alt };
  });
  const share = Math.round(100 * explained.reduce((total, value) => total + value, 0));
  return imageGrid({
    images: [...images, ...looks, ...components],
    columns: count,
    aligned: true,
    caption: `${caption}. The three components hold ${share} % of the patch tokens’ variance.`,
    note: dataset.synthetic ? 'Images made by this project, not photographs.' : undefined,
  });
}

function largestAt(values: Float32Array): number {
  return values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
}
