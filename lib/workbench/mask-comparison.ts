/** All segmentation networks of a notebook on the same test images, side by side. */
import type { SegmentationDataset } from '../data/segmentation-dataset';
import type { Displayable } from '../display/mime';
import { table } from '../display/tables';
import { comparableRows, comparisonOfMasks, maskRows } from '../runs/mask-rows';
import { comparableResults, currentRun } from '../runs/notebook-run';
import { shortHash } from '../runs/results';
import { chosenHow, chosenRow } from '../runs/chosen';
import { grouped } from '../grouped';

export interface MaskComparisonOptions {
  readonly caption?: string;
  /** What the mean of a row is over; `Draws` by default. */
  readonly drawsTitle?: string;
}

/**
 * One row for what this notebook has trained alike on these data, tested on the same images at the same size: means over draws and seeds.
 * `changed`: what sets it apart from others of the same network on as many images. Trainings at other sizes, or with other test images,
 * are counted below.
 */
export function maskComparison(
  data: SegmentationDataset,
  { caption = 'All trainings of this notebook on these data', drawsTitle = 'Draws' }: MaskComparisonOptions = {},
): Displayable {
  const all = maskRows(comparableResults(currentRun(), data));
  const rows = comparableRows(all, { testImages: shortHash(data.splits.test.ids), imageSize: data.height });
  const compared = comparisonOfMasks(rows);
  const isChanged = compared.some(({ changed }) => changed !== '');
  const others = all.length - rows.length;
  const left = others === 0 ? '' : `; ${others} at other sizes or on other test images are left out`;
  return table(compared, {
    columns: columns.filter((name) => name !== 'changed' || isChanged),
    caption: `${caption}, means over ${drawsTitle.toLowerCase()}${left}`,
    headings: { draws: drawsTitle, learningRate: 'Rate' },
    digits: { learningRate: 4 },
    chosen: { rows: chosenBySize(compared), columns: ['testDice', 'testIou'], how: chosenHow },
  });
}

/** Names first, then scores, then settings. */
const columns = [
  'model',
  'arm',
  'trainImages',
  'draws',
  'testDice',
  'testIou',
  'testSensitivity',
  'testHd95',
  'weights',
  'protocol',
  'changed',
  'epochs',
  'learningRate',
  'seconds',
];

/** Of as many training images, the one with the highest mean Dice on validation images, where there are several. */
function chosenBySize(rows: ReturnType<typeof comparisonOfMasks>): readonly object[] {
  const groups = [...grouped(rows, ({ trainImages }) => String(trainImages)).values()];
  return groups
    .filter(({ length }) => length > 1)
    .flatMap((group) => chosenRow(group, ({ bestValDice }) => bestValDice) ?? []);
}
