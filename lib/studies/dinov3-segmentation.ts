/**
 * The fourth study: a U-Net from random weights against Dino U-Nets on frozen DINOv3 encoders, on 25, 50 and 100 % of ISIC 2018's 2,594
 * training images (github.com/getrichthroughcode/dinov3-isic2018-segmentation).
 *
 * Published: frozen encoders are ahead on a quarter of the images, the U-Net on all of them, and larger encoders are not better. `corrected`:
 * what differs is listed in dinov3-segmentation/arms.ts. A run is one network on one fraction with one seed; dinov3-segmentation/results.ts
 * says what it leaves.
 */
import { join } from 'node:path';
import type { OpenSegmentationOptions } from '../data/open-segmentation';
import type { SegmentationDataset } from '../data/segmentation-dataset';
import { mean } from '../metrics/intervals';
import { openDinov3Encoder, type Dinov3Encoder, type EncoderOptions } from './dinov3-segmentation/encoders';
import { describeDinov3Arms } from './dinov3-segmentation/arms';
import { armTitle } from './dinov3-segmentation/groups';
import { encodersOf } from './dinov3-segmentation/encoder-choice';
import type { Dinov3EncoderName } from './dinov3-segmentation/encoder-names';
import { configurationsOf, dinov3Notebook, dinov3ParameterSpecs, fractionsOf, openDinov3Data, type GivenDinov3Parameters, type RunSelection } from './dinov3-segmentation/parameters'; // prettier-ignore
import type { Dinov3Configuration, Dinov3Run } from './dinov3-segmentation/results';
import { rowOfRun } from './dinov3-segmentation/rows';
import { openDinov3Store, trainDinov3Runs, type RunsControls } from './dinov3-segmentation/runs';
import { parameterRows, resolveParameters } from '../runs/parameters';
import type { SegmentationRow } from '../runs/results';
import { comparableResults, openRun, recordResults } from '../runs/notebook-run';

/** What a training may be given other than the parameters have it. */
export type ChangedSettings = Pick<GivenDinov3Parameters, 'epochs' | 'batchSize' | 'learningRate' | 'weightDecay' | 'diceWeight' | 'patience' | 'flips' | 'flipTta' | 'unetWidth' | 'decoderWidth'>; // prettier-ignore

export type TrainingChoice = RunSelection & RunsControls & { readonly settings?: ChangedSettings };

/**
 * Opens the study with a notebook's parameters.
 * @throws UserError for an unknown parameter or one out of range
 */
export function dinov3Segmentation(given: GivenDinov3Parameters) {
  const parameters = resolveParameters(dinov3ParameterSpecs, given);
  const encoderNames = encodersOf(parameters);
  const run = openRun(dinov3Notebook, parameters);
  const store = openDinov3Store(join(run.directory, 'runs'));
  const { seed, cache } = parameters;
  return {
    parameters,
    /** Of bootstrap intervals. */
    intervals: { seed, resamples: parameters.profile === 'tour' ? 1000 : 5000 },
    /** Whose Dino U-Nets are trained. */
    encoderNames,
    /** Of the training images, ascending. */
    fractions: fractionsOf(parameters.fractions),
    /** One row a parameter: its value, where that comes from, and what it means. */
    parameterRows: () => parameterRows(dinov3ParameterSpecs, given, parameters),
    openData: (controls: Pick<OpenSegmentationOptions, 'signal' | 'onProgress'> = {}) =>
      openDinov3Data(parameters, controls),
    /** One encoder with its weights; `close` frees them. */
    openEncoder: (name: Dinov3EncoderName, controls: Pick<EncoderOptions, 'arms' | 'signal' | 'onProgress'> = {}) =>
      openDinov3Encoder({ ...parameters, ...controls, name }),
    /** One row a difference between the arms. */
    arms: () => describeDinov3Arms(parameters.seeds),
    /** The runs of some arms, networks, fractions and seeds, or all: those of each encoder one after the other. */
    configurations: (dataset: SegmentationDataset, encoders: readonly Dinov3Encoder[], selection: RunSelection = {}) =>
      configurationsOf(parameters, dataset, encoders, selection),
    /**
     * Trains the runs of a selection that are not finished yet, and records their rows. What is stopped or killed continues with the same
     * call; undefined where it was stopped.
     * @throws UserError for changed settings out of range
     */
    trainRuns: async (
      dataset: SegmentationDataset,
      encoders: readonly Dinov3Encoder[],
      { signal, onProgress, onRun, settings = {}, ...selection }: TrainingChoice = {},
    ): Promise<Dinov3Run[] | undefined> => {
      const changed = resolveParameters(dinov3ParameterSpecs, { ...given, ...settings });
      const configurations = configurationsOf(changed, dataset, encoders, selection);
      const runs = await trainDinov3Runs(store, configurations, { dataset, encoders, cache }, { signal, onProgress, onRun }); // prettier-ignore
      for (const finished of runs ?? [])
        recordResults(run, dataset, finished.id, [rowOfRun(finished)], finished.result.history);
      return runs;
    },
    /** The runs that are finished, of a list or of a selection. */
    finishedRuns: (configurations: readonly Dinov3Configuration[]): Dinov3Run[] => store.finished(configurations),
    /** One row for all seeds of what this notebook has finished on these data, whatever its parameters were. */
    comparison: (dataset: SegmentationDataset) =>
      comparisonOfRuns(
        comparableResults(run, dataset).flatMap(({ results }) => results as unknown as SegmentationRow[]),
      ),
  };
}

/** Means over seeds; runs that several parameters of the notebook have in common count once. */
function comparisonOfRuns(all: readonly SegmentationRow[]) {
  const rows = [...new Map(all.map((row) => [row.trainingKey, row])).values()];
  const keyOf = ({ arm, model, weights, trainImages, settings }: SegmentationRow): string =>
    JSON.stringify([arm, model, weights, trainImages, { ...settings, seed: undefined }]);
  return [...new Set(rows.map(keyOf))].map((key) => {
    const seeds = rows.filter((row) => keyOf(row) === key);
    const [{ model, weights, arm, trainImages, settings }] = seeds;
    const of = (fact: 'testDice' | 'testIou' | 'testSensitivity' | 'testHd95' | 'seconds'): number => mean(seeds.map((row) => row[fact])); // prettier-ignore
    return {
      model,
      weights,
      arm: armTitle(arm),
      trainImages,
      seeds: seeds.length,
      testDice: of('testDice'),
      testIou: of('testIou'),
      testSensitivity: of('testSensitivity'),
      testHd95: of('testHd95'),
      changed: differencesOf(settings, rows.filter((row) => row.arm === arm && row.model === model && row.trainImages === trainImages)), // prettier-ignore
      epochs: Number(settings.epochs),
      batchSize: Number(settings.batchSize),
      learningRate: Number(settings.learningRate),
      seconds: of('seconds'),
    };
  });
}

/** Settings in which trainings of the same network on as many images differ, as text; a cell that was run again with another value is one. */
function differencesOf(settings: SegmentationRow['settings'], alike: readonly SegmentationRow[]): string {
  return Object.keys(settings)
    .filter((name) => name !== 'seed' && alike.some((row) => row.settings[name] !== settings[name]))
    .map((name) => `${name} ${settings[name]}`)
    .join(', ');
}
