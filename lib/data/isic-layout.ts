/**
 * Which files of a folder are images and which are their masks: the ISIC challenges' folders as they unzip, `images` and `masks`, or these
 * two below `train`, `val` and `test`.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors';
import { splitNames, type SplitName } from './dataset';
import { fileId, isImageName, leadsToFolder } from './image-folder';
import { splitOfName } from './labelled-files';

/** Two folders of files that belong together. */
export interface LayoutPart {
  /** Which of the official splits; undefined where there are none. */
  readonly split: SplitName | undefined;
  readonly imageFolder: string;
  readonly maskFolder: string;
}

export interface IsicLayout {
  readonly source: keyof typeof isicSources;
  /** In the order train, val, test. */
  readonly parts: readonly LayoutPart[];
  /** What is missing, a line each. */
  readonly notes: readonly string[];
}

/** Licences as stated at challenge.isic-archive.com/data. */
export const isicSources = {
  folder: { title: undefined, license: 'not stated', citation: undefined },
  isic2017: {
    title: 'ISIC 2017 task 1',
    license: 'CC0-1.0',
    citation: 'Codella et al., Skin lesion analysis toward melanoma detection (ISBI 2017 challenge), arXiv:1710.05006.',
  },
  isic2018: {
    title: 'ISIC 2018 task 1',
    license: 'CC BY-NC 4.0',
    citation:
      'Codella et al., Skin lesion analysis toward melanoma detection 2018, arXiv:1902.03368; Tschandl et al., HAM10000, Scientific Data 5, 2018.',
  },
} as const;

interface OfficialSplit {
  readonly split: SplitName;
  readonly images: string;
  readonly masks: string;
}

const official: Record<'isic2017' | 'isic2018', readonly OfficialSplit[]> = {
  isic2017: (['train Training', 'val Validation', 'test Test_v2'] as const).map((names) => {
    const [split, name] = names.split(' ') as [SplitName, string];
    return { split, images: `ISIC-2017_${name}_Data`, masks: `ISIC-2017_${name}_Part1_GroundTruth` };
  }),
  isic2018: (['train Training', 'val Validation', 'test Test'] as const).map((names) => {
    const [split, name] = names.split(' ') as [SplitName, string];
    return { split, images: `ISIC2018_Task1-2_${name}_Input`, masks: `ISIC2018_Task1_${name}_GroundTruth` };
  }),
};

const layoutHelp =
  'expected are images/ID.jpg with masks/ID_segmentation.png, ID_mask.png or ID.png, the same below train, val and test, or the folders of ISIC 2017 or 2018 task 1 as they unzip (ISIC2018_Task1-2_Training_Input and ISIC2018_Task1_Training_GroundTruth, for example)';

/**
 * Recognises the layout of a folder. Official validation and test folders may be missing, and are then noted.
 * @throws UserError where it is none of the known ones
 */
export function recogniseLayout(root: string): IsicLayout {
  const status = statSync(root, { throwIfNoEntry: false });
  if (status === undefined) throw new UserError(`There is no folder ${root}: check the path.`);
  if (!status.isDirectory()) throw new UserError(`${root} is not a folder; ${layoutHelp}.`);
  const folders = subFolders(root);
  const found = (['isic2017', 'isic2018'] as const).filter((source) =>
    official[source].some(({ images }) => folders.has(images.toLowerCase())),
  );
  if (found.length > 1)
    throw new UserError(
      `${root} has folders of ISIC 2017 and of ISIC 2018, which share images: put each into a folder of its own.`,
    );
  if (found.length === 1) return officialLayout(root, folders, found[0]);
  const whole = pairFolders(root, folders);
  if (whole !== undefined) return { source: 'folder', parts: [{ split: undefined, ...whole }], notes: [] };
  const parts = splitParts(root, folders);
  if (parts.some(({ split }) => split === 'train')) {
    const missing = splitNames.filter((name) => parts.every(({ split }) => split !== name));
    return {
      source: 'folder',
      parts,
      notes: missing.map((name) => `there is no folder ${name} with images and masks`),
    };
  }
  const names = [...folders.values()].slice(0, 3).join(', ');
  throw new UserError(
    `${root} has no images with masks that are recognised (sub-folders: ${names || 'none'}); ${layoutHelp}.`,
  );
}

