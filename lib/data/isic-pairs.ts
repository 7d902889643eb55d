/** Images and their masks, matched by id. */
import { basename, relative } from 'node:path';
import { UserError } from '../errors';
import type { SplitName } from './dataset';
import { imageFiles, maskFiles, type IsicLayout, type LayoutPart, type NamedFile } from './isic-layout';
import type { BrokenPair } from './segmentation-dataset';
import { byCharacters } from './splits';

/** An image with its mask. */
export interface ImagePair {
  readonly id: string;
  readonly image: string;
  readonly mask: string;
  /** Its official split; undefined where there is none. */
  readonly split: SplitName | undefined;
}

export interface PairListing {
  /** In the order of their ids. */
  readonly pairs: readonly ImagePair[];
  /** What has no counterpart, or one too many. */
  readonly broken: readonly BrokenPair[];
}

/**
 * Matches images and masks. An id that comes twice, in one split or in two, is used in the last place where it is (test, if it is there)
 * and reported for the others.
 * @throws UserError where there is no pair at all
 */
export function listPairs(root: string, { parts }: IsicLayout): PairListing {
  const pairs = new Map<string, ImagePair>();
  const broken: BrokenPair[] = [];
  for (const part of parts) {
    const found = matchPart(root, part);
    broken.push(...found.broken);
    for (const pair of found.pairs) {
      const earlier = pairs.get(pair.id);
      if (earlier !== undefined) broken.push(sameId(root, pair.id, earlier.image, pair.image));
      pairs.set(pair.id, pair);
    }
  }
  if (pairs.size === 0) {
    const [{ imageFolder, maskFolder }] = parts;
    throw new UserError(
      `No image in ${imageFolder} has a mask in ${maskFolder}: ID.jpg goes with ID_segmentation.png, ID_mask.png or ID.png.`,
    );
  }
  return {
    pairs: [...pairs.values()].sort((first, second) => byCharacters(first.id, second.id)),
    broken: broken.sort((first, second) => byCharacters(first.id, second.id)),
  };
}

function matchPart(root: string, { split, imageFolder, maskFolder }: LayoutPart): PairListing {
  const broken: BrokenPair[] = [];
  const images = byId(root, imageFiles(imageFolder), broken);
  const masks = byId(root, maskFiles(maskFolder), broken);
  const pairs: ImagePair[] = [];
  for (const [id, image] of images) {
    const mask = masks.get(id);
    if (mask !== undefined) pairs.push({ id, image, mask, split });
    else
      broken.push({ id, kind: 'no-mask', reason: `${relative(root, image)} has no mask in ${basename(maskFolder)}` });
  }
  for (const [id, mask] of masks) {
    if (!images.has(id))
      broken.push({ id, kind: 'no-image', reason: `${relative(root, mask)} has no image in ${basename(imageFolder)}` });
  }
  return { pairs, broken };
}

function byId(root: string, files: readonly NamedFile[], broken: BrokenPair[]): Map<string, string> {
  const paths = new Map<string, string>();
  for (const { id, path } of files) {
    const earlier = paths.get(id);
    if (earlier !== undefined) broken.push(sameId(root, id, path, earlier));
    else paths.set(id, path);
  }
  return paths;
}

function sameId(root: string, id: string, left: string, used: string): BrokenPair {
  return { id, kind: 'same-id', reason: `${relative(root, left)} has the id of ${relative(root, used)}` };
}
