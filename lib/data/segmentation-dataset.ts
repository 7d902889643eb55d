/** What every source of images with masks looks like to the rest of the library, whether it is a folder or procedural. */
import type { DataFacts, SplitName } from './dataset';
import type { Mask } from './mask';
import type { SplitOrigin } from './splits';

/** One split. Images and masks stay on the disk until they are asked for, decoded and resized. */
export interface SegmentationSplit {
  readonly name: SplitName;
  readonly count: number;
  /** The images' names, in the order of their characters' numbers. */
  readonly ids: readonly string[];
  /** Whose each image is, where that is known. */
  readonly groups?: readonly string[];
  /** Copies the images at `indices` into `target`, one after the other: height × width × 3 bytes each, RGB, rows first, 0–255. */
  readImages(indices: ArrayLike<number>, target: Uint8Array): void;
  /** Copies the masks at `indices` into `target`: height × width bytes each, 1 in the lesion, 0 outside. */
  readMasks(indices: ArrayLike<number>, target: Uint8Array): void;
  /** The mask as it was drawn, 0 or 1, at its own size, which differs from image to image: what scores are computed on. */
  nativeMask(index: number): Mask;
}

export const brokenKinds = {
  'no-mask': 'without mask',
  'no-image': 'without image',
  'same-id': 'with the id of another',
  'unreadable-image': 'with an unreadable image',
  'unreadable-mask': 'with an unreadable mask',
  'sizes-differ': 'with image and mask of different size',
  'empty-mask': 'with a mask without foreground',
} as const;
export type BrokenKind = keyof typeof brokenKinds;

/** An image that cannot be used, or a mask without an image. */
export interface BrokenPair {
  readonly id: string;
  readonly kind: BrokenKind;
  /** One line that names the files. */
  readonly reason: string;
}

/** A dataset with its three splits. `close` releases files; a closed dataset can no longer be read. */
export interface SegmentationDataset {
  /** `synthetic-lesions`, or the folder's name. */
  readonly name: string;
  /** For headings and captions. */
  readonly title: string;
  /** The size that images and masks are read at, in pixels. */
  readonly height: number;
  readonly width: number;
  readonly splits: Readonly<Record<SplitName, SegmentationSplit>>;
  readonly origins: Readonly<Record<SplitName, SplitOrigin>>;
  /** What should be said of the data before anything is computed with it, a line each. */
  readonly notes: readonly string[];
  /** What was left out, with `skipBroken`; otherwise empty. */
  readonly broken: readonly BrokenPair[];
  /** SHA-256 over names and contents of all files and over the splits, whatever the size, in hexadecimal. */
  readonly sha256: string;
  /** True where the images were made by this project; then every figure says so. */
  readonly synthetic: boolean;
  readonly license: string;
  readonly citation: string;
  /** What it was taken from, where it has not all of its images. */
  readonly whole?: SegmentationDataset;
  /** Of a fold of a cross-validation: what was divided. */
  readonly derivedFrom?: DataFacts;
  close(): void;
}

/** The part of a split at `indices`, in their order, such as one of `nestedSubset`. */
export function subsetOf(split: SegmentationSplit, indices: ArrayLike<number>): SegmentationSplit {
  const chosen = Int32Array.from(indices);
  const wrong = chosen.find((index) => !(index >= 0 && index < split.count));
  if (wrong !== undefined)
    throw new RangeError(`${split.name} has ${split.count} images, so there is no image ${wrong}.`);
  const original = (positions: ArrayLike<number>): Int32Array =>
    Int32Array.from(positions, (position) => chosen[position]);
  return {
    name: split.name,
    count: chosen.length,
    ids: Array.from(chosen, (index) => split.ids[index]),
    ...(split.groups && { groups: Array.from(chosen, (index) => split.groups?.[index] ?? split.ids[index]) }),
    readImages: (positions, target) => split.readImages(original(positions), target),
    readMasks: (positions, target) => split.readMasks(original(positions), target),
    nativeMask: (position) => split.nativeMask(chosen[position]),
  };
}

/** Such as `2 without mask, 1 with an all-zero mask`. */
export function countBroken(broken: readonly BrokenPair[]): string {
  const kinds = Object.keys(brokenKinds) as BrokenKind[];
  const counts = kinds.map((kind) => ({ kind, count: broken.filter((pair) => pair.kind === kind).length }));
  return counts
    .filter(({ count }) => count > 0)
    .map(({ kind, count }) => `${count} ${brokenKinds[kind]}`)
    .join(', ');
}
