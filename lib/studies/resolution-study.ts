/**
 * The follow-up that the first study announced: the same networks on images of 28, 64, 128 and 224 pixels. The study varied two things at
 * once, since its ResNet saw 28 pixels and its transformers 28 enlarged to 224; here source size and network input are separate axes.
 */
import type { Dataset } from '../data/dataset';
import { imageSizes } from '../data/registry-types';
import { lineComparison } from '../display/charts';
import { UserError } from '../errors';
import { wilsonInterval } from '../metrics/intervals';
import { arms } from './arms';
import { accuracyInterval } from './comparison';
import type { HeadSettings, StudyControls } from './frozen-head';
import { inputImages } from './input-views';
import { benchmarkSizes, medmnistPlusBlood } from './medmnist-plus';
import { checkNetwork, type NetworkChoice } from './networks';
import { parameterRows, resolveParameters, type GivenParameters, type ResolvedParameters } from './parameters';
import { dinoStudy } from './dino-frozen';
import { openSizes, type SizedData, type SizesRequest } from './resolution-data';
import { resolutionNotebook, resolutionParameterSpecs } from './resolution-parameters';
import { inputFor, sweepCnn, sweepFrozen, type CnnSettings, type SweepState } from './resolution-sweeps';
import type { ClassificationRow, Results } from './results';
import { comparableResults, openRun } from './run';
import { tourVitExpectation, tourVitName } from './tour-vit';
import { automaticModel } from './transfer-parameters';
import { vitStudy } from './vit-frozen-and-finetuned';

/** The data of a notebook's parameters. */
export function sizesRequest({
  profile,
  ...request
}: ResolvedParameters<Pick<typeof resolutionParameterSpecs, 'dataset' | 'sizes' | 'syntheticImages'>>): SizesRequest {
  return { ...request, automatic: profile === 'tour' ? [28, 64] : imageSizes };
}

/** The networks that are run frozen, and the size of every network's input. */
export function resolutionNetworks(choice: NetworkChoice): {
  readonly models: readonly string[];
  readonly input: number;
} {
  if (choice.model !== automaticModel)
    return { models: [choice.model], input: choice.model === tourVitName ? 64 : 224 };
  return choice.profile === 'tour' && choice.weights === 'random'
    ? { models: [tourVitName], input: 64 }
    : { models: [vitStudy.model, dinoStudy.model], input: 224 };
}

/**
 * Looks at the networks without loading them.
 * @throws UserError where one cannot be used
 */
export function checkResolutionNetworks(choice: NetworkChoice): void {
  const { models, input } = resolutionNetworks(choice);
  const { weights } = choice;
  if (models.length > 1 && weights !== 'hub' && weights !== 'random')
    throw new UserError(
      `weights is one file, but there are ${models.length} networks: set model to that of ${weights}.`,
    );
  for (const model of models) checkNetwork({ ...choice, model }, model, input);
}

/**
 * Opens the study with a notebook's parameters.
 * @throws UserError for an unknown parameter, one out of range, or a network that cannot be used
 */
export function resolutionStudy(given: GivenParameters<typeof resolutionParameterSpecs>) {
  const parameters = resolveParameters(resolutionParameterSpecs, given);
  checkResolutionNetworks(parameters);
  const { models, input } = resolutionNetworks(parameters);
  const run = openRun(resolutionNotebook, parameters);
  const { epochs, cnnEpochs, batchSize, learningRate, weightDecay, seed, cache } = parameters; // prettier-ignore
  const training = { batchSize, learningRate, weightDecay, seed };
  const state: SweepState = { run, input, finished: new Set() };
  return {
    parameters,
    /** One row a parameter: its value, where that comes from, and what it means. */
    parameterRows: () => parameterRows(resolutionParameterSpecs, given, parameters),
    openData: () => openSizes(sizesRequest(parameters)),
    /** The same cells at each size, enlarged and on black as the networks get them. */
    inputs: (data: SizedData) => shownInputs(data, input),
    cnnSettings: { ...training, epochs: cnnEpochs, inputs: ['native', 'resized'] } satisfies CnnSettings,
    /** Trains a ResNet-18 from scratch at each size. */
    sweepCnn: (data: SizedData, options: CnnSettings & StudyControls) => {
      const { signal, progress, ...settings } = options;
      return sweepCnn(state, data, settings, { signal, progress });
    },
    headSettings: { ...training, epochs, cache } satisfies HeadSettings,
    /** Runs the frozen networks at each size, resized and zero-padded, under a linear head and nearest neighbours. */
    sweepFrozen: (data: SizedData, options: HeadSettings & StudyControls) => {
      const { signal, progress, ...settings } = options;
      return sweepFrozen(state, data, { ...parameters, models }, settings, { signal, progress });
    },
    /** One row for each network, training and input: test accuracy by source size. */
    bySize: (data: SizedData) => accuracyRows(latestRows(comparableResults(run, data.all)), data.sizes),
    /** Test accuracy against source size, one line for each network, training and input. */
    chart: (data: SizedData) => sizeChart(latestRows(comparableResults(run, data.all)), data),
    /** What others have published for BloodMNIST. */
    published: publishedRows,
    /** One row for each training of this notebook on these data. */
    comparison: (data: SizedData) => comparisonOf(comparableResults(run, data.all), data),
  };
}

function shownInputs({ sizes, bySize }: SizedData, input: number) {
  const shown = sizes.flatMap((size) => {
    const dataset = bySize.get(size) as Dataset;
    const modes = size === input ? (['resized'] as const) : (['resized', 'zero-padded'] as const);
    return modes.map((mode) => ({
      title: size === input ? `${size}, as it is` : `${size}, ${mode}`,
      dataset,
      input: inputFor(mode, tourVitExpectation, size, input),
    }));
  });
  return inputImages(shown, {
    caption: `The same cells at each source size, as input of ${input}×${input} pixels`,
    count: 5,
  });
}

type SizeRow = ClassificationRow & { readonly settings: Readonly<Record<string, string | number>> };

/** Of equal trainings the one that was recorded last, without rows of other networks' notebooks. */
function latestRows(all: readonly Results[]): SizeRow[] {
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

function accuracyRows(rows: readonly SizeRow[], sizes: readonly number[]) {
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

function sizeChart(rows: readonly SizeRow[], { all, sizes }: SizedData) {
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

function publishedRows() {
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

function comparisonOf(all: readonly Results[], { all: { splits } }: SizedData) {
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
