/**
 * The third study: a ViT-B/16 learns to take noise out of dermoscopic images; then a decoder segments lesions on its features, with the
 * encoder frozen (F) or, from ImageNet's weights, trained along (E), on 2000 down to 10 images (github.com/IsaacXu0808/DLMI-project).
 *
 * Published, on ISIC 2017: F beats E in the Jaccard index at 40, 20 and 10 images by about 0.01, and saves 47.79 % of the time. `corrected`:
 * what differs is `armOptions` in few-shot-segmentation/arms.ts.
 */
import type { OpenSegmentationOptions } from '../data/open-segmentation';
import type { SegmentationDataset } from '../data/segmentation-dataset';
import { mean } from '../metrics/intervals';
import { describeFewShotArms, planTraining, armOptions, type FewShotArm, type FewShotSettings, type SeriesName } from './few-shot-segmentation/arms'; // prettier-ignore
import { denoise, type DenoisingRequest } from './few-shot-segmentation/denoising';
import { isDataOfStudy } from './few-shot-segmentation/figures';
import type { SeriesControls, SeriesRequest } from './few-shot-segmentation/maps';
import { trainSeries, type FewShotTraining } from './few-shot-segmentation/series';
import { compareSeries, modelSizes, planRows, publishedScoreRows, scoreRows } from './few-shot-segmentation/tables';
import { trainUnet, type UnetSettings } from './few-shot-segmentation/unet';
import { fewShotNotebook, fewShotParameterSpecs, openFewShotData, usableSizes, type GivenFewShotParameters } from './few-shot-segmentation/parameters'; // prettier-ignore
import { parameterRows, resolveParameters } from '../runs/parameters';
import type { SegmentationRow } from '../runs/results';
import { comparableResults, openRun } from '../runs/notebook-run';
import { openEncoder, type EncoderOptions, type SegmentationEncoder } from './segmentation-encoders';

const denoisingNoise = 0.1;

type SeriesChoice = Pick<SeriesRequest, 'denoised' | 'options'> & SeriesControls & Partial<FewShotSettings> & { readonly sizes?: readonly number[] }; // prettier-ignore

/**
 * Opens the study with a notebook's parameters.
 * @throws UserError for an unknown parameter or one out of range
 */
