/** Reads a folder of images and masks from beginning to end and says what is in it, and what somebody who trains on it should know. */
import { basename, relative, resolve } from 'node:path';
import { cacheDirectory as defaultCache } from '../paths';
import { counted, some } from './file-facts';
import { isicSources, recogniseLayout, type IsicLayout } from './isic-layout';
import { listPairs, type ImagePair } from './isic-pairs';
import { pairHashes, preparedPairs, type PreparationProgress } from './isic-store';
import { describePairs, type NamedPairFacts } from './pair-notes';
import { countBroken, type BrokenPair } from './segmentation-dataset';
import { byCharacters } from './splits';
import type { Verification } from './verify';

export interface FolderVerifyOptions {
  readonly cacheDirectory?: string;
  readonly onProgress?: (progress: PreparationProgress) => void;
}

/** Of all pairs that can be used. */
interface Findings {
  readonly broken: BrokenPair[];
  readonly heights: number[];
  readonly widths: number[];
  /** Part of each image that its lesion covers. */
  readonly coverages: number[];
  readonly facts: NamedPairFacts[];
}

/**
 * Decodes every image and mask of a folder in ISIC layout once, lists what is broken, and counts equal images: one that is in train and in
 * test makes the test too easy. Equal images and grey masks are told, but do not make a folder wrong.
 * @throws UserError in one line where the layout is none of the known ones
 */
export async function verifySegmentationFolder(path: string, options: FolderVerifyOptions = {}): Promise<Verification> {
  const { cacheDirectory = defaultCache, onProgress } = options;
  const root = resolve(path);
  const layout = recogniseLayout(root);
  const { pairs, broken } = listPairs(root, layout);
  const hashes = await pairHashes(root, pairs, { cacheDirectory, onProgress });
  const found = await readAll(pairs, onProgress);
  const allBroken = [...broken, ...found.broken].sort((first, second) => byCharacters(first.id, second.id));
  const lines = [
    `${basename(root)}: ${isicSources[layout.source].title ?? 'images and masks'}, ${counted(pairs.length, 'image')} with a mask`,
    ...describeParts(root, layout, pairs),
    ...layout.notes,
    ...describeFindings(found),
    ...describeEqual(pairs, hashes.filter((_, index) => index % 2 === 0).map(({ sha256 }) => sha256)), // prettier-ignore
    allBroken.length === 0 ? 'broken: none' : `broken: ${allBroken.length} (${countBroken(allBroken)})`,
    ...allBroken.map(({ id, reason }) => `  ${id}: ${reason}`),
  ];
  return { ok: allBroken.length === 0, lines };
}

async function readAll(pairs: readonly ImagePair[], onProgress: FolderVerifyOptions['onProgress']): Promise<Findings> {
  const found: Findings = { broken: [], heights: [], widths: [], coverages: [], facts: [] };
  let done = 0;
  // Only what the files hold is wanted, so the size that they are resized to is the smallest.
  for await (const { id, result } of preparedPairs(pairs, { size: { height: 1, width: 1 } })) {
    done++;
    onProgress?.({ phase: 'images', done, total: pairs.length });
    if ('kind' in result) {
      found.broken.push({ id, ...result });
      continue;
    }
    const { height, width, area } = result;
    if (area === 0) found.broken.push({ id, kind: 'empty-mask', reason: `the mask of ${id} has no foreground` });
    found.heights.push(height);
    found.widths.push(width);
    found.coverages.push(area / (height * width));
    found.facts.push({ id, ...result });
  }
  return found;
}

function describeParts(root: string, { parts }: IsicLayout, pairs: readonly ImagePair[]): string[] {
  return parts.map(({ split, imageFolder, maskFolder }) => {
    const count = pairs.filter((pair) => pair.split === split).length;
    const folders = `${relative(root, imageFolder)} and ${relative(root, maskFolder)}`;
    return `${split ?? 'no official splits'}: ${counted(count, 'image')} in ${folders}`;
  });
}

function describeFindings({ heights, widths, coverages, facts }: Findings): string[] {
  if (heights.length === 0) return [];
  const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
  const mean = coverages.reduce((sum, part) => sum + part, 0) / coverages.length;
  const range = (values: readonly number[]) => [
    values.reduce((a, b) => Math.min(a, b)),
    values.reduce((a, b) => Math.max(a, b)),
  ];
  const [[top, bottom], [left, right], [least, most]] = [range(heights), range(widths), range(coverages)];
  const lines = [
    `height ${top} to ${bottom}, width ${left} to ${right} pixels`,
    `the mask covers ${percent(least)} to ${percent(most)} of an image, ${percent(mean)} on average`,
  ];
  lines.push(...describePairs(facts));
  return lines;
}

/** Images whose files are equal, within a split and across. */
function describeEqual(pairs: readonly ImagePair[], hashes: readonly string[]): string[] {
  const first = new Map<string, ImagePair>();
  const within: string[] = [];
  const across: string[] = [];
  pairs.forEach((pair, index) => {
    if (hashes[index] === 'unreadable') return;
    const earlier = first.get(hashes[index]);
    if (earlier === undefined) first.set(hashes[index], pair);
    else if (earlier.split === pair.split) within.push(`${pair.id} = ${earlier.id}`);
    else across.push(`${pair.id} of ${pair.split} = ${earlier.id} of ${earlier.split}`);
  });
  const lines: string[] = [];
  if (within.length > 0) lines.push(`${counted(within.length, 'image')} equal to an earlier one (${some(within)})`);
  if (across.length > 0) lines.push(`leak: ${counted(across.length, 'image')} in two splits (${some(across)})`);
  return lines.length > 0 ? lines : ['no two images are equal'];
}
