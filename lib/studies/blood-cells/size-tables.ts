/** The resolution study's tables and chart, from the rows of its trainings. */
import { lineComparison } from '../../display/line-chart';
import type { FigureDisplay } from '../../display/figure';
import type { Displayable } from '../../display/mime';
import { table } from '../../display/tables';
import { scoresOf } from '../../workbench/comparison';
import { wilsonInterval } from '../../metrics/intervals';
import { armTitle } from '../../runs/arms';
import { grouped } from '../../grouped';
import { accuracyInterval, changedSettings } from '../../runs/comparison';
import { differingTrainings } from '../../runs/differing-settings';
import type { ClassificationRow } from '../../runs/results';
import { comparableRows } from '../../workbench/backbones';
import { benchmarkSizes, medmnistPlusBlood, sizeHeading } from './published';
import type { SizedData } from '../../data/sizes';

const trainingTitles: Readonly<Partial<Record<ClassificationRow['protocol'], string>>> = {
  scratch: 'from scratch',
  frozen: 'linear',
  knn: 'kNN',
};

function trainingTitle({ protocol, arm }: ClassificationRow): string {
  return `${trainingTitles[protocol] ?? protocol}${arm === 'corrected' ? '' : `, ${armTitle(arm)}`}`;
}

/** A line: trainings that differ in the source size and in nothing else. */
export interface SizeSeries {
  readonly model: string;
  readonly training: string;
  readonly input: string;
  /** What sets it apart from lines of the same network, training and input; empty where there is none. */
  readonly apart: string;
  /** One for each size, from the smallest on. */
  readonly rows: readonly ClassificationRow[];
}

/** What differs along a line, or was selected on the validation split. */
const alongLine = ['sourceSize', 'inputSize', 'input', 'k', 'regularization', 'iterations'];

/** What all trainings of a line have in common, as text; without `inputMode`, what two lines may share a point in. */
function commonOf(
  { model, protocol, arm, weights, weightsSha256, settings }: ClassificationRow,
  without: readonly string[] = [],
): string {
  const names = Object.keys(settings).filter((name) => ![...alongLine, ...without].includes(name));
  const common = names.sort().map((name) => [name, settings[name]]);
  return JSON.stringify([model, protocol, arm, weights, weightsSha256, common]);
}

/**
 * The lines of rows: trainings with other settings, seeds or weights are other lines, whose names tell what sets them apart. At a source
 * of the input's size all inputs are the same images, which are run once: that point is in all their lines.
 */
export function sizeSeries(rows: readonly (ClassificationRow | undefined)[]): SizeSeries[] {
  const all = rows.flatMap((row) => row ?? []);
  const lines = [...grouped(all, (row) => commonOf(row)).values()];
  const kindOf = (row: ClassificationRow): string => [row.model, row.protocol, row.arm, row.settings.inputMode].join();
  const told = differingTrainings(
    lines.map(([row]) => row),
    kindOf,
    alongLine,
  );
  return lines.map((own, index) => {
    const [first] = own;
    const shared = all.filter((row) => isShared(row, own));
    const bySize = new Map([...shared, ...own].map((row) => [Number(row.settings.sourceSize), row]));
    return {
      model: first.model,
      training: trainingTitle(first),
      input: String(first.settings.inputMode),
      apart: told[index].join(', '),
      rows: [...bySize].sort(([one], [other]) => one - other).map(([, row]) => row),
    };
  });
}

function isShared(row: ClassificationRow, own: readonly ClassificationRow[]): boolean {
  const { sourceSize, inputSize } = row.settings;
  const alike = commonOf(row, ['inputMode']) === commonOf(own[0], ['inputMode']);
  return alike && sourceSize === inputSize && own.some((each) => each.settings.inputSize === inputSize);
}

