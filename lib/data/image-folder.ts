/** Folders of images as batches of one size. */
import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { UserError } from '../errors';
import type { PreparedImages } from './image-worker';
import { inOrder, type ImageWorkers } from './image-workers';
import type { ImageTransform } from './transform';

/** In lower case; letters of either case are found. */
export const imageExtensions = ['.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff'] as const;

/**
 * The images of a folder as paths relative to it, with slashes, in the order of their characters' numbers. Hidden files are left out.
 * @param options.recursive whether those in sub-folders belong to it
 * @param options.leftOut gets the names of the other files, the hidden ones among them
 * @throws UserError where it is no folder or has no images
 */
export async function listImages(
  folder: string,
  { recursive = false, leftOut }: { readonly recursive?: boolean; readonly leftOut?: string[] } = {},
): Promise<string[]> {
  const status = statSync(folder, { throwIfNoEntry: false });
  if (status === undefined) throw new UserError(`There is no folder ${folder}: check the path.`);
  if (!status.isDirectory()) throw new UserError(`${folder} is not a folder: give the folder that the images are in.`);
  const { files, folders } = await readFolder(folder, '', recursive, leftOut);
  if (files.length === 0) {
    const below = folders.length > 0 && !recursive ? ` itself, but sub-folders (${folders[0]})` : '';
    throw new UserError(`${folder} has no images (${imageExtensions.join(' ')})${below}.`);
  }
  return files.sort((a, b) => (a < b ? -1 : 1));
}

async function readFolder(folder: string, prefix: string, recursive: boolean, leftOut: string[] = []) {
  const entries = await readdir(folder, { withFileTypes: true });
  const visible = entries.filter(({ name }) => !name.startsWith('.'));
  const folders = visible.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const files: string[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const isImage = visible.includes(entry) && isImageName(entry.name);
    (isImage ? files : leftOut).push(prefix + entry.name);
  }
  if (recursive) {
    for (const name of folders)
      files.push(...(await readFolder(join(folder, name), `${prefix}${name}/`, true, leftOut)).files);
  }
  return { files, folders };
}

/** What was left out of a folder, counted by suffix: `11 files are no images and were left out: 10 .dcm, 1 .DS_Store`; undefined for none. */
export function describeLeftOut(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const counts = new Map<string, number>();
  for (const name of names) {
    const suffix = extname(name).toLowerCase() || basename(name);
    counts.set(suffix, (counts.get(suffix) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, first], [, second]) => second - first);
  const shown = sorted.slice(0, 6).map(([suffix, count]) => `${count} ${suffix}`);
  const more = sorted.length > 6 ? ' and others' : '';
  const files = names.length === 1 ? '1 file is no image and was' : `${names.length} files are no images and were`;
  return `${files} left out: ${shown.join(', ')}${more}`;
}

/** Whether a name ends as an image's does. */
export function isImageName(name: string): boolean {
  return (imageExtensions as readonly string[]).includes(extname(name).toLowerCase());
}

export interface BrokenImage {
  readonly path: string;
  readonly reason: string;
}

export interface FolderBatchOptions {
  readonly transform: ImageTransform;
  readonly batchSize: number;
  readonly workers: ImageWorkers;
  /** Batches that are prepared while one is being used; with it, they are all that is in memory. 2 by default. */
  readonly ahead?: number;
  /** Where images that cannot be read are listed, and then left out; without it, the first of them ends it with its UserError. */
  readonly broken?: BrokenImage[];
  /** Told of each 16-bit image with values above 255, which were cut to 255. */
  readonly onCut?: (path: string, pixels: number) => void;
  readonly signal?: AbortSignal;
}

export interface FolderBatch {
  /** Count × height × width × 3, RGB. */
  readonly bytes: Uint8Array;
  readonly shape: readonly [count: number, height: number, width: number, channels: 3];
  /** The files that the images are of. */
  readonly paths: readonly string[];
}

interface ReadImage extends PreparedImages {
  readonly path: string;
}

/**
 * Image files as batches, in the order of the paths and as full as possible, the last with what is left. Decoding and resizing happen in
 * threads; there are never more than `ahead` + 1 batches of prepared images, and one decoded image a thread.
 * @throws UserError that names a file which cannot be read, unless `broken` collects them
 */
export async function* folderBatches(
  paths: readonly string[],
  { transform, batchSize, workers, ahead = 2, broken, onCut, signal }: FolderBatchOptions,
): AsyncGenerator<FolderBatch> {
  const imageBytes = transform.height * transform.width * 3;
  let images: ReadImage[] = [];
  const takeBatch = (): FolderBatch => {
    const bytes = new Uint8Array(images.length * imageBytes);
    images.forEach((image, index) => bytes.set(image.bytes, index * imageBytes));
    const batch = { bytes, paths: images.map(({ path }) => path) };
    images = [];
    return { ...batch, shape: [batch.paths.length, transform.height, transform.width, 3] };
  };
  const prepare = async (path: string): Promise<ReadImage | BrokenImage> => {
    try {
      return { path, ...(await workers.run({ path, transform })) };
    } catch (error) {
      if (!(error instanceof UserError) || broken === undefined) throw error;
      return { path, reason: error.message };
    }
  };
  for await (const image of inOrder(paths, prepare, ahead * batchSize)) {
    signal?.throwIfAborted();
    if ('reason' in image) {
      broken?.push(image);
      continue;
    }
    if (image.cutPixels > 0) onCut?.(image.path, image.cutPixels);
    images.push(image);
    if (images.length === batchSize) yield takeBatch();
  }
  if (images.length > 0) yield takeBatch();
}
