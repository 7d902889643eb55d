/** What every source of classification data looks like to the rest of the library, whether it is a file, a download or procedural. */

export const splitNames = ['train', 'val', 'test'] as const;
export type SplitName = (typeof splitNames)[number];

/** How labels are to be read (MedMNIST v2, Yang et al. 2023, Table 1). */
export type Task = 'multi-class' | 'binary-class' | 'multi-label' | 'ordinal-regression';

/** One split of a dataset. Images stay where they are until they are asked for. */
export interface Split {
  readonly name: SplitName;
  /** Number of images. */
  readonly count: number;
  /** Row-major count × labelWidth; labelWidth is 1 but for multi-label tasks. */
  readonly labels: Int32Array;
  readonly labelWidth: number;
  /** The files that the images are of, relative to what was opened; undefined for arrays. */
  readonly names?: readonly string[];
  /** Whose each image is, where that is known. */
  readonly groups?: readonly string[];
  /** What each image counts in training, where that is given. */
  readonly weights?: Float32Array;
  /** Copies the images at `indices` into `target`, one after the other: height × width × channels bytes each, rows first, 0–255. */
  readImages(indices: ArrayLike<number>, target: Uint8Array): void;
}

/** A dataset with its three splits. `close` releases files; a closed dataset can no longer be read. */
export interface Dataset {
  /** Registry name, `synthetic-blood`, or the file's name. */
  readonly name: string;
  /** For headings and captions. */
  readonly title: string;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly task: Task;
  readonly classNames: readonly string[];
  readonly splits: Readonly<Record<SplitName, Split>>;
  /** SHA-256 over images, labels, names of classes and splits, in hexadecimal; whatever order and age the files have. */
  readonly sha256: string;
  /** What should be said of the data before anything is computed with them, a line each. */
  readonly notes?: readonly string[];
  /** Files that were left out because they cannot be read. */
  readonly broken?: readonly { readonly name: string; readonly reason: string }[];
  /** True where the images were made by this project; then every figure says so. */
  readonly synthetic: boolean;
  readonly license: string;
  readonly citation: string;
  /** Of a fold of a cross-validation, and of images that were made worse: what they are of. */
  readonly derivedFrom?: DataFacts;
  close(): void;
}

/** What results say of data. */
export interface DataFacts {
  readonly name: string;
  readonly sha256: string;
  readonly splits: Readonly<Record<SplitName, { readonly count: number }>>;
}

/** What an image is called: its file, or its place in the split. */
export function imageName({ name, names }: Pick<Split, 'name' | 'names'>, index: number): string {
  return names?.[index] ?? `${name} ${index}`;
}

/** The classes of an image, by their numbers: one, or where an image may have several those that it has. */
export function classesOf({ labels, labelWidth }: Pick<Split, 'labels' | 'labelWidth'>, index: number): number[] {
  if (labelWidth === 1) return [labels[index]];
  const row = labels.subarray(index * labelWidth, (index + 1) * labelWidth);
  return [...row.keys()].filter((label) => row[label] === 1);
}

/** The classes of an image in words. */
export function labelOf(
  { classNames }: Pick<Dataset, 'classNames'>,
  split: Pick<Split, 'labels' | 'labelWidth'>,
  index: number,
): string {
  return (
    classesOf(split, index)
      .map((label) => classNames[label])
      .join(', ') || 'none'
  );
}

/** Images of each class; those with several labels count for each. */
export function imagesOfClasses(split: Pick<Split, 'count' | 'labels' | 'labelWidth'>, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (let index = 0; index < split.count; index++) for (const label of classesOf(split, index)) counts[label]++;
  return counts;
}
