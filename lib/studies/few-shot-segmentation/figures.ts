/** The figures of the few-shot notebook. */
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { barComparison } from '../../display/bar-chart';
import type { FigureDisplay } from '../../display/figure';
import { imageGrid } from '../../display/image-grid';
import { lossCurves } from '../../display/loss-chart';
import type { Displayable } from '../../display/mime';
import { mean } from '../../metrics/intervals';
import type { DenoisingRun } from '../../runs/denoise';
import type { TrainingHistory } from '../../display/history-chart';
import { scoresOfStudy } from './published';
import type { FewShotArm, FewShotTraining, SeriesName } from './series';
import { groupTrainings, scoreOf, type ShownMetric } from './tables';
import { intervalTitle } from '../../metrics/interval-over-draws';
import { predictionPanel, syntheticNote } from '../../workbench/mask-views';

const metricTitles: Readonly<Record<ShownMetric, string>> = {
  jaccard: 'Jaccard index',
  dice: 'Dice',
  sensitivity: 'Sensitivity',
  accuracy: 'Accuracy of pixels',
  hd95: 'HD95 (pixels)',
};

const seriesTitles: Readonly<Record<SeriesName, string>> = {
  F: 'F: frozen after denoising',
  E: 'E: end-to-end',
  'F without denoising': 'frozen without denoising',
  'E from the denoiser': 'end-to-end from the denoiser',
  'F from random weights': 'frozen random weights',
};

