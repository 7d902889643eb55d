/** Folders of images and masks as a segmentation dataset. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { UserError } from '../errors';
import { cacheDirectory as defaultCache } from '../paths';
import { splitNames, type SplitName } from './dataset';
import { isicSources, recogniseLayout, type IsicLayout } from './isic-layout';
import { listPairs, type ImagePair } from './isic-pairs';
import { pairStore, type PreparationProgress } from './isic-store';
import { groupingHint, groupsByName } from './groups';
import { describePairs } from './pair-notes';
import { countBroken, type BrokenPair, type SegmentationDataset, type SegmentationSplit } from './segmentation-dataset';
import type { StoredRow } from './segmentation-store';
import { byCharacters, completeSplits, type CompletedSplits, type SplitFractions } from './splits';

export interface IsicFolderOptions {
  /** Pixels a side that images and masks are resized to. */
  readonly size: number;
  /** Draws the splits that are not official; 0 by default. */
  readonly seed?: number;
  /** Of the images that splits are drawn from; 0.7, 0.1 and 0.2 by default. */
  readonly fractions?: SplitFractions;
  /**
   * A regular expression that finds whose an image is in its name; what is drawn never parts the images of one
   * (`groups.ts`). Empty for none.
   */
  readonly groupBy?: string;
  /** Keeps images whose mask is all background, instead of taking them for broken. */
  readonly keepEmpty?: boolean;
  /** Leaves out what is broken, and lists it, instead of refusing the folder. */
  readonly skipBroken?: boolean;
  readonly cacheDirectory?: string;
  readonly onProgress?: (progress: PreparationProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Opens images and masks in ISIC layout (`isic-layout.ts`). Each file is decoded once for each size, and never again while it is the same.
 * Broken files belong to their split until it is drawn, so that mending one moves no other.
 * @throws UserError for a folder of another layout, and in one line where something is broken
 */
export async function openIsicFolder(path: string, options: IsicFolderOptions): Promise<SegmentationDataset> {
  const { size, keepEmpty = false, skipBroken = false } = options;
  const { cacheDirectory = defaultCache, onProgress, signal } = options;
  const root = resolve(path);
  const layout = recogniseLayout(root);
  const { pairs, broken: unmatched } = listPairs(root, layout);
  const { splits, origins, notes, groups } = divide(layout, pairs, options);
  const plane = { height: size, width: size };
  const store = await pairStore(root, pairs, { size: plane, cacheDirectory, onProgress, signal });
  try {
    const damaged = store.rows.flatMap((row) => brokenRow(row, keepEmpty));
    const broken = [...unmatched, ...damaged].sort((first, second) => byCharacters(first.id, second.id));
    if (broken.length > 0 && !skipBroken) throw brokenError(path, broken);
    const damagedIds = new Set(damaged.map(({ id }) => id));
    const usable = (name: SplitName): string[] => {
      const ids = splits[name].filter((id) => !damagedIds.has(id));
      if (ids.length > 0) return ids;
      if (splits[name].length === 0)
        throw new UserError(
          `The fractions leave no ${name} image of ${path}: each of train, val and test must be above 0.`,
        );
      throw new UserError(
        `Of ${path}, no ${name} image is usable (${countBroken(broken)}): "npm run data -- verify ${path}" lists what is broken.`,
      );
    };
    const used = Object.fromEntries(splitNames.map((name) => [name, usable(name)])) as Record<SplitName, string[]>;
    const facts = store.rows.flatMap((row) =>
      row.facts === undefined || damagedIds.has(row.id) ? [] : [{ id: row.id, ...row.facts }],
    );
    const leftOut = broken.length > 0 ? [`left out as broken: ${countBroken(broken)}`] : [];
    const { title = basename(root), license, citation = basename(root) } = isicSources[layout.source];
    return {
      name: basename(root),
      title,
      ...plane,
      splits: Object.fromEntries(
        splitNames.map((name) => [name, withGroups(store.split(name, used[name]), groups)]),
      ) as SegmentationDataset['splits'],
      origins,
      notes: [...notes, ...leftOut, ...describePairs(facts)],
      broken,
      sha256: identityOf(store.sha256, used),
      synthetic: false,
      license: license === 'not stated' ? statedLicense(root) : license,
      citation,
      close: () => store.close(),
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

function brokenError(path: string, broken: readonly BrokenPair[]): UserError {
  const many = broken.length === 1 ? '1 broken image' : `${broken.length} broken images`;
  return new UserError(
    `${path} has ${many} (${countBroken(broken)}), the first: ${broken[0].reason}; "npm run data -- verify ${path}" lists all, "--set skipBroken=true" leaves them out.`,
  );
}

/** What a mask without a lesion is, is for whoever opens the folder to say. */
function brokenRow({ id, broken, runs }: StoredRow, keepEmpty: boolean): BrokenPair[] {
  if (broken !== undefined) return [{ id, ...broken }];
  if (keepEmpty || runs > 1) return [];
  return [{ id, kind: 'empty-mask', reason: `the mask of ${id} has no foreground` }];
}

/** Content and splits. */
function identityOf(content: string, splits: Record<SplitName, readonly string[]>): string {
  return createHash('sha256')
    .update(JSON.stringify([content, splits.train, splits.val, splits.test]))
    .digest('hex');
}

function withGroups(split: SegmentationSplit, groups: ReadonlyMap<string, string> | undefined): SegmentationSplit {
  return groups === undefined ? split : { ...split, groups: split.ids.map((id) => groups.get(id) ?? id) };
}

interface Division extends Pick<CompletedSplits, 'splits' | 'origins'> {
  readonly notes: string[];
  /** By id. */
  readonly groups: ReadonlyMap<string, string> | undefined;
}

function divide(
  { notes }: IsicLayout,
  pairs: readonly ImagePair[],
  { seed = 0, fractions, groupBy }: IsicFolderOptions,
): Division {
  const ids = pairs.map(({ id }) => id);
  const officialSplit = new Map(pairs.map(({ id, split }) => [id, split]));
  const found = groupBy ? groupsByName(ids, groupBy) : undefined;
  const groups = found && new Map(ids.map((id, index) => [id, found[index]]));
  const { splits, origins, note } = completeSplits(ids, (id) => officialSplit.get(id), {
    seed,
    ...(fractions && { fractions }),
    ...(groups && { groupOf: (id: string) => groups.get(id) ?? id }),
  });
  const hint = groups === undefined && note !== undefined ? groupingHint(ids) : undefined;
  return {
    splits,
    origins,
    notes: [...notes, note, hint].filter((line): line is string => line !== undefined),
    groups,
  };
}

function statedLicense(root: string): string {
  const file = ['LICENSE', 'LICENSE.txt', 'LICENSE.md', 'ATTRIBUTION.txt'].find((name) => existsSync(join(root, name)));
  return file === undefined ? 'not stated' : `see ${file} in the folder`;
}
