/** Folders of images as batches of one size. */
import { realpathSync, statSync, type Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, extname, join, sep } from 'node:path';
import { errorCode, printable, UserError } from '../errors';
import type { FileFacts } from './file-facts';
import type { PreparedImages } from './image-worker';
import { inOrder, type ImageWorkers } from './image-workers';
import { byCharacters } from './splits';
import type { PlaneSize } from '../tensor/resample';
import type { ImageTransform } from './transform';

/** In lower case; letters of either case are found. */
export const imageExtensions = [
  '.jpg',
  '.jpeg',
  '.jpe',
  '.jfif',
  '.png',
  '.bmp',
  '.webp',
  '.tif',
  '.tiff',
  '.gif',
  '.avif',
] as const;

/** A folder that can be read, and has none. */
export class NoImagesError extends UserError {}

/**
 * The images of a folder as paths relative to it, with slashes, in the order of their characters' numbers. Hidden files are left out.
 * @param options.recursive whether those in sub-folders belong to it
 * @param options.leftOut gets the names of the other files, the hidden ones among them
 * @throws UserError where it, or one below it, is no folder or cannot be read, and NoImagesError where it has no images
 */
export async function listImages(
  folder: string,
  { recursive = false, leftOut = [] }: { readonly recursive?: boolean; readonly leftOut?: string[] } = {},
): Promise<string[]> {
  const status = statSync(folder, { throwIfNoEntry: false });
  if (status === undefined) throw new UserError(`There is no folder ${folder}: check the path.`);
  if (!status.isDirectory()) throw new UserError(`${folder} is not a folder: give the folder that the images are in.`);
  const { files, folders } = await readFolder(folder, {
    prefix: '',
    recursive,
    leftOut,
    above: [realpathSync(folder)],
  });
  if (files.length === 0) {
    const below = folders.length > 0 && !recursive ? ` itself, but sub-folders (${folders[0]})` : '';
    const others = describeLeftOut(leftOut);
    throw new NoImagesError(
      `${folder} has no images (${imageExtensions.join(' ')})${below}${others === undefined ? '' : `; ${others}`}.`,
    );
  }
  return files.sort(byCharacters);
}

interface Reading {
  readonly prefix: string;
  readonly recursive: boolean;
  readonly leftOut: string[];
  /** The folder, and those that led to it, by their real paths: a link back to one, or to what is above it, would lead in a circle. */
  readonly above: readonly string[];
}

async function readFolder(folder: string, { prefix, recursive, leftOut, above }: Reading) {
  const { files: names, folders } = await readEntries(folder);
  const files: string[] = [];
  for (const name of names) (isImageName(name) ? files : leftOut).push(prefix + name);
  if (recursive) {
    for (const name of folders) {
      const path = join(folder, name);
      const real = realpathSync(path);
      if (above.some((earlier) => isIn(real, earlier))) continue;
      const inner = { prefix: `${prefix}${name}/`, recursive, leftOut, above: [...above, real] };
      files.push(...(await readFolder(path, inner)).files);
    }
  }
  return { files, folders };
}

function isIn(folder: string, path: string): boolean {
  return `${path}${sep}`.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}

/**
 * Names of files and of folders that are not hidden, links as what they lead to; a link that leads nowhere is a file, and one to a folder
 * above is neither.
 * @throws UserError where it cannot be read
 */
export async function readEntries(folder: string): Promise<{ files: string[]; folders: string[] }> {
  let all: Dirent[];
  try {
    all = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    const end = printable(folder.slice(-100));
    throw new UserError(`The folder ${end} cannot be read (${code}): allow it, or leave the folder out.`);
  }
  const entries = all.filter((entry) => !entry.isSymbolicLink() || !leadsAbove(join(folder, entry.name)));
  const isFolder = (entry: Dirent): boolean =>
    entry.isDirectory() || (entry.isSymbolicLink() && leadsToFolder(join(folder, entry.name)));
  const visible = (name: string): boolean => !name.startsWith('.') && name !== '__MACOSX' && name !== '@eaDir';
  return {
    files: entries.filter((entry) => !isFolder(entry)).map(({ name }) => name),
    folders: entries
      .filter((entry) => isFolder(entry) && visible(entry.name))
      .map(({ name }) => name)
      .sort(byCharacters),
  };
}