/** One row for each network, training and input: test accuracy by source size. */
export function sizeRows(rows: readonly (ClassificationRow | undefined)[], { sizes }: Pick<SizedData, 'sizes'>) {
  const series = sizeSeries(rows);
  const isApart = series.some(({ apart }) => apart !== '');
  return series.map(({ model, training, input, apart, rows: own }) => {
    const at = (size: number): number => own.find(({ settings }) => settings.sourceSize === size)?.testAccuracy ?? NaN;
    return {
      model,
      training,
      input,
      ...(isApart ? { apart } : {}),
      ...Object.fromEntries(sizes.map((size) => [sizeHeading(size), at(size)])),
    };
  });
}

/** Test accuracy by source size: one row for each network, training and input. */
export function sizeTable(rows: readonly (ClassificationRow | undefined)[], data: SizedData): Displayable {
  return table(sizeRows(rows, data), { caption: 'Test accuracy by source size (pixels a side)', digits: 4 });
}

/** Test accuracy against source size, one line for each network, training and input, beside what others have published. */
export function sizeChart(rows: readonly (ClassificationRow | undefined)[], { all, sizes }: SizedData): FigureDisplay {
  const images = all.splits.test.count;
  const ours = sizeSeries(rows).map(({ model, training, input, apart, rows: own }) => {
    const points = own.map(({ settings, testAccuracy }) => {
      const { low, high } = wilsonInterval(Math.round(testAccuracy * images), images);
      return { x: Number(settings.sourceSize), y: testAccuracy, interval: [low, high] as const };
    });
    return { name: [model, training, input, apart].filter((part) => part !== '').join(', '), points };
  });
  const theirs = all.name === 'bloodmnist' ? publishedSeries() : [];
  const range = sizes.length > 1 ? `${sizes[0]} to ${sizes[sizes.length - 1]}` : String(sizes[0]);
  return lineComparison(
    {
      series: [...ours, ...theirs],
      xTitle: 'Source size (pixels a side)',
      yTitle: 'Test accuracy',
      title: 'Accuracy against source size',
      intervalTitle: '95 % intervals over the test images (Wilson)',
    },
    {
      label: `Test accuracy of each network at source sizes of ${range} pixels`,
      caption: theirs.length > 0 ? 'Dotted: MedMNIST+ benchmark, whose images are zero-padded.' : undefined,
    },
  );
}

function publishedSeries() {
  return medmnistPlusBlood
    .filter(({ training, model }) => training === 'linear' || (training === 'end to end' && model === 'ResNet-18'))
    .map(({ model, training, accuracy }) => ({
      name: `${model}, ${training} (MedMNIST+)`,
      points: benchmarkSizes.map((x) => ({ x, y: accuracy[x] })),
      reference: true,
    }));
}

/** All trainings of this notebook on these data: one row each, whatever their settings. */
export function sizeComparison({ all }: SizedData): Displayable {
  const rows = comparableRows(all);
  const images = all.splits.test.count;
  const changes = changedSettings(rows, alongLine.concat('inputMode'));
  const isChanged = changes.some((text) => text !== '');
  const shown = rows.map((row, index) => {
    const { model, weights, arm, settings, testAccuracy, testMacroF1, testAuc, bestValAccuracy, seconds } = row;
    return {
      ...{ model, arm, sourceSize: Number(settings.sourceSize), testAccuracy },
      interval: accuracyInterval(testAccuracy, images),
      ...{ testMacroF1, testAuc: testAuc ?? NaN, bestValAccuracy, weights, training: trainingTitle(row) },
      input: `${settings.inputMode}, ${settings.inputSize}`,
      epochs: Number(settings.epochs ?? NaN),
      learningRate: Number(settings.learningRate ?? NaN),
      seed: Number(settings.seed ?? NaN),
      ...(isChanged ? { changed: changes[index] } : {}),
      seconds,
    };
  });
  return table(shown, { caption: 'All trainings of this notebook on these data', ...scoresOf(shown, images) });
}
