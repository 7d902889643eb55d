/** What a notebook shows of a dataset: rows and images for the display library. */
import { imagesOfClasses, labelOf, splitNames, type Dataset, type SplitName } from '../data/dataset';
import { datasetNames, findDataset } from '../data/registry';
import { imageGrid } from '../display/image-grid';
import { createRandom } from '../random';

/** One row a fact: what the dataset is, how large, under which licence, and what to know before using it. */
export function describeDataset(dataset: Dataset): { fact: string; value: string }[] {
  const record = datasetNames().includes(dataset.name) ? findDataset(dataset.name) : undefined;
  const { train, val, test } = dataset.splits;
  return [
    { fact: 'dataset', value: dataset.title },
    { fact: 'images', value: `${train.count} train, ${val.count} validation, ${test.count} test` },
    { fact: 'size', value: `${dataset.height} × ${dataset.width} pixels, ${dataset.channels === 1 ? 'grey' : 'RGB'}` },
    { fact: 'task', value: `${dataset.task}, ${dataset.classNames.length} classes` },
    { fact: 'source', value: dataset.synthetic ? 'made by this project: no patient, no microscope' : dataset.citation },
    { fact: 'licence', value: dataset.license },
    { fact: 'SHA-256', value: dataset.sha256 },
    ...[...(record?.notes ?? []), ...(dataset.notes ?? [])].map((note) => ({ fact: 'note', value: note })),
  ];
}

/** Images of each class in each split, for `classBalance`. Multi-label data count an image under each of its labels. */
export function classCounts(dataset: Dataset) {
  const counts = Object.fromEntries(
    splitNames.map((name) => [name, imagesOfClasses(dataset.splits[name], dataset.classNames.length)]),
  ) as Record<SplitName, number[]>;
  return { classNames: dataset.classNames, counts };
}

export interface SampleOptions {
  readonly split?: SplitName;
  readonly count?: number;
  readonly seed?: number;
}

/** A grid of random images of a split with their class names, marked as made by this project where they are. */
export function sampleImages(dataset: Dataset, { split = 'train', count = 16, seed = 42 }: SampleOptions = {}) {
  const { height, width, channels, synthetic } = dataset;
  const source = dataset.splits[split];
  const indices = createRandom(seed, 'samples', split).permutation(source.count).slice(0, count);
  const pixels = new Uint8Array(indices.length * height * width * channels);
  source.readImages(indices, pixels);
  const bytes = height * width * channels;
  return imageGrid({
    caption: `Random ${split === 'train' ? 'training' : split} images of ${dataset.title}`,
    note: synthetic ? 'Images made by this project, not photographs.' : undefined,
    images: [...indices].map((index, position) => {
      const title = labelOf(dataset, source, index);
      return {
        pixels: pixels.subarray(position * bytes, (position + 1) * bytes),
        height,
        width,
        channels,
        title,
        alt: `${split} image ${index}: ${title}`,
      };
    }),
  });
}
