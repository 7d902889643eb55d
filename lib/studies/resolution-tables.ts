/** The resolution study's tables and chart, from the rows of its results. */
import { lineComparison } from '../display/charts';
import { wilsonInterval } from '../metrics/intervals';
import { arms } from './arms';
import { accuracyInterval } from '../runs/comparison';
import { benchmarkSizes, medmnistPlusBlood } from './medmnist-plus';
import type { SizedData } from './resolution-data';
import type { ClassificationRow, Results } from '../runs/results';

/** A row of results with its sizes. */
export type SizeRow = ClassificationRow & { readonly settings: Readonly<Record<string, string | number>> };

/** Of equal trainings the one that was recorded last, without rows of other networks' notebooks. */
export function latestRows(all: readonly Results[]): SizeRow[] {
  const rows = new Map<string, SizeRow>();
  for (const row of rowsOf(all)) rows.set(`${seriesName(row)} ${row.settings.sourceSize}`, row);
  return [...rows.values()];
}

function rowsOf(all: readonly Results[]): SizeRow[] {
  return all.flatMap(({ results }) => results as unknown as SizeRow[]).filter(({ arm }) => arms.includes(arm));
}

const trainingTitles: Readonly<Partial<Record<ClassificationRow['protocol'], string>>> = {
  scratch: 'from scratch',
  frozen: 'linear',
  knn: 'kNN',
};

function seriesName({ model, protocol, settings }: SizeRow): string {
  return `${model}, ${trainingTitles[protocol] ?? protocol}, ${settings.inputMode}`;
}

/** The rows of one line, one a size. At a source of the input's size all inputs are the same images, which are run once. */
function seriesRows(rows: readonly SizeRow[], name: string): SizeRow[] {
  const own = rows.filter((row) => seriesName(row) === name);
  const [{ model, protocol }] = own;
  const shared = rows.filter(
    ({ settings, ...row }) =>
      row.model === model &&
      row.protocol === protocol &&
      settings.sourceSize === settings.inputSize &&
      own.some((each) => each.settings.inputSize === settings.inputSize) &&
      !own.some((each) => each.settings.sourceSize === settings.sourceSize),
  );
  return [...own, ...shared].sort((one, other) => Number(one.settings.sourceSize) - Number(other.settings.sourceSize));
}

/** A heading for a size, which as a bare number would stand before all other columns. */
export function sizeHeading(size: number): string {
  return `${size} px`;
}

/** One row for each network, training and input: test accuracy by source size. */
export function accuracyRows(rows: readonly SizeRow[], sizes: readonly number[]) {
  return seriesNames(rows).map((name) => {
    const own = seriesRows(rows, name);
    const { model, protocol, settings } = rows.find((row) => seriesName(row) === name) as SizeRow;
    const at = (size: number): number => own.find((row) => row.settings.sourceSize === size)?.testAccuracy ?? NaN;
    const columns = sizes.map((size) => [sizeHeading(size), at(size)] as const);
    const training = trainingTitles[protocol] ?? protocol;
    return { model, training, input: settings.inputMode, ...Object.fromEntries(columns) };
  });
}

function seriesNames(rows: readonly SizeRow[]): string[] {
  return [...new Set(rows.map(seriesName))];
}

/** Test accuracy against source size, one line for each network, training and input, beside what others have published. */
export function sizeChart(rows: readonly SizeRow[], { all, sizes }: SizedData) {
  const images = all.splits.test.count;
  const ours = seriesNames(rows).map((name) => {
    const points = seriesRows(rows, name).map(({ settings, testAccuracy }) => {
      const { low, high } = wilsonInterval(Math.round(testAccuracy * images), images);
      return { x: Number(settings.sourceSize), y: testAccuracy, interval: [low, high] as const };
    });
    return { name, points };
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

/** What others have published for BloodMNIST. */
export function publishedRows() {
  return medmnistPlusBlood.map(({ model, training, accuracy }) => {
    const columns = benchmarkSizes.map((size) => [sizeHeading(size), accuracy[size]] as const);
    return { model, training, ...Object.fromEntries(columns) };
  });
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

/** One row for each training. */
export function comparisonOf(all: readonly Results[], { all: { splits } }: SizedData) {
  return rowsOf(all).map(
    ({ model, weights, protocol, settings, testAccuracy, testMacroF1, testAuc, bestValAccuracy, seconds }) => ({
      model,
      weights,
      training: trainingTitles[protocol] ?? protocol,
      sourceSize: Number(settings.sourceSize),
      input: `${settings.inputMode}, ${settings.inputSize}`,
      testAccuracy,
      interval: accuracyInterval(testAccuracy, splits.test.count),
      testMacroF1,
      testAuc: testAuc ?? NaN,
      bestValAccuracy,
      epochs: protocol === 'knn' ? NaN : Number(settings.epochs),
      learningRate: Number(settings.learningRate ?? NaN),
      seed: Number(settings.seed),
      seconds,
    }),
  );
}