export function fewShotSegmentation(given: GivenFewShotParameters) {
  const parameters = resolveParameters(fewShotParameterSpecs, given);
  const run = openRun(fewShotNotebook, parameters);
  const { epochs, batchSize, learningRate, weightDecay, seed, draws, cache } = parameters;
  const settings: FewShotSettings = { epochs, batchSize, learningRate, weightDecay, seed, draws };
  const sizesOf = ({ splits }: SegmentationDataset): number[] => usableSizes(parameters.sizes, splits.train.count);
  const intervals = { seed, resamples: parameters.profile === 'tour' ? 1000 : 5000 };
  return {
    parameters,
    settings,
    /** Of bootstrap intervals. */
    intervals,
    /** One row a parameter: its value, where that comes from, and what it means. */
    parameterRows: () => parameterRows(fewShotParameterSpecs, given, parameters),
    openData: (controls: Pick<OpenSegmentationOptions, 'signal' | 'onProgress'> = {}) =>
      openFewShotData(parameters, controls),
    openEncoder: (controls: Pick<EncoderOptions, 'signal' | 'onProgress'> = {}) =>
      openEncoder({ ...parameters, ...controls }),
    /** One row a switch between the arms. */
    arms: () => describeFewShotArms(draws),
    modelSizes: (encoder: SegmentationEncoder) => modelSizes(encoder, parameters.unetWidth),
    /** One row a size: how the study trained, and how an arm does here. */
    plan: (dataset: SegmentationDataset, encoder: SegmentationEncoder, arm: FewShotArm) =>
      planRows(sizesOf(dataset), (size) => {
        const counts = { train: dataset.splits.train.count, val: dataset.splits.val.count };
        const { normalization } = encoder;
        const planned = planTraining({ options: armOptions[arm], settings, size, draw: 0, counts, normalization });
        return { ...planned.settings, validation: planned.val.length };
      }),
    denoisingSettings: {
      epochs: parameters.denoisingEpochs,
      batchSize: parameters.denoisingBatchSize,
      learningRate: parameters.denoisingLearningRate,
      noise: denoisingNoise,
      seed,
    },
    /** Pre-trains encoder and reconstruction decoder as an arm does; undefined where it was stopped. */
    denoise: (
      encoder: SegmentationEncoder,
      dataset: SegmentationDataset,
      arm: FewShotArm,
      options: DenoisingRequest['settings'] & SeriesControls,
    ) => {
      // prettier-ignore
      const { signal, onProgress, ...denoising } = options;
      return denoise(run, { encoder, dataset, arm, settings: denoising }, { signal, onProgress });
    },
    /** Trains series at all sizes and draws of an arm; undefined where they were stopped. */
    trainSeries: (
      names: readonly SeriesName[],
      encoder: SegmentationEncoder,
      dataset: SegmentationDataset,
      arm: FewShotArm,
      choice: SeriesChoice = {},
    ) => {
      // prettier-ignore
      const { signal, onProgress, denoised, options, sizes = sizesOf(dataset), ...changed } = choice;
      const request = { encoder, dataset, arm, options, denoised, sizes, settings: { ...settings, ...changed }, cache };
      return trainSeries(run, names, request, { signal, onProgress });
    },
    unetSettings: {
      epochs: parameters.unetEpochs,
      width: parameters.unetWidth,
      images: parameters.unetImages,
      // The narrower the network, the larger a step it bears.
      learningRate: parameters.unetWidth <= 8 ? 2e-3 : 1e-3,
      seed,
    },
    /** Trains a U-Net from random weights; undefined where unetEpochs is 0. */
    trainUnet: (dataset: SegmentationDataset, options: UnetSettings & SeriesControls) => {
      const { signal, onProgress, ...unet } = options;
      return unet.epochs === 0 ? Promise.resolve(undefined) : trainUnet(run, dataset, unet, { signal, onProgress });
    },
    /** Means with intervals, the study's own beside them where the data are its. */
    scores: (trainings: readonly FewShotTraining[], dataset: SegmentationDataset) => {
      const published = isDataOfStudy(dataset) ? publishedScoreRows().map((row) => ({ ...row, series: `${row.series} (the study)` })) : []; // prettier-ignore
      return [...published, ...scoreRows(trainings, intervals)];
    },
    /** F against E, and each change by itself, on the same test images. */
    comparisons: (trainings: readonly FewShotTraining[]) => [
      ...compareSeries(trainings, 'F', 'E', intervals),
      ...compareSeries(trainings, 'F', 'F without denoising', intervals),
      ...compareSeries(trainings, 'E from the denoiser', 'E', intervals),
    ],
    /** One row for each series, size and arm that this notebook has trained on these data, and for each U-Net: means over draws. */
    comparison: (dataset: SegmentationDataset) => comparisonOfRuns(comparableResults(run, dataset).map(({ results }) => results as unknown as SegmentationRow[])), // prettier-ignore
  };
}

function comparisonOfRuns(runs: readonly (readonly SegmentationRow[])[]) {
  return runs.flatMap((rows) => {
    // Draws differ in nothing but their seed.
    const settingsOf = ({ settings }: SegmentationRow): string => JSON.stringify({ ...settings, seed: undefined });
    const keyOf = (row: SegmentationRow): string =>
      [row.model, String(row.series), row.arm, row.trainImages, settingsOf(row)].join('|');
    return [...new Set(rows.map(keyOf))].map((key) => {
      const draws = rows.filter((row) => keyOf(row) === key);
      const [{ model, weights, protocol, arm, trainImages, settings, series }] = draws;
      const of = (metric: 'testIou' | 'testDice' | 'testSensitivity' | 'testHd95' | 'seconds'): number => mean(draws.map((row) => row[metric])); // prettier-ignore
      return {
        model: typeof series === 'string' ? series : model,
        weights,
        protocol,
        arm,
        trainImages,
        draws: draws.length,
        testIou: of('testIou'),
        testDice: of('testDice'),
        testSensitivity: of('testSensitivity'),
        testHd95: of('testHd95'),
        epochs: Number(settings.epochs),
        learningRate: Number(settings.learningRate),
        seconds: of('seconds'),
      };
    });
  });
}