/** Whether a link leads to the folder that it is in, or to one above: what is in it would be found twice, or all of the disk. */
function leadsAbove(link: string): boolean {
  try {
    return isIn(realpathSync(link), realpathSync(dirname(link)));
  } catch {
    return false;
  }
}

/** A link may lead nowhere, to itself, or to what may not be read. */
export function leadsToFolder(link: string): boolean {
  try {
    return statSync(link).isDirectory();
  } catch {
    return false;
  }
}

/** What to do about files of other kinds. */
const advice: Readonly<Record<string, string>> = {
  '.dcm': 'DICOM: export as PNG',
  '.heic': 'convert to JPEG',
  '.heif': 'convert to JPEG',
  '.jp2': 'JPEG 2000: convert to PNG',
  '.nii': 'a volume: export slices as PNG',
  '.gz': 'unpack',
  '.zip': 'unpack',
};

/**
 * What was left out of a folder, counted by suffix: `11 files are no images and were left out: 10 .dcm, 1 .DS_Store`;
 * undefined for none.
 */
export function describeLeftOut(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const counts = new Map<string, number>();
  for (const name of names) {
    const hidden = basename(name).startsWith('.') && extname(name) !== '' ? 'hidden ' : '';
    const suffix = hidden + (extname(name).toLowerCase() || basename(name));
    counts.set(suffix, (counts.get(suffix) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, first], [, second]) => second - first);
  const shown = sorted
    .slice(0, 6)
    .map(([suffix, count]) => `${count} ${suffix}${advice[suffix] === undefined ? '' : ` (${advice[suffix]})`}`);
  const more = sorted.length > 6 ? ' and others' : '';
  const files = names.length === 1 ? '1 file is no image and was' : `${names.length} files are no images and were`;
  return `${files} left out: ${shown.join(', ')}${more}`;
}

/** Whether a name ends as an image's does, and is not hidden. */
export function isImageName(name: string): boolean {
  return !name.startsWith('.') && (imageExtensions as readonly string[]).includes(extname(name).toLowerCase());
}

/** A file's name without its ending. A letter with an accent is one character, as some systems write it and others do not. */
export function fileId(name: string): string {
  return name.slice(0, name.length - extname(name).length).normalize('NFC');
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
  /** Told what each file says of itself. */
  readonly onFile?: (path: string, facts: FileFacts) => void;
  readonly signal?: AbortSignal;
}

export interface FolderBatch {
  /** Count × height × width × 3, RGB. */
  readonly bytes: Uint8Array;
  readonly shape: readonly [count: number, height: number, width: number, channels: 3];
  /** The files that the images are of, and their own sizes. */
  readonly paths: readonly string[];
  readonly sizes: readonly PlaneSize[];
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
  { transform, batchSize, workers, ahead = 2, broken, onFile, signal }: FolderBatchOptions,
): AsyncGenerator<FolderBatch> {
  const imageBytes = transform.height * transform.width * 3;
  let images: ReadImage[] = [];
  const takeBatch = (): FolderBatch => {
    const bytes = new Uint8Array(images.length * imageBytes);
    images.forEach((image, index) => bytes.set(image.bytes, index * imageBytes));
    const batch = { bytes, paths: images.map(({ path }) => path), sizes: images.map(({ from }) => from ?? transform) };
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
    if (image.facts !== undefined) onFile?.(image.path, image.facts);
    images.push(image);
    if (images.length === batchSize) yield takeBatch();
  }
  if (images.length > 0) yield takeBatch();
}
