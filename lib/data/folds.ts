/** Cross-validation: every image is tested once, by a network that has not seen it or anything of its group. */
import { createHash } from 'node:crypto';
import { UserError } from '../errors';
import { classesOf, splitNames, type Dataset, type Split, type SplitName } from './dataset';
import type { SegmentationDataset, SegmentationSplit } from './segmentation-dataset';
import { drawFolds, drawSplits, type DivisionOptions } from './splits';

export interface FoldOptions {
  /** Into how many parts the images are divided, 2 or more. */
  readonly folds: number;
  /** Which of them is tested: 0 to folds − 1. */
  readonly fold: number;
  /** Draws the folds; 0 by default. */
  readonly seed?: number;
  /** Share of the images that are not tested which is for validation; an eighth by default, as 0.1 beside 0.7. */
  readonly validation?: number;
}

/**
 * A dataset with the splits of one fold: all images, whichever split they were in, are divided into `folds` parts, stratified by class and
 * never parting a group; one part is the test split, and of the others a share is for validation. Closing it closes the dataset.
 * @throws UserError for folds that are none, and where there are fewer images or groups than folds
 */
export function foldOf(dataset: Dataset, options: FoldOptions): Dataset {
  const pool = poolOf(
    splitNames.map((name) => dataset.splits[name]),
    ({ names }, index) => names?.[index],
  );
  const strataOf = ({ split, index }: Place<Split>): number[] => classesOf(split, index);
  const drawn = draw(pool, strataOf, options);
  const part = (name: SplitName): Split => {
    const places = drawn[name];
    const [{ split }] = places;
    const grouped = places.some((place) => place.split.groups !== undefined);
    const weighted = places.some((place) => place.split.weights !== undefined);
    const labels = places.flatMap((place) => [
      ...place.split.labels.subarray(place.index * split.labelWidth, (place.index + 1) * split.labelWidth),
    ]);
    const imageBytes = dataset.height * dataset.width * dataset.channels;
    return {
      name,
      count: places.length,
      labels: Int32Array.from(labels),
      labelWidth: split.labelWidth,
      names: places.map(({ id }) => id),
      ...(grouped && { groups: places.map(groupOf) }),
      ...(weighted && { weights: Float32Array.from(places, (place) => place.split.weights?.[place.index] ?? 1) }),
      readImages: (indices, target) =>
        readRuns(places, indices, (of, own, at) => of.readImages(own, target.subarray(at * imageBytes))),
    };
  };
  const note = describe(options, drawn.test.length, 'stratified by class');
  return {
    ...dataset,
    ...identity(dataset, options),
    derivedFrom: dataset,
    splits: { train: part('train'), val: part('val'), test: part('test') },
    notes: [...(dataset.notes ?? []), note],
  };
}

/** As `foldOf`, for images with masks; those without a lesion are spread evenly. */
export function segmentationFoldOf(dataset: SegmentationDataset, options: FoldOptions): SegmentationDataset {
  const pool = poolOf(
    splitNames.map((name) => dataset.splits[name]),
    ({ ids }, index) => ids[index],
  );
  const area = dataset.height * dataset.width;
  const mask = new Uint8Array(area);
  const strataOf = ({ split, index }: Place<SegmentationSplit>): string[] => {
    split.readMasks([index], mask);
    return [mask.includes(1) ? 'with a lesion' : 'without'];
  };
  const drawn = draw(pool, strataOf, options);
  const part = (name: SplitName): SegmentationSplit => {
    const places = drawn[name];
    const grouped = places.some(({ split }) => split.groups !== undefined);
    return {
      name,
      count: places.length,
      ids: places.map(({ id }) => id),
      ...(grouped && { groups: places.map(groupOf) }),
      readImages: (indices, target) =>
        readRuns(places, indices, (of, own, at) => of.readImages(own, target.subarray(at * 3 * area))),
      readMasks: (indices, target) =>
        readRuns(places, indices, (of, own, at) => of.readMasks(own, target.subarray(at * area))),
      nativeMask: (index) => places[index].split.nativeMask(places[index].index),
    };
  };
  return {
    ...dataset,
    ...identity(dataset, options),
    derivedFrom: dataset,
    splits: { train: part('train'), val: part('val'), test: part('test') },
    origins: { train: 'drawn', val: 'drawn', test: 'drawn' },
    notes: [...dataset.notes, describe(options, drawn.test.length, 'images without a lesion spread evenly')],
  };
}

