/** Folders of images and masks as a segmentation dataset. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { UserError } from '../errors';
import { cacheDirectory as defaultCache } from '../paths';
import { splitNames, type SplitName } from './dataset';
import { isicSources, recogniseLayout, type IsicLayout } from './isic-layout';
import { listPairs, type ImagePair } from './isic-pairs';
import { pairStore, type PreparationProgress } from './isic-store';
import { countBroken, type BrokenPair, type SegmentationDataset, type SplitOrigin } from './segmentation-dataset';
import { byCharacters, defaultFractions, drawSplits, type SplitFractions } from './splits';

export interface IsicFolderOptions {
  /** Pixels a side that images and masks are resized to. */
  readonly size: number;
  /** Draws the splits that are not official; 0 by default. */
  readonly seed?: number;
  /** Of the images that splits are drawn from; 0.7, 0.1 and 0.2 by default. */
  readonly fractions?: SplitFractions;
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
  const { size, seed = 0, fractions = defaultFractions, skipBroken = false } = options;
  const { cacheDirectory = defaultCache, onProgress, signal } = options;
  const root = resolve(path);
  const layout = recogniseLayout(root);
  const { pairs, broken: unmatched } = listPairs(root, layout);
  const { splits, origins, notes } = divide(layout, pairs, { seed, fractions });
  const plane = { height: size, width: size };
  const store = await pairStore(root, pairs, { size: plane, cacheDirectory, onProgress, signal });
  try {
    const damaged = store.rows.flatMap(({ id, broken }) => (broken === undefined ? [] : [{ id, ...broken }]));
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
      throw new UserError(`Of ${path}, no ${name} image is usable (${countBroken(broken)}): "npm run data -- verify ${path}" lists what is broken.`); // prettier-ignore
    };
    const { title = basename(root), license, citation = basename(root) } = isicSources[layout.source];
    return {
      name: basename(root),
      title,
      ...plane,
      splits: Object.fromEntries(splitNames.map((name) => [name, store.split(name, usable(name))])) as SegmentationDataset['splits'], // prettier-ignore
      origins,
      notes: broken.length > 0 ? [...notes, `left out as broken: ${countBroken(broken)}`] : notes,
      broken,
      sha256: store.sha256,
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

/** Ids by split. */
interface Division {
  readonly splits: Record<SplitName, string[]>;
  readonly origins: Record<SplitName, SplitOrigin>;
  readonly notes: string[];
}

/** Official splits where there are some; what is missing is drawn from the training images. */
function divide(
  { parts, notes }: IsicLayout,
  pairs: readonly ImagePair[],
  { seed, fractions }: { seed: number; fractions: SplitFractions },
): Division {
  const idsOf = (name: SplitName | undefined): string[] =>
    pairs.filter(({ split }) => split === name).map(({ id }) => id);
  if (parts[0].split === undefined) {
    const percent = splitNames.map((name) => `${Math.round(100 * fractions[name])} % ${name}`).join(', ');
    const note = `no official splits; ${percent} drawn by seed ${seed}`;
    return {
      splits: drawSplits(idsOf(undefined), { seed, fractions }),
      origins: { train: 'drawn', val: 'drawn', test: 'drawn' },
      notes: [note],
    };
  }
  const missing = splitNames.filter((name) => !parts.some(({ split }) => split === name));
  const drawn = (name: SplitName): number => (missing.includes(name) ? fractions[name] : 0);
  const parted = drawSplits(idsOf('train'), {
    seed,
    fractions: { train: 1 - drawn('val') - drawn('test'), val: drawn('val'), test: drawn('test') },
  });
  const origin = (name: SplitName): SplitOrigin => (missing.includes(name) ? 'drawn' : 'official');
  return {
    splits: {
      train: parted.train,
      val: missing.includes('val') ? parted.val : idsOf('val'),
      test: missing.includes('test') ? parted.test : idsOf('test'),
    },
    origins: { train: missing.length > 0 ? 'drawn' : 'official', val: origin('val'), test: origin('test') },
    notes: notes.map((note, index) => `${note}; ${Math.round(100 * drawn(missing[index]))} % of the training images drawn for ${missing[index]} by seed ${seed}`), // prettier-ignore
  };
}

function statedLicense(root: string): string {
  const file = ['LICENSE', 'LICENSE.txt', 'LICENSE.md', 'ATTRIBUTION.txt'].find((name) => existsSync(join(root, name)));
  return file === undefined ? 'not stated' : `see ${file} in the folder`;
}
