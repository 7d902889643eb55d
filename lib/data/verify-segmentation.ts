/** Reads a folder of images and masks from beginning to end and says what is in it, and what somebody who trains on it should know. */
import { readdirSync } from 'node:fs';
import { basename, relative, resolve } from 'node:path';
import { comparedImage, findDuplicates, type ComparedImage } from './duplicates';
import { counted, some } from './file-facts';
import { groupingHint, groupsByName } from './groups';
import { describeLeftOut, isImageName } from './image-folder';
import { isicSources, recogniseLayout, type IsicLayout } from './isic-layout';
import { listPairs, type ImagePair } from './isic-pairs';
import { preparedPairs, type PreparationProgress } from './isic-store';
import { describePairs, type NamedPairFacts } from './pair-notes';
import { countBroken, type BrokenPair } from './segmentation-dataset';
import { byCharacters } from './splits';
import { describeDuplicates, duplicateTable, shownPair, type Verification } from './verify-scan';

export interface FolderVerifyOptions {
  /** A regular expression that finds whose an image is in its name. */
  readonly groupBy?: string;
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
  readonly compared: ComparedImage[];
  /** In the order of `compared`. */
  readonly pixels: Uint8Array[];
}

/** Pixels a side at which images are compared. */
const comparedSize = 64;
const shownPairs = 12;

/**
 * Decodes every image and mask of a folder in ISIC layout once, lists what is broken, and looks for images that are there twice: one that
 * is in train and in test makes the test too easy. These, and masks of unusual values, are told, but do not make a folder wrong.
 * @throws UserError in one line where the layout is none of the known ones
 */
export async function verifySegmentationFolder(path: string, options: FolderVerifyOptions = {}): Promise<Verification> {
  const { onProgress, groupBy } = options;
  const root = resolve(path);
  const layout = recogniseLayout(root);
  const { pairs, broken } = listPairs(root, layout);
  const found = await readAll(pairs, onProgress);
  const allBroken = [...broken, ...found.broken].sort((first, second) => byCharacters(first.id, second.id));
  const others = describeLeftOut(leftOutOf(layout));
  const duplicates = findDuplicates(found.compared);
  const rank = [...duplicates].sort((first, second) => first.distance - second.distance).slice(0, shownPairs);
  const lines = [
    `${basename(root)}: ${isicSources[layout.source].title ?? 'images and masks'}, ${counted(pairs.length, 'image')} with a mask`,
    ...describeParts(root, layout, pairs),
    ...layout.notes,
    ...(others === undefined ? [] : [others]),
    ...describeFindings(found),
    ...describeGroups(pairs, groupBy),
    ...describeDuplicates(duplicates, found.compared),
    allBroken.length === 0 ? 'broken: none' : `broken: ${allBroken.length} (${countBroken(allBroken)})`,
    ...allBroken.map(({ id, reason }) => `  ${id}: ${reason}`),
  ];
  return {
    ok: allBroken.length === 0,
    lines,
    tables: [
      ...(allBroken.length === 0 ? [] : [{ caption: 'Broken images and masks', rows: allBroken }]),
      { caption: 'Masks by value', rows: readingRows(found.facts) },
      { caption: 'Masks by area', rows: coverageRows(found.coverages) },
      ...(duplicates.length === 0 ? [] : [duplicateTable(duplicates, found.compared)]),
    ],
    duplicates: {
      height: comparedSize,
      width: comparedSize,
      channels: 3,
      pairs: rank.map((pair) => shownPair(pair, found.compared, (at) => found.pixels[at])),
    },
  };
}

async function readAll(pairs: readonly ImagePair[], onProgress: FolderVerifyOptions['onProgress']): Promise<Findings> {
  const found: Findings = { broken: [], heights: [], widths: [], coverages: [], facts: [], compared: [], pixels: [] };
  const size = { height: comparedSize, width: comparedSize };
  let done = 0;
  for await (const { id, result } of preparedPairs(pairs, { size })) {
    const { split } = pairs[done++];
    onProgress?.({ phase: 'images', done, total: pairs.length });
    if ('kind' in result) {
      found.broken.push({ id, ...result });
      continue;
    }
    const { height, width, area, image } = result;
    if (area === 0) found.broken.push({ id, kind: 'empty-mask', reason: `the mask of ${id} has no foreground` });
    found.heights.push(height);
    found.widths.push(width);
    found.coverages.push(area / (height * width));
    found.facts.push({ id, ...result });
    found.compared.push(comparedImage({ split, name: id, label: '' }, image, { ...size, channels: 3 }));
    found.pixels.push(image);
  }
  return found;
}

/** Files of the folders that are no images. */
function leftOutOf({ parts }: IsicLayout): string[] {
  const names = parts.flatMap(({ imageFolder, maskFolder }) => [
    ...readdirSync(imageFolder, { withFileTypes: true }),
    ...readdirSync(maskFolder, { withFileTypes: true }),
  ]);
  return names.filter((entry) => !entry.isDirectory() && !isImageName(entry.name)).map(({ name }) => name);
}

/** Groups that the official splits part, or a hint that there may be some. */
function describeGroups(pairs: readonly ImagePair[], groupBy: string | undefined): string[] {
  const ids = pairs.map(({ id }) => id);
  if (groupBy === undefined) {
    const hint = groupingHint(ids);
    return hint === undefined ? [] : [hint];
  }
  const groups = groupsByName(ids, groupBy);
  const splitsOf = new Map<string, Set<string>>();
  groups.forEach((group, at) => splitsOf.set(group, (splitsOf.get(group) ?? new Set()).add(pairs[at].split ?? '')));
  const parted = [...splitsOf].filter(([, splits]) => splits.size > 1).map(([group]) => group);
  if (parted.length === 0) return [`${counted(splitsOf.size, 'group')}, none in two splits`];
  return [`leak: ${counted(parted.length, 'group')} of ${splitsOf.size} in more than one split (${some(parted)})`];
}

function readingRows(facts: readonly NamedPairFacts[]): object[] {
  const counts = new Map<string, number>();
  for (const { reading } of facts) counts.set(reading, (counts.get(reading) ?? 0) + 1);
  return [...counts].map(([values, masks]) => ({ values, masks }));
}

/** Masks by the part of the image that they cover. */
function coverageRows(coverages: readonly number[]): object[] {
  const edges = [0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1];
  const percent = (part: number): string => `${Math.round(100 * part)}`;
  return edges.slice(1).map((to, at) => {
    const from = edges[at];
    const masks = coverages.filter((part) => part > from && part <= to).length;
    return { 'covers, %': `${percent(from)} to ${percent(to)}`, masks };
  });
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
