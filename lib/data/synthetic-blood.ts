/**
 * Procedural photographs of stained blood cells with the classes, the class balance and the sizes of BloodMNIST, for a first run without a
 * download. They are drawings: useful to see a method work, not to judge it on patients.
 */
import { UserError, suggestion } from '../errors';
import { createRandom } from '../random';
import { splitNames, type SplitName } from './dataset';
import { renderScene } from './synthetic-blood/render';
import { drawScene } from './synthetic-blood/scene';

/** BloodMNIST's eight classes, in its order (Acevedo et al. 2020; MedMNIST v2, Yang et al. 2023). */
export const syntheticBloodClasses: readonly string[] = [
  'basophil',
  'eosinophil',
  'erythroblast',
  'immature granulocytes(myelocytes, metamyelocytes and promyelocytes)',
  'lymphocyte',
  'monocyte',
  'neutrophil',
  'platelet',
];

/** BloodMNIST's numbers of images: of each split, and of each class in the train split. */
export const syntheticBloodCounts = {
  splits: { train: 11959, val: 1712, test: 3421 } satisfies Record<SplitName, number>,
  trainClasses: [852, 2181, 1085, 2026, 849, 993, 2330, 1643],
} as const;

const smallestSize = 8;
const largestSize = 1024;

export interface BloodLabelsRequest {
  /** Number of labels, at least 8. */
  readonly count: number;
  readonly seed: number;
  readonly split: SplitName;
}

/** Shuffled labels (0–7) with BloodMNIST's class balance: largest remainder, and at least one image a class. */
export function syntheticBloodLabels({ count, seed, split }: BloodLabelsRequest): Int32Array {
  checkInteger('count', count, syntheticBloodClasses.length, 10_000_000);
  checkInteger('seed', seed, 0, Number.MAX_SAFE_INTEGER);
  checkSplit(split);
  const ordered: number[] = [];
  classCounts(count).forEach((images, classIndex) => {
    for (let image = 0; image < images; image++) ordered.push(classIndex);
  });
  const order = createRandom(seed, 'synthetic-blood labels', split).permutation(count);
  return Int32Array.from(order, (position) => ordered[position]);
}

export interface BloodCellRequest {
  /** 0–7, as in `syntheticBloodClasses`. */
  readonly classIndex: number;
  /** Height and width in pixels, 8–1024; about 20 µm. */
  readonly size: number;
  readonly seed: number;
  readonly split: SplitName;
  /** Which of the split's cells of this class. */
  readonly index: number;
}

/**
 * One photograph: size × size × 3 bytes (red, green, blue), rows first, 0–255. The same seed, split, class and index show the same cell at
 * every size.
 */
export function renderBloodCell({ classIndex, size, seed, split, index }: BloodCellRequest): Uint8Array {
  checkInteger('classIndex', classIndex, 0, syntheticBloodClasses.length - 1);
  checkInteger('size', size, smallestSize, largestSize);
  checkInteger('seed', seed, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('index', index, 0, Number.MAX_SAFE_INTEGER);
  checkSplit(split);
  const scene = drawScene(classIndex, createRandom(seed, 'synthetic-blood', split, classIndex, index));
  return renderScene(scene, size, createRandom(seed, 'synthetic-blood noise', split, classIndex, index));
}

/** Images of each class: in BloodMNIST's proportions, rounded by largest remainder, none without an image. */
function classCounts(count: number): number[] {
  const { splits, trainClasses } = syntheticBloodCounts;
  const exact = trainClasses.map((images) => (images * count) / splits.train);
  const counts = exact.map((value) => Math.max(1, Math.floor(value)));
  const byRemainder = counts.map((_, classIndex) => classIndex);
  byRemainder.sort((first, second) => exact[second] - counts[second] - (exact[first] - counts[first]));
  // Eight classes lose less than eight images to rounding; from eight images on, raising rare classes to one never takes more than that.
  const missing = count - counts.reduce((sum, value) => sum + value, 0);
  for (const classIndex of byRemainder.slice(0, missing)) counts[classIndex]++;
  return counts;
}

function checkInteger(name: string, value: number, lowest: number, highest: number): void {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return;
  throw new UserError(`${name} is ${value}; allowed are whole numbers from ${lowest} to ${highest}`);
}

function checkSplit(split: string): void {
  if ((splitNames as readonly string[]).includes(split)) return;
  throw new UserError(`split is "${split}"; allowed are ${splitNames.join(', ')}${suggestion(split, splitNames)}`);
}