/** An image where it is. */
interface Place<S> {
  readonly id: string;
  readonly split: S;
  readonly index: number;
}

type AnySplit = Pick<Split, 'name' | 'count' | 'groups'>;

/** All images; one without a name is called by its place. */
function poolOf<S extends AnySplit>(splits: readonly S[], nameOf: (split: S, index: number) => string | undefined) {
  return splits.flatMap((split) =>
    Array.from({ length: split.count }, (_, index): Place<S> => {
      const id = nameOf(split, index) ?? `${split.name} ${String(index).padStart(7, '0')}`;
      return { id, split, index };
    }),
  );
}

function groupOf<S extends AnySplit>({ id, split, index }: Place<S>): string {
  return split.groups?.[index] ?? id;
}

function draw<S extends AnySplit>(
  pool: readonly Place<S>[],
  strataOf: (place: Place<S>) => readonly (string | number)[],
  { folds, fold, seed = 0, validation = 1 / 8 }: FoldOptions,
): Record<SplitName, Place<S>[]> {
  if (!Number.isInteger(folds) || folds < 2)
    throw new UserError(`folds is ${folds}, but must be a whole number, 2 or more.`);
  if (!Number.isInteger(fold) || fold < 0 || fold >= folds)
    throw new UserError(`fold is ${fold}, but must be a whole number from 0 to ${folds - 1}.`);
  if (!(validation > 0 && validation < 1))
    throw new UserError(`validation is ${validation}, but must be above 0 and below 1.`);
  const places = new Map(pool.map((place) => [place.id, place]));
  const placeOf = (id: string): Place<S> => places.get(id) as Place<S>;
  const strata = new Map(pool.map((place) => [place.id, strataOf(place)]));
  const division: DivisionOptions = {
    seed,
    strataOf: (id) => strata.get(id) ?? [],
    ...(pool.some(({ split }) => split.groups !== undefined) && { groupOf: (id) => groupOf(placeOf(id)) }),
  };
  const parts = drawFolds([...places.keys()], folds, division);
  const rest = parts.filter((_, index) => index !== fold).flat();
  const { train, val } = drawSplits(rest, {
    ...division,
    fractions: { train: 1 - validation, val: validation, test: 0 },
  });
  return { train: train.map(placeOf), val: val.map(placeOf), test: parts[fold].map(placeOf) };
}

/** Reads neighbours that are of one split at once. `read` gets the split, its indices, and the position of the first. */
function readRuns<S extends AnySplit>(
  places: readonly Place<S>[],
  indices: ArrayLike<number>,
  read: (split: S, own: readonly number[], at: number) => void,
): void {
  for (let at = 0; at < indices.length;) {
    const { split } = places[indices[at]];
    const own: number[] = [];
    while (at + own.length < indices.length && places[indices[at + own.length]].split === split)
      own.push(places[indices[at + own.length]].index);
    read(split, own, at);
    at += own.length;
  }
}

function identity(
  { title, sha256 }: Pick<Dataset, 'title' | 'sha256'>,
  { folds, fold, seed = 0, validation = 1 / 8 }: FoldOptions,
): Pick<Dataset, 'title' | 'sha256'> {
  const whole = JSON.stringify([sha256, 'fold', folds, fold, seed, validation]);
  return {
    title: `${title}, fold ${fold + 1} of ${folds}`,
    sha256: createHash('sha256').update(whole).digest('hex'),
  };
}

function describe({ folds, fold, seed = 0 }: FoldOptions, tested: number, how: string): string {
  return `fold ${fold + 1} of ${folds}: all images divided anew by seed ${seed}, ${how}; ${tested} are tested here, and no image twice`;
}
