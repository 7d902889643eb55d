/** Image files with their labels, wherever these come from: folders of classes or a table. */
import type { SplitName } from './dataset';
import { byCharacters } from './splits';

export interface LabelledFile {
  /** Relative to what was opened, with slashes, and the same whichever way an accent is written. */
  readonly name: string;
  readonly path: string;
  /** One class, or any number of labels. */
  readonly labels: readonly string[];
  readonly split?: SplitName;
  readonly group?: string;
  readonly weight?: number;
}

export interface LabelledFiles {
  /** In the order of their names. */
  readonly files: readonly LabelledFile[];
  /** Whether an image may have several labels, or none. */
  readonly several: boolean;
  /** Classes or labels; a number is its place here. */
  readonly classNames: readonly string[];
  /** Names of files that are no images. */
  readonly leftOut: readonly string[];
  /** What should be said, a line each. */
  readonly notes: readonly string[];
}

/** Each name once, by the numbers in them as people count (`class 2` before `class 10`), else by their characters' numbers. */
export function naturalOrder(names: Iterable<string>): string[] {
  return [...new Set(names)].sort((first, second) => {
    const [left, right] = [partsOf(first), partsOf(second)];
    for (let at = 0; at < Math.min(left.length, right.length); at++) {
      const order = comparePart(left[at], right[at]);
      if (order !== 0) return order;
    }
    return left.length - right.length || byCharacters(first, second);
  });
}

function partsOf(name: string): string[] {
  return name.match(/\d+|\D+/g) ?? [];
}

function comparePart(first: string, second: string): number {
  const numbers = /^\d/.test(first) && /^\d/.test(second);
  return numbers ? Number(first) - Number(second) : byCharacters(first, second);
}

const spellings: Readonly<Record<SplitName, readonly string[]>> = {
  train: ['train', 'training', 'trn', 'tr', 'train_set', 'training_set'],
  val: ['val', 'valid', 'validation', 'validate', 'dev', 'val_set', 'validation_set'],
  test: ['test', 'testing', 'tst', 'te', 'test_set'],
};

/** The split that a folder or a cell means. */
export function splitOfName(name: string): SplitName | undefined {
  const plain = name.trim().toLowerCase().replaceAll(/[ -]/g, '_');
  return (Object.keys(spellings) as SplitName[]).find((split) => spellings[split].includes(plain));
}