/** A series for people. */
function seriesTitle(series: SeriesName): string {
  return seriesTitles[series];
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** Grouped bars with trend lines of one metric over the number of training images; the names are those of the trainings themselves. */
export function scoreBars(trainings: readonly FewShotTraining[], metric: ShownMetric): FigureDisplay {
  const groups = groupTrainings(trainings);
  const sizes = distinct(groups.map(({ size }) => size)).sort((a, b) => b - a);
  const arms = distinct(groups.map(({ arm }) => arm));
  const draws = Math.max(...groups.map((group) => group.trainings.length));
  const series = distinct(groups.map((group) => group.series)).map((name) => {
    const scores = sizes.map((size) => {
      const group = groups.find((one) => one.series === name && one.size === size);
      return group && scoreOf(group, metric);
    });
    return {
      name: seriesTitle(name),
      values: scores.map((score) => score?.mean ?? null),
      errors: scores.map((score) => (score ? ([score.mean - score.low, score.high - score.mean] as const) : null)),
    };
  });
  const title = `${metricTitles[metric]} over training images, ${arms.map(armTitle).join(' and ')}`;
  return barComparison(
    {
      groups: sizes.map((size) => `${size} images`),
      series,
      valueTitle: metricTitles[metric],
      title,
      errorTitle: intervalTitle(draws),
      trendLines: true,
      ...(metric === 'hd95' ? { digits: 1 } : { range: [0, 1.12] as const }),
    },
    { label: `${title}: one bar for each way of training, in groups by the number of training images` },
  );
}

function armTitle(arm: FewShotArm): string {
  return arm.replace('-', ' ');
}

/** Loss of E and F per epoch, a diagram for each size, of the first draw, with both best epochs. */
export function seriesLosses(trainings: readonly FewShotTraining[]): FigureDisplay {
  const shown = trainings.filter(({ point }) => point.draw === 0);
  const sizes = distinct(shown.map(({ point }) => point.size)).sort((a, b) => b - a);
  return lossCurves(
    {
      title: `Loss per epoch, ${distinct(shown.map(({ point }) => point.arm))
        .map(armTitle)
        .join(' and ')}`,
      lossTitle: 'Binary cross-entropy',
      panels: sizes.map((size) => ({
        title: `${size} training images`,
        curves: shown
          .filter(({ point }) => point.size === size)
          .map(({ point, run: { history, bestEpoch } }) => ({ name: point.series, history, bestEpoch })),
      })),
    },
    {
      label: 'Training and validation loss per epoch of each series, one diagram for each number of training images',
      caption: 'Dashed vertical lines: the epoch with the lowest validation loss, whose weights are tested.',
    },
  );
}

/** What an arm's pre-training has come to; undefined where it was stopped. */
export type Denoised = Readonly<Record<FewShotArm, DenoisingRun | undefined>>;

/** Loss of denoising per epoch with its best epoch; undefined where none has been finished. */
export function denoisingLosses(denoised: Denoised): FigureDisplay | undefined {
  const finished = (Object.keys(denoised) as FewShotArm[]).flatMap((arm) => {
    const run = denoised[arm];
    return run === undefined ? [] : [{ name: armTitle(arm), history: run.history, bestEpoch: run.bestEpoch }];
  });
  if (finished.length === 0) return undefined;
  return lossCurves(
    {
      title: 'Denoising: reconstruction loss per epoch',
      lossTitle: 'Mean squared error',
      panels: [{ curves: finished }],
    },
    {
      label: 'Mean squared error of denoising per epoch on training and validation images',
      caption: 'Dashed vertical lines: the epoch with the lowest validation loss, whose encoder is used.',
    },
  );
}

const shownImages = 5;

/** Noisy, original and reconstructed test images below one another; undefined where the pre-training was stopped. */
export async function denoisingPanel(
  run: DenoisingRun | undefined,
  dataset: SegmentationDataset,
): Promise<Displayable | undefined> {
  if (run === undefined) return undefined;
  const { height, width } = dataset;
  const shown = run.reconstruct(dataset, shownImages);
  const bytes = height * width * 3;
  const rows = [
    ['noisy', shown.noisy],
    ['original', shown.original],
    ['reconstructed', shown.reconstructed],
  ] as const;
  return imageGrid({
    images: rows.flatMap(([title, pixels]) =>
      shown.ids.map((id, index) => {
        const image = pixels.subarray(index * bytes, (index + 1) * bytes);
        return { pixels: image, height, width, channels: 3, title, alt: `Test image ${id}, ${title}` };
      }),
    ),
    columns: shown.ids.length,
    aligned: true,
    caption: `What the denoiser makes of test images with noise of σ = ${run.noise}`,
    note: dataset.synthetic ? syntheticNote : undefined,
  });
}

export const caseNames = ['worst', 'median', 'best'] as const;
export type CaseName = (typeof caseNames)[number];

/** Test images by their mean Jaccard index over trainings: the lowest, the middle, the highest. */
export function findCase(trainings: readonly FewShotTraining[], name: CaseName): number {
  const images = trainings[0].test.scores.length;
  const means = Array.from({ length: images }, (_, image) =>
    mean(trainings.map(({ test }) => test.scores[image].jaccard)),
  );
  const order = Array.from({ length: images }, (_, image) => image).sort((a, b) => means[a] - means[b] || a - b);
  return order[{ worst: 0, median: Math.floor((images - 1) / 2), best: images - 1 }[name]];
}

/** One test image under each series and size of the first draw, with the Jaccard index of each. */
export function casePanel(
  trainings: readonly FewShotTraining[],
  dataset: SegmentationDataset,
  name: CaseName,
): Promise<Displayable> {
  const shown = trainings.filter(({ point }) => point.draw === 0);
  const image = findCase(shown, name);
  const { height, width, splits } = dataset;
  const area = height * width;
  const predictions = shown.map(({ point: { series, size }, test }) => ({
    title: `${series}, ${size} images\nJaccard ${test.scores[image].jaccard.toFixed(3)}`,
    prediction: { height, width, pixels: test.readMasks().subarray(image * area, (image + 1) * area) },
  }));
  const caption = `The ${name} case of ${splits.test.count} test images (${splits.test.ids[image]}).`;
  return predictionPanel(dataset, image, predictions, {
    caption,
    columns: distinct(shown.map(({ point }) => point.size)).length,
  });
}

/** A score of the study as its text means it; the legend of its figures has the two series swapped. */
export function publishedBars(metric: Exclude<ShownMetric, 'hd95'>): FigureDisplay {
  const sizes = distinct(scoresOfStudy.map(({ size }) => size));
  const of = (name: string) =>
    sizes.map((size) => scoresOfStudy.find((row) => row.size === size && row.series === name)?.[metric] ?? null);
  return barComparison(
    {
      groups: sizes.map((size) => `${size} images`),
      series: (['F', 'E'] as const).map((name) => ({ name: seriesTitle(name), values: of(name) })),
      valueTitle: metricTitles[metric],
      title: `What the study published: ${metricTitles[metric]}, its swapped legend put right`,
      range: [0, 1.12],
      trendLines: true,
    },
    {
      label: `The study’s ${metricTitles[metric]} on ISIC 2017 for frozen and end-to-end training at six numbers of images`,
    },
  );
}

/** Loss of one segmentation network per epoch with its best epoch. */
export function segmentationLosses({ model, history, bestEpoch }: TrainingHistory): FigureDisplay {
  return lossCurves(
    {
      title: `${model}: loss per epoch`,
      lossTitle: 'Binary cross-entropy',
      panels: [{ curves: [{ name: model, history, bestEpoch }] }],
    },
    {
      label: `Training and validation loss of ${model} per epoch`,
      caption: 'Dashed vertical line: the epoch with the lowest validation loss, whose weights are tested.',
    },
  );
}
