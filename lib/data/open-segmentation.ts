import { statSync } from 'node:fs';
import { suggestion, UserError } from '../errors';
import { cacheDirectory as defaultCache, findPath, lookUpPath } from '../paths';
import { openIsicFolder, type IsicFolderOptions } from './isic-folder';
import type { SegmentationDataset } from './segmentation-dataset';
import { syntheticLesionCounts } from './synthetic-lesions';
import { openSyntheticLesions, syntheticLesions } from './synthetic-lesions-dataset';

export interface OpenSegmentationOptions extends IsicFolderOptions {
  /** Training images that `synthetic-lesions` draws, 2000 by default; validation and test get their share of ISIC 2017's proportions. */
  readonly syntheticImages?: number;
}

/**
 * Opens images with masks: `synthetic-lesions`, or the path of a folder (`isic-layout.ts`). The first time, images are
 * decoded or drawn; then they are read from the cache.
 * @throws UserError for a name or folder that is none, and in one line where something in the folder is broken
 */
export async function openSegmentationDataset(
  name: string,
  options: OpenSegmentationOptions,
): Promise<SegmentationDataset> {
  const { size, cacheDirectory = defaultCache, syntheticImages = syntheticLesionCounts.train } = options;
  const { onProgress, signal } = options;
  if (name === syntheticLesions && options.groupBy)
    throw new UserError(
      `groupBy is ${options.groupBy}, but ${name} has no files of several images of one: give a folder.`,
    );
  if (name === syntheticLesions)
    return openSyntheticLesions({ size, syntheticImages, cacheDirectory, onProgress, signal });
  if (!Number.isInteger(size) || size < 1 || size > 4096)
    throw new UserError(`size is ${size}; allowed are whole numbers of pixels from 1 to 4096.`);
  if (!/^~|\//.test(name) && lookUpPath(name).path === undefined) {
    throw new UserError(
      `There is no dataset "${name}"${suggestion(name, [syntheticLesions]) || ':'} Known is ${syntheticLesions}, or give the path of a folder with images and masks.`,
    );
  }
  const path = findPath(name);
  if (!statSync(path).isDirectory()) {
    throw new UserError(
      `${name} is a file; images with masks come as a folder with images/ID.jpg and masks/ID_segmentation.png.`,
    );
  }
  return openIsicFolder(path, options);
}
