/** The figures of the few-shot notebook. */
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import { barComparison } from '../../display/bar-chart';
import type { FigureDisplay } from '../../display/figure';
import { lossCurves } from '../../display/loss-chart';
import type { Displayable } from '../../display/mime';
import { armTitle } from '../../runs/arms';
import { scoresOfStudy } from './published';
import type { FewShotTraining, SeriesName } from './series';
import { groupTrainings, scoreOf, type ShownMetric } from './tables';
import { intervalTitle } from '../../metrics/interval-over-draws';
import { rankedImages } from '../../workbench/mask-panels';
import { predictionPanel } from '../../workbench/mask-views';

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
      name: seriesTitles[name],
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

export const caseNames = ['worst', 'median', 'best'] as const;
export type CaseName = (typeof caseNames)[number];

/** Test images by their mean Jaccard index over trainings: the lowest, the middle, the highest. */
export function findCase(trainings: readonly FewShotTraining[], name: CaseName): number {
  const order = rankedImages(
    trainings.map(({ test }) => test.scores),
    'jaccard',
  );
  return order[{ worst: 0, median: Math.floor((order.length - 1) / 2), best: order.length - 1 }[name]];
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
      series: (['F', 'E'] as const).map((name) => ({ name: seriesTitles[name], values: of(name) })),
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
