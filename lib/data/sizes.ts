/** The same images at several source sizes. */
import { createHash } from 'node:crypto';
import { splitNames, type Dataset, type Split } from './dataset';
import { openLabelled, syntheticBlood } from './open';
import { datasetNames } from './registry';
import { automaticSizes, imageSizes } from './registry-types';
import { transformBatch, type ImageTransform } from './transform';
import { UserError } from '../errors';

export interface SizedData {
  readonly sizes: readonly number[];
  readonly bySize: ReadonlyMap<number, Dataset>;
  /** What stands for all of them in results. */
  readonly all: Pick<Dataset, 'name' | 'sha256' | 'splits'>;
  close(): void;
}

/** `28,64` → 28, 64. @throws UserError where a size is not published of a dataset of the registry */
export function parseSizes(sizes: string, dataset: string): number[] {
  const parsed = [...new Set(sizes.split(',').map(Number))].sort((a, b) => a - b);
  if (!datasetNames().includes(dataset)) return parsed;
  const wrong = parsed.find((size) => !(imageSizes as readonly number[]).includes(size));
  if (wrong === undefined) return parsed;
  throw new UserError(`${dataset} is published at ${imageSizes.join(', ')} pixels, not ${wrong}: change sizes.`);
}

export interface SizesRequest {
  readonly profile: string;
  readonly dataset: string;
  /** `28,64`, one number, or `auto`; of a file, as many of these as it can be reduced to. */
  readonly sizes: string | number;
  readonly syntheticImages: number;
  /** Of files: finds whose an image is in its name; empty for none. */
  readonly groupBy?: string;
}

/**
 * What is asked for: `auto` is all sizes in the paper profile, in the tour 28 and 64 pixels; 28 and 48 of drawn images, which come in any size.
 * @throws UserError as `parseSizes`
 */
export function askedSizes({
  profile,
  dataset,
  sizes,
}: Pick<SizesRequest, 'profile' | 'dataset' | 'sizes'>): readonly number[] {
  if (sizes !== automaticSizes) return parseSizes(String(sizes), dataset);
  if (profile !== 'tour') return imageSizes;
  return dataset === syntheticBlood ? [28, 48] : [28, 64];
}

/**
 * Opens a dataset at each size: as published for a name of the registry, drawn for synthetic-blood, and reduced from what is there for a
 * file (bicubic with antialiasing, as MedMNIST's small images were made of larger ones).
 * @throws UserError for a file whose images are smaller than a size
 */
export async function openSizes(request: SizesRequest): Promise<SizedData> {
  const { dataset, ...given } = request;
  const asked = askedSizes(request);
  const open = (size: number): Promise<Dataset> =>
    openLabelled(dataset, { syntheticImages: given.syntheticImages, groupBy: given.groupBy, size });
  const comesInSizes = dataset === syntheticBlood || datasetNames().includes(dataset);
  const file = comesInSizes ? undefined : await open(asked[0]);
  const wanted = request.sizes === automaticSizes ? sizesOf(file, asked) : asked;
  const bySize = new Map<number, Dataset>();
  const close = (): void => [...bySize.values(), ...(file ? [file] : [])].forEach((one) => one.close());
  try {
    for (const size of wanted) bySize.set(size, file ? reducedDataset(file, size) : await open(size));
    checkSameLabels([...bySize.values()]);
  } catch (error) {
    close();
    throw error;
  }
  const opened = [...bySize.values()];
  const hash = createHash('sha256').update(JSON.stringify(opened.map(({ sha256 }) => sha256)));
  const { name, splits } = opened[0];
  return { sizes: wanted, bySize, all: { name, splits, sha256: hash.digest('hex') }, close };
}

function sizesOf(file: Dataset | undefined, automatic: readonly number[]): readonly number[] {
  if (file === undefined) return automatic;
  const most = Math.min(file.height, file.width);
  const possible = automatic.filter((size) => size <= most);
  return possible.length > 0 ? possible : [most];
}

/** Sizes are comparable only where they are of the same images in the same order. */
function checkSameLabels([first, ...others]: readonly Dataset[]): void {
  for (const other of others) {
    const differs = splitNames.find((split) => {
      const [labels, expected] = [other.splits[split].labels, first.splits[split].labels];
      return labels.length !== expected.length || labels.some((label, index) => label !== expected[index]);
    });
    if (differs !== undefined)
      throw new UserError(
        `${first.title} and ${other.title} have other labels in ${differs}: they are not the same images.`,
      );
  }
}

/** A dataset whose images are made smaller as they are read; the dataset itself where they have the size. */
export function reducedDataset(dataset: Dataset, size: number): Dataset {
  const { height, width, channels } = dataset;
  if (height === size && width === size) return dataset;
  if (height < size || width < size) {
    throw new UserError(
      `${dataset.title} has ${height}×${width} pixels, which cannot be ${size}: a larger source has to be measured, not made. Change sizes.`,
    );
  }
  const transform: ImageTransform = {
    height: size,
    width: size,
    interpolation: 'bicubic',
    cropFraction: 1,
    normalization: { mean: [0, 0, 0], std: [1, 1, 1] },
  };
  const reduced = (split: Split): Split => ({
    ...split,
    readImages(indices, target) {
      const pixels = new Uint8Array(indices.length * height * width * channels);
      split.readImages(indices, pixels);
      target.set(transformBatch(pixels, [indices.length, height, width, channels], transform));
    },
  });
  const { train, val, test } = dataset.splits;
  return {
    ...dataset,
    title: `${dataset.title}, reduced to ${size}×${size}`,
    height: size,
    width: size,
    splits: { train: reduced(train), val: reduced(val), test: reduced(test) },
    sha256: createHash('sha256').update(`${dataset.sha256} bicubic ${size}`).digest('hex'),
  };
}
