/** Folders of classes: `cats/*.jpg`, or `train/cats/*.jpg` with `val` and `test` beside it. */
import { basename, join } from 'node:path';
import { UserError } from '../errors';
import type { SplitName } from './dataset';
import { counted, some } from './file-facts';
import { imageExtensions, isImageName, listImages, NoImagesError, readEntries } from './image-folder';
import { hasMasks } from './isic-layout';
import { naturalOrder, splitOfName, type LabelledFile, type LabelledFiles } from './labelled-files';
import { byCharacters } from './splits';

const layoutHelp =
  'a folder for each class is expected (cats/1.jpg, dogs/2.jpg), or train, val and test with such folders';

/**
 * Lists images by the folders of their classes; below those, folders have no meaning. Classes are numbered in natural order.
 * @throws UserError where there are fewer than two classes
 */
export async function listClassFolder(root: string): Promise<LabelledFiles> {
  const { folders, files: loose } = await readEntries(root);
  const splits = folders.filter((name) => splitOfName(name) !== undefined);
  if (hasMasks(root))
    throw new UserError(`${root} has images and masks, not classes: it is for notebooks that segment (06 and 07).`);
  const notes: string[] = [];
  const leftOut = loose.filter((name) => !isImageName(name));
  const looseImages = loose.filter(isImageName);
  if (folders.length === 0 && looseImages.length > 0)
    throw new UserError(
      `${root} has ${counted(looseImages.length, 'image')}, but no folders of classes: ${layoutHelp}. Or give a CSV file with the columns file and label.`,
    );
  if (looseImages.length > 0)
    notes.push(`${counted(looseImages.length, 'image')} in no class's folder left out (${some(looseImages)})`);
  const parts: { folder: string; prefix: string; split?: SplitName }[] =
    splits.length === 0
      ? [{ folder: root, prefix: '' }]
      : splits.map((name) => ({ folder: join(root, name), prefix: `${name}/`, split: splitOfName(name) }));
  const others = splits.length === 0 ? [] : folders.filter((name) => !splits.includes(name));
  if (others.length > 0) notes.push(`folders beside the splits left out: ${some(others)}`);
  const files: LabelledFile[] = [];
  const empty: string[] = [];
  const classes = new Set<string>();
  for (const { folder, prefix, split } of parts) {
    for (const name of split === undefined ? folders : (await readEntries(folder)).folders) {
      const label = name.normalize('NFC');
      const images = await imagesOf(join(folder, name), leftOut);
      if (images.length === 0) empty.push(`${prefix}${name}`);
      else classes.add(label);
      for (const image of images)
        files.push({
          name: `${prefix}${name}/${image}`.normalize('NFC'),
          path: join(folder, name, image),
          labels: [label],
          split,
        });
    }
  }
  if (empty.length > 0) notes.push(`folders without images left out: ${some(empty)}`);
  if (classes.size < 2)
    throw new UserError(
      `${root} has ${classes.size === 0 ? 'no folder with images' : `one class only, ${[...classes][0]}`}: ${layoutHelp}; images are ${imageExtensions.join(' ')}.`,
    );
  files.sort((first, second) => byCharacters(first.name, second.name));
  const twice = files.find(({ name }, at) => at > 0 && files[at - 1].name === name);
  if (twice !== undefined)
    throw new UserError(
      `${root} has ${twice.name} twice, in names that differ only in how an accent is written: rename one of them.`,
    );
  return { files, several: false, classNames: naturalOrder(classes), leftOut, notes };
}

/** None where there are none, which is for the caller to say. */
async function imagesOf(folder: string, leftOut: string[]): Promise<string[]> {
  const others: string[] = [];
  try {
    return await listImages(folder, { recursive: true, leftOut: others });
  } catch (error) {
    if (!(error instanceof NoImagesError)) throw error;
    return [];
  } finally {
    leftOut.push(...others.map((name) => `${basename(folder)}/${name}`));
  }
}
