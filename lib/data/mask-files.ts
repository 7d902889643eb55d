/** Folders of masks: which prediction belongs to which truth. */
import { extname, join } from 'node:path';
import { printable } from '../errors';
import { fileId, listImages } from './image-folder';
import { grouped } from '../grouped';

/** Of `imageExtensions`, those that masks are taken from: the others may lose pixels or hold several images. */
export const maskExtensions = ['.png', '.jpg', '.jpeg', '.bmp'] as const;

const truthEndings = ['', '_segmentation', '_mask'] as const;
const predictionEndings = [...truthEndings, '_pred'] as const;

/** A mask of the truth and the one that was predicted. */
export interface MaskPair {
  readonly id: string;
  /** Paths. */
  readonly truth: string;
  readonly prediction: string;
}

export interface MaskMatch {
  /** In the order of the truth's file names. */
  readonly pairs: readonly MaskPair[];
  /** What is missing, there several times, or of another kind, a line each. */
  readonly problems: readonly string[];
  /** Names of predictions without a truth. */
  readonly unused: readonly string[];
}

/**
 * Matches the masks of two folders by id: `ID_segmentation`, `ID_mask` or `ID` of the truth with one of these or `ID_pred` of the
 * predictions, each .png, .jpg, .jpeg or .bmp. Other files, such as LICENSE.txt and ATTRIBUTION.txt, are no masks.
 * @throws UserError where one is no folder or has no images at all
 */
export async function matchMasks(truthFolder: string, predictionFolder: string): Promise<MaskMatch> {
  const truths = grouped(await listImages(truthFolder), (name) => fileId(name).replace(/_(segmentation|mask)$/, ''));
  const predictions = grouped(await listImages(predictionFolder), fileId);
  const pairs: MaskPair[] = [];
  const problems: string[] = [];
  const used = new Set<string>();
  for (const [id, names] of truths) {
    const found = predictionEndings.flatMap((ending) => predictions.get(id + ending) ?? []);
    for (const name of found) used.add(name);
    const problem =
      notOne(id, names, { kind: 'truth', folder: truthFolder, endings: truthEndings }) ??
      notOne(id, found, { kind: 'prediction', folder: predictionFolder, endings: predictionEndings });
    if (problem !== undefined) problems.push(problem);
    else pairs.push({ id, truth: join(truthFolder, names[0]), prediction: join(predictionFolder, found[0]) });
  }
  const unused = [...predictions.values()].flat().filter((name) => !used.has(name));
  return { pairs, problems, unused };
}

/** Why these are not the one file that is needed. */
function notOne(
  id: string,
  names: readonly string[],
  { kind, folder, endings }: { kind: string; folder: string; endings: readonly string[] },
): string | undefined {
  const [first] = names;
  if (first === undefined) {
    const expected = endings.map((ending) => `${id}${ending}.png`).join(', ');
    return `${id}: no ${kind} in ${folder} (expected is one of ${expected}; or .jpg, .bmp).`;
  }
  if (names.length > 1)
    return `${id}: several files for one ${kind} in ${folder} (${names.map(printable).join(', ')}): leave one.`;
  if ((maskExtensions as readonly string[]).includes(extname(first).toLowerCase())) return undefined;
  return `${id}: the ${kind} ${join(folder, first)} must be a ${maskExtensions.join(' ')} file: save it as one.`;
}