/** Whether a folder is one of images with masks, and not of classes. */
export function hasMasks(root: string): boolean {
  const folders = subFolders(root);
  const known = [...official.isic2017, ...official.isic2018].some(({ images }) => folders.has(images.toLowerCase()));
  return known || pairFolders(root, folders) !== undefined || splitParts(root, folders).length > 0;
}

/** `images` and `masks` of a folder. */
function pairFolders(folder: string, folders: ReadonlyMap<string, string>): Omit<LayoutPart, 'split'> | undefined {
  const [images, masks] = [folders.get('images'), folders.get('masks')];
  if (images === undefined || masks === undefined) return undefined;
  return { imageFolder: join(folder, images), maskFolder: join(folder, masks) };
}

/** Folders of splits, in their usual spellings, with `images` and `masks`; in the order train, val, test. */
function splitParts(root: string, folders: ReadonlyMap<string, string>): LayoutPart[] {
  const found = [...folders.values()].flatMap((name): LayoutPart[] => {
    const split = splitOfName(name);
    const pair = split && pairFolders(join(root, name), subFolders(join(root, name)));
    return pair === undefined ? [] : [{ split, ...pair }];
  });
  return splitNames.flatMap((name) => found.filter(({ split }) => split === name));
}

/** Names by themselves in lower case. */
function subFolders(root: string): Map<string, string> {
  const entries = readdirSync(root, { withFileTypes: true });
  const names = entries.filter(({ name }) => !name.startsWith('.') && leadsToFolder(join(root, name)));
  return new Map(names.map(({ name }) => [name.toLowerCase(), name]));
}

function officialLayout(root: string, folders: Map<string, string>, source: 'isic2017' | 'isic2018'): IsicLayout {
  const notes: string[] = [];
  const parts: LayoutPart[] = [];
  for (const { split, images, masks } of official[source]) {
    const [imageFolder, maskFolder] = [images, masks].map((name) => {
      const found = folders.get(name.toLowerCase());
      return found === undefined ? undefined : unnested(join(root, found), name);
    });
    if (imageFolder !== undefined && maskFolder !== undefined) parts.push({ split, imageFolder, maskFolder });
    else notes.push(`the official ${split} images are not there (no folder ${imageFolder ? masks : images})`);
  }
  if (parts[0]?.split !== 'train') {
    const [{ images, masks }] = official[source];
    throw new UserError(
      `${root} has no training images of ${isicSources[source].title}: ${images} and ${masks} are expected there.`,
    );
  }
  return { source, parts, notes };
}

/** Some programs unzip into one more folder of the same name. */
function unnested(folder: string, name: string): string {
  const inner = subFolders(folder).get(name.toLowerCase());
  return inner === undefined ? folder : join(folder, inner);
}

export interface NamedFile {
  readonly id: string;
  readonly path: string;
}

/** ISIC 2017 has these beside its images. */
const superpixels = /_superpixels$/i;
const maskSuffix = /_(segmentation|mask)$/i;

export function imageFiles(folder: string): NamedFile[] {
  return namedFiles(folder).filter(({ id }) => !superpixels.test(id) && !maskSuffix.test(id));
}

/** The masks, with the ids of their images: `ID_segmentation`, `ID_mask` or, as in Kvasir-SEG, `ID`. */
export function maskFiles(folder: string): NamedFile[] {
  return namedFiles(folder).map(({ id, path }) => ({ id: id.replace(maskSuffix, ''), path }));
}

/** Licences, tables and hidden files are no images. One name may be written in two ways, with `é` as one character or as two. */
function namedFiles(folder: string): NamedFile[] {
  const names = readdirSync(folder).filter((name) => !name.startsWith('.') && isImageName(name));
  return names.sort().map((name) => ({ id: fileId(name), path: join(folder, name) }));
}
