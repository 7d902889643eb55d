/**
 * The follow-up that the first study announced: the same networks on images of 28, 64, 128 and 224 pixels. The study varied two things at
 * once, since its ResNet saw 28 pixels and its transformers 28 enlarged to 224; here source size and network input are separate axes.
 */
import type { Dataset } from '../data/dataset';
import { imageSizes } from '../data/registry-types';
import { UserError } from '../errors';
import type { HeadSettings, StudyControls } from './frozen-head';
import { inputImages } from './input-views';
import { checkNetwork, type NetworkChoice } from './networks';
import { parameterRows, resolveParameters, type GivenParameters, type ResolvedParameters } from '../runs/parameters';
import { dinoStudy } from './dino-frozen';
import { openSizes, type SizedData, type SizesRequest } from './resolution-data';
import { resolutionNotebook, resolutionParameterSpecs } from './resolution-parameters';
import { inputFor, sweepCnn, sweepFrozen, type CnnSettings, type SweepState } from './resolution-sweeps';
import { accuracyRows, comparisonOf, latestRows, publishedRows, sizeChart } from './resolution-tables';
import { comparableResults, openRun } from '../runs/notebook-run';
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
