/** What a notebook shows of images with masks: rows and images for the display library. */
import type { SplitName } from '../data/dataset';
import type { Mask } from '../data/mask';
import type { SegmentationDataset, SegmentationSplit } from '../data/segmentation-dataset';
import { imageGrid, type GridImage, type ImageGridOptions } from '../display/image-grid';
import { maskOverlay, overlayLegend } from '../display/mask-overlay';
import type { Displayable } from '../display/mime';
import { createRandom } from '../random';

export const syntheticNote = 'Images made by this project, not photographs.';

/** A grid that says where its images come from. */
export function maskGrid(
  { synthetic }: Pick<SegmentationDataset, 'synthetic'>,
  options: Omit<ImageGridOptions, 'aligned' | 'note'>,
): Promise<Displayable> {
  return imageGrid({ ...options, aligned: true, note: synthetic ? syntheticNote : undefined });
}

/** One row a fact: what the dataset is, how large, how it was split, and under which licence. */
export function describeSegmentation(dataset: SegmentationDataset): { fact: string; value: string }[] {
  const { train, val, test } = dataset.splits;
  return [
    { fact: 'dataset', value: dataset.title },
    { fact: 'images', value: `${train.count} train, ${val.count} validation, ${test.count} test` },
    { fact: 'size', value: `read at ${dataset.height} × ${dataset.width} pixels, RGB; masks by nearest neighbour` },
    {
      fact: 'source',
      value: dataset.synthetic ? 'made by this project: no patient, no dermatoscope' : dataset.citation,
    },
    { fact: 'licence', value: dataset.license },
    { fact: 'SHA-256', value: dataset.sha256 },
    ...dataset.notes.map((note) => ({ fact: 'note', value: note })),
  ];
}

/** Image and mask of one image of a split. */
export function readPair(
  { height, width }: Pick<SegmentationDataset, 'height' | 'width'>,
  split: SegmentationSplit,
  index: number,
): { readonly pixels: Uint8Array; readonly truth: Mask } {
  const pixels = new Uint8Array(height * width * 3);
  const mask = new Uint8Array(height * width);
  split.readImages([index], pixels);
  split.readMasks([index], mask);
  return { pixels, truth: { height, width, pixels: mask } };
}

/** Random images of a split, and below each the outline and area of its mask. */
export async function sampleMasks(
  dataset: SegmentationDataset,
  { split: name = 'train', count = 6, seed = 42 }: { split?: SplitName; count?: number; seed?: number } = {},
): Promise<Displayable> {
  const split = dataset.splits[name];
  const { height, width } = dataset;
  const indices = [...createRandom(seed, 'samples', name).permutation(split.count).slice(0, count)];
  const empty: Mask = { height, width, pixels: new Uint8Array(height * width) };
  const pairs = indices.map((index) => ({ id: split.ids[index], ...readPair(dataset, split, index) }));
  const images = pairs.map(({ id, pixels }): GridImage => {
    return { pixels, height, width, channels: 3, title: id, alt: `${name} image ${id}` };
  });
  const masks = pairs.map(({ id, pixels, truth }): GridImage => {
    const area = truth.pixels.reduce((sum, value) => sum + value, 0) / truth.pixels.length;
    const title = `${(100 * area).toFixed(0)} % of the image`;
    return maskOverlay({ pixels, truth, prediction: empty, title, alt: `${name} image ${id} with its mask` });
  });
  return maskGrid(dataset, {
    images: [...images, ...masks],
    columns: indices.length,
    caption: `Random ${name === 'train' ? 'training' : name} images of ${dataset.title}, and below them their masks in blue`,
  });
}

/** One predicted mask beside the truth. */
export interface ShownPrediction {
  readonly title: string;
  readonly prediction: Mask;
}

/** One test image under several predictions. */
export function predictionPanel(
  dataset: SegmentationDataset,
  index: number,
  predictions: readonly ShownPrediction[],
  { caption, columns }: { readonly caption: string; readonly columns: number },
): Promise<Displayable> {
  const { test } = dataset.splits;
  const { pixels, truth } = readPair(dataset, test, index);
  return maskGrid(dataset, {
    images: predictions.map(({ title, prediction }) =>
      maskOverlay({
        pixels,
        truth,
        prediction,
        title,
        alt: `Test image ${test.ids[index]}, ${title.replace(/\n/g, ', ')}`,
      }),
    ),
    columns,
    size: 150,
    caption: `${caption} ${overlayLegend}`,
  });
}
