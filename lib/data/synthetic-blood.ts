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

/** Shuffled labels (0–7) with BloodMNIST's class balance: largest remainder, and at least one image a class. `count` is at least 8. */
export function syntheticBloodLabels({
  count,
  seed,
  split,
}: {
  count: number;
  seed: number;
  split: SplitName;
}): Int32Array {
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

/**
 * One photograph: size × size × 3 bytes (red, green, blue), rows first, 0–255, about 20 µm wide. The same seed, split, class and index show
 * the same cell at every size (8–1024 pixels).
 */
export function renderBloodCell(cell: {
  classIndex: number;
  size: number;
  seed: number;
  split: SplitName;
  index: number;
}): Uint8Array {
  const { classIndex, size, seed, split, index } = cell;
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
  const surplus = (classIndex: number) => counts[classIndex] - exact[classIndex];
  const classes = counts.map((_, classIndex) => classIndex);
  for (
    let missing = count - counts.reduce((sum, value) => sum + value, 0);
    missing !== 0;
    missing -= Math.sign(missing)
  ) {
    const candidates = missing > 0 ? classes : classes.filter((classIndex) => counts[classIndex] > 1);
    const next = candidates.reduce((best, other) => {
      const better = missing > 0 ? surplus(other) < surplus(best) : surplus(other) > surplus(best);
      return better ? other : best;
    });
    counts[next] += Math.sign(missing);
  }
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
