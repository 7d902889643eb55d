/** The figures of the few-shot notebook. */
import type { SegmentationDataset } from '../../data/segmentation-dataset';
import type { FigureDisplay } from '../../display/figure';
import { lineComparison, type LineSeries } from '../../display/line-chart';
import { lossCurves } from '../../display/loss-chart';
import type { Displayable } from '../../display/mime';
import { armTitle } from '../../runs/arms';
import { armsTitle } from '../../runs/mask-groups';
import { scoresOfStudy } from './published';
import type { FewShotTraining, SeriesName } from './series';
import { groupTrainings, scoreOf, type ShownMetric } from './tables';
import { intervalTitle } from '../../metrics/interval-over-draws';
import { panelsByArm } from '../../workbench/mask-charts';
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

/** One metric over the number of training images, a line each way of training; the names are those of the trainings themselves. */
export function scoresOverImages(trainings: readonly FewShotTraining[], metric: ShownMetric): FigureDisplay {
  const groups = groupTrainings(trainings);
  const arms = distinct(groups.map(({ arm }) => arm));
  const draws = Math.max(...groups.map((group) => group.trainings.length));
  const series = distinct(groups.map((group) => group.series)).map((name): LineSeries => ({
    name: seriesTitles[name],
    points: groups
      .filter((group) => group.series === name)
      .map((group) => {
        const { mean, low, high } = scoreOf(group, metric);
        return { x: group.size, y: mean, interval: [low, high] as const };
      })
      .sort((a, b) => a.x - b.x),
  }));
  const title = `${metricTitles[metric]} over training images, ${arms.map(armTitle).join(' and ')}`;
  return lineComparison(
    { series, xTitle: 'Training images', yTitle: metricTitles[metric], title, intervalTitle: intervalTitle(draws) },
    { label: `${title}: a dot for each way of training and number of training images` },
  );
}

/** Loss of E and F per epoch, a diagram for each size and arm, of the first draw, with both best epochs. */
export function seriesLosses(trainings: readonly FewShotTraining[]): FigureDisplay {
  const shown = trainings.filter(({ point }) => point.draw === 0).map(({ point, run }) => ({ ...point, run }));
  const sizes = distinct(shown.map(({ size }) => size)).sort((a, b) => b - a);
  return lossCurves(
    {
      title: `Loss per epoch, ${armsTitle(shown)}`,
      lossTitle: 'Binary cross-entropy',
      ...panelsByArm(sizes, shown, {
        titleOf: (size) => `${size} training images`,
        isOf: (one, size) => one.size === size,
        curveOf: ({ series, run: { history, bestEpoch } }) => ({ name: series, history, bestEpoch }),
      }),
    },
    {
      label:
        'Training and validation loss per epoch of each series, a diagram for each number of training images and arm',
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
export function publishedScores(metric: Exclude<ShownMetric, 'hd95'>): FigureDisplay {
  const series = (['F', 'E'] as const).map((name): LineSeries => ({
    name: seriesTitles[name],
    points: scoresOfStudy
      .filter((row) => row.series === name)
      .map((row) => ({ x: row.size, y: row[metric] }))
      .sort((a, b) => a.x - b.x),
  }));
  return lineComparison(
    {
      series,
      xTitle: 'Training images',
      yTitle: metricTitles[metric],
      title: `What the study published: ${metricTitles[metric]}, its swapped legend put right`,
    },
    {
      label: `The study’s ${metricTitles[metric]} on ISIC 2017 for frozen and end-to-end training at six numbers of images`,
    },
  );
}
